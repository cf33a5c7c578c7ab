/* SPDX-License-Identifier: Apache-2.0 */
#include "icap_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of a line with a chunk's size, and of all trailers. */
#define CHUNK_LINE_LIMIT 256
#define TRAILERS_LIMIT 8192

void icap_answer_begin(struct icap_answer *answer, void (*take)(void *closure, const void *bytes, size_t length),
                       void *closure)
{
	memset(answer, 0, sizeof *answer);
	answer->take = take;
	answer->closure = closure;
	answer->words.preview = answer->words.options_ttl = answer->words.connections = -1;
	answer->words.infection = -1;
}

static void fail(struct icap_answer *answer, const char *why)
{
	answer->state = ICAP_BROKEN;
	answer->why = why;
}

static void copy(char to[ICAP_TEXT_SIZE], const char *from)
{
	size_t length = strnlen(from, ICAP_TEXT_SIZE - 1);
	memcpy(to, from, length);
	to[length] = '\0';
}

/* Takes blanks off the end. */
static void trim(char *text)
{
	size_t length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
		text[--length] = '\0';
}

/* Whether a list of words separated by commas has the word. */
static bool has_word(const char *list, const char *word)
{
	size_t wanted = strlen(word);
	while (*list != '\0') {
		list += strspn(list, ", \t");
		size_t length = strcspn(list, ", \t");
		if (length == wanted && strncasecmp(list, word, length) == 0)
			return true;
		list += length;
	}
	return false;
}

/* A number of digits alone; -1: it is none. */
static int64_t number_of(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits == 0 || digits > 15 || text[digits] != '\0' ? -1 : strtoll(text, NULL, 10);
}

/* One more name, if it is another one. False: it is the first, or the same. */
static bool add_name(char names[ICAP_TEXT_SIZE], const char *name)
{
	char all[ICAP_TEXT_SIZE];
	if (names[0] == '\0')
		copy(names, name);
	if (strcmp(names, name) == 0 || name[0] == '\0')
		return false;
	snprintf(all, sizeof all, "%.*s" ICAP_BETWEEN "%.*s", ICAP_TEXT_SIZE / 2 - 8, names, ICAP_TEXT_SIZE / 2 - 8, name);
	copy(names, all);
	return true;
}

/* Type=0; Resolution=2; Threat=NAME; */
static void take_infection(struct icap_words *words, char *value)
{
	char *rest = NULL;
	const char *threat = "";
	/* A header without a type still says that something was found. */
	int type = 0;
	for (char *part = strtok_r(value, ";", &rest); part != NULL; part = strtok_r(NULL, ";", &rest)) {
		part += strspn(part, " \t");
		trim(part);
		/* A type that is not known is no infection: it is taken for a policy. */
		if (strncasecmp(part, "Type=", 5) == 0)
			type = strcmp(part + 5, "0") == 0 ? 0 : strcmp(part + 5, "2") == 0 ? 2 : 1;
		else if (strncasecmp(part, "Threat=", 7) == 0)
			threat = part + 7;
	}
	/* Of several such headers the one that says most counts. */
	if (words->infection >= 0 && words->infection < type)
		return;
	bool another = words->infection == type;
	words->infection = type;
	if (another)
		words->several = add_name(words->threat, threat) || words->several;
	else if (threat[0] != '\0' && !words->several)
		copy(words->threat, threat);
}

/* The number of violations; with four lines for each behind it, the second of which is the name. */
static void take_violations(struct icap_words *words, char *value)
{
	char *rest = NULL, names[ICAP_TEXT_SIZE] = "";
	const char *count = strtok_r(value, "\n", &rest), *line;
	bool several = false;
	int64_t named = 0;
	words->violation = words->violation || count == NULL || strcmp(count, "0") != 0;
	for (unsigned i = 0; (line = strtok_r(NULL, "\n", &rest)) != NULL; i++)
		if (i % 4 == 1) {
			several = add_name(names, line) || several;
			named++;
		}
	if (named > 0 && count != NULL && named < number_of(count))
		several = add_name(names, "others") || several;
	if (several || words->threat[0] == '\0')
		copy(words->threat, names);
	words->several = words->several || several;
}

static void take_threat(struct icap_words *words, const char *value)
{
	/* A server that blocks by its policy says so in this header. */
	if (strcasecmp(value, "no threats") == 0)
		return;
	words->violation = true;
	if (words->threat[0] == '\0')
		copy(words->threat, value);
}

/* The name in quotes, or without any. */
static void take_quoted_threat(struct icap_words *words, char *value)
{
	size_t length = strlen(value);
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
		value[length - 1] = '\0';
		value++;
	}
	take_threat(words, value);
}

/* One word for the whole file. */
static void take_result(struct icap_words *words, const char *value)
{
	static const char *const clean[] = {"clean", "whitelisted", "ok", "passed"};
	for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++)
		if (strcasecmp(value, clean[i]) == 0)
			return;
	if (strcasecmp(value, "infected") == 0 || strcasecmp(value, "harmful") == 0)
		words->violation = true;
	else if (strcasecmp(value, "suspicious") == 0 || strcasecmp(value, "suspected") == 0)
		words->suspicious = true;
	else
		copy(words->strange, value[0] != '\0' ? value : "no word");
}

/* Encapsulated: req-hdr=0, res-hdr=45, res-body=100. The last part says where the headers end. */
static void take_encapsulated(struct icap_answer *answer, char *value)
{
	char *rest = NULL;
	for (char *part = strtok_r(value, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
		part += strspn(part, " \t");
		char *equals = strchr(part, '=');
		int64_t at = equals == NULL ? -1 : number_of(equals + 1);
		if (equals == NULL || at < (int64_t)answer->encapsulated || at > ICAP_ENCAPSULATED_LIMIT) {
			fail(answer, "an invalid Encapsulated header");
			return;
		}
		*equals = '\0';
		answer->encapsulated = (size_t)at;
		if (strcasecmp(part, "res-hdr") == 0) {
			answer->has_response = true;
			answer->response_at = (size_t)at;
		}
		answer->words.has_body =
			strcasecmp(part, "res-body") == 0 || strcasecmp(part, "req-body") == 0 || strcasecmp(part, "opt-body") == 0;
	}
}

static void take_field(struct icap_answer *answer, const char *name, char *value)
{
	struct icap_words *words = &answer->words;
	if (strcasecmp(name, "Encapsulated") == 0) {
		take_encapsulated(answer, value);
	} else if (strcasecmp(name, "Connection") == 0) {
		words->closes = words->closes || has_word(value, "close");
	} else if (strcasecmp(name, "ISTag") == 0) {
		copy(words->istag, value);
	} else if (strcasecmp(name, "Methods") == 0) {
		words->reqmod = words->reqmod || has_word(value, "REQMOD");
		words->respmod = words->respmod || has_word(value, "RESPMOD");
	} else if (strcasecmp(name, "Allow") == 0) {
		words->allows_204 = words->allows_204 || has_word(value, "204");
	} else if (strcasecmp(name, "Preview") == 0) {
		words->preview = number_of(value);
	} else if (strcasecmp(name, "Options-TTL") == 0) {
		words->options_ttl = number_of(value);
	} else if (strcasecmp(name, "Max-Connections") == 0) {
		words->connections = number_of(value);
	} else if (strcasecmp(name, "Service") == 0) {
		copy(words->service, value);
	} else if (strcasecmp(name, "X-Infection-Found") == 0) {
		take_infection(words, value);
	} else if (strcasecmp(name, "X-Violations-Found") == 0) {
		take_violations(words, value);
	} else if (strcasecmp(name, "X-Virus-ID") == 0 || strcasecmp(name, "X-Virus-Name") == 0) {
		take_threat(words, value);
	} else if (strcasecmp(name, "X-FSecure-Infection-Name") == 0) {
		take_quoted_threat(words, value);
	} else if (strcasecmp(name, "X-FSecure-Scan-Result") == 0 || strcasecmp(name, "X-Av-Scan-Result") == 0) {
		take_result(words, value);
	} else if (strcasecmp(name, "X-Blocked") == 0) {
		words->blocked = words->blocked || !has_word("0,false,no", value);
	} else if (strcasecmp(name, "X-Block-Reason") == 0 || strcasecmp(name, "X-Blocked-Reason") == 0) {
		words->blocked = true;
		copy(words->block_reason, value);
	} else if (strcasecmp(name, "X-Response-Info") == 0) {
		words->blocked = words->blocked || strncasecmp(value, "blocked", 7) == 0;
	}
}

/* "ICAP/1.0 204 No Content" */
static bool take_status(struct icap_answer *answer, const char *line)
{
	if (strncmp(line, "ICAP/1.0 ", 9) != 0 || strspn(line + 9, "0123456789") != 3 ||
	    (line[12] != ' ' && line[12] != '\0')) {
		fail(answer, "no ICAP answer: is another program listening there?");
		return false;
	}
	answer->words.status = atoi(line + 9);
	return true;
}

/* The end of the line at `line`, which is cut off there without blanks, and where the next one begins. */
static char *cut_line(char *line)
{
	size_t length = strcspn(line, "\n");
	char *next = line[length] == '\n' ? line + length + 1 : line + length;
	line[length] = '\0';
	trim(line);
	return next;
}

/* The header is complete, and terminated. Lines that begin with a blank continue the one before. */
static void read_head(struct icap_answer *answer)
{
	char *line = answer->head, *next = cut_line(line);
	if (!take_status(answer, line))
		return;
	for (line = next; *line != '\0' && answer->state == ICAP_HEAD; line = next) {
		next = cut_line(line);
		while (*next == ' ' || *next == '\t') {
			char *more = next + strspn(next, " \t");
			next = cut_line(next);
			size_t length = strlen(line), added = strlen(more);
			line[length] = '\n';
			memmove(line + length + 1, more, added + 1);
		}
		char *colon = strchr(line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		trim(line);
		take_field(answer, line, colon + 1 + strspn(colon + 1, " \t"));
	}
	if (answer->state == ICAP_HEAD)
		answer->state = answer->encapsulated > 0 ? ICAP_ENCAPSULATED : answer->words.has_body ? ICAP_BODY : ICAP_DONE;
}

/* Whether the header ends with an empty line. */
static bool is_complete(const struct icap_answer *answer)
{
	const char *end = answer->head + answer->used;
	return (answer->used >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0) ||
	       (answer->used >= 2 && memcmp(end - 2, "\n\n", 2) == 0);
}

static size_t feed_head(struct icap_answer *answer, const char *bytes, size_t length)
{
	size_t taken = 0;
	while (taken < length && answer->state == ICAP_HEAD) {
		char byte = bytes[taken++];
		/* Servers may send an empty line before an answer. */
		if (answer->used == 0 && (byte == '\r' || byte == '\n'))
			continue;
		if (byte == '\0' || answer->used == ICAP_HEAD_LIMIT - 1) {
			fail(answer, byte == '\0' ? "no ICAP answer" : "its header is too long");
			break;
		}
		answer->head[answer->used++] = byte;
		if (byte != '\n' || !is_complete(answer))
			continue;
		answer->head[answer->used] = '\0';
		read_head(answer);
	}
	return taken;
}

/* Of the HTTP headers, only the status of the response matters. */
static size_t feed_encapsulated(struct icap_answer *answer, const char *bytes, size_t length)
{
	size_t left = answer->encapsulated - answer->seen, taken = length < left ? length : left;
	for (size_t i = 0; i < taken; i++, answer->seen++) {
		size_t at = answer->seen - answer->response_at;
		if (answer->has_response && answer->seen >= answer->response_at && at < sizeof answer->status_line - 1)
			answer->status_line[at] = bytes[i];
	}
	if (answer->seen < answer->encapsulated)
		return taken;
	if (answer->has_response) {
		const char *line = answer->status_line;
		if (strncmp(line, "HTTP/1.", 7) != 0 || strspn(line + 9, "0123456789") < 3)
			fail(answer, "the HTTP response in it has no status");
		else
			answer->words.http_status = atoi(line + 9);
	}
	if (answer->state != ICAP_BROKEN)
		answer->state = answer->words.has_body ? ICAP_BODY : ICAP_DONE;
	return taken;
}

static int digit_of(char byte)
{
	return byte >= '0' && byte <= '9'   ? byte - '0'
	       : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
	       : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
	                                    : -1;
}

/* The line with the size of a chunk, in hexadecimal digits, perhaps with an extension behind a semicolon. */
static void take_size_byte(struct icap_answer *answer, char byte)
{
	int digit = answer->extension ? -1 : digit_of(byte);
	if (byte == '\n') {
		if (answer->line == 0)
			fail(answer, "a chunk without a size");
		answer->chunk = answer->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
		answer->line = 0;
		answer->trailer_empty = true;
		answer->extension = false;
		return;
	}
	if (++answer->line > CHUNK_LINE_LIMIT) {
		fail(answer, "the line with the size of a chunk is too long");
	} else if (digit >= 0) {
		if (answer->left > UINT64_MAX >> 8)
			fail(answer, "a chunk that is too large");
		answer->left = answer->left * 16 + (unsigned)digit;
	} else if (byte == ';' || byte == ' ' || byte == '\t' || byte == '\r') {
		answer->extension = true;
		if (answer->line == 1)
			fail(answer, "a chunk without a size");
	} else if (!answer->extension) {
		fail(answer, "a chunk with an invalid size");
	}
}

/* Behind a chunk's data stands an empty line. */
static void take_end_byte(struct icap_answer *answer, char byte)
{
	if (byte == '\n') {
		answer->chunk = CHUNK_SIZE;
		answer->line = 0;
		answer->cr = false;
	} else if (byte == '\r' && !answer->cr) {
		answer->cr = true;
	} else {
		fail(answer, "a chunk is longer than its size");
	}
}

/* Trailers, up to an empty line. */
static void take_trailer_byte(struct icap_answer *answer, char byte)
{
	if (++answer->line > TRAILERS_LIMIT)
		fail(answer, "its trailers are too long");
	else if (byte == '\n' && answer->trailer_empty)
		answer->state = ICAP_DONE;
	else if (byte == '\n')
		answer->trailer_empty = true;
	else if (byte != '\r')
		answer->trailer_empty = false;
}

static size_t feed_body(struct icap_answer *answer, const char *bytes, size_t length)
{
	size_t taken = 0;
	while (taken < length && answer->state == ICAP_BODY) {
		if (answer->chunk == CHUNK_DATA) {
			size_t part = length - taken < answer->left ? length - taken : (size_t)answer->left;
			if (answer->take != NULL)
				answer->take(answer->closure, bytes + taken, part);
			taken += part;
			answer->left -= part;
			answer->chunk = answer->left > 0 ? CHUNK_DATA : CHUNK_END;
		} else if (answer->chunk == CHUNK_SIZE) {
			take_size_byte(answer, bytes[taken++]);
		} else if (answer->chunk == CHUNK_END) {
			take_end_byte(answer, bytes[taken++]);
		} else {
			take_trailer_byte(answer, bytes[taken++]);
		}
	}
	return taken;
}

size_t icap_answer_feed(struct icap_answer *answer, const void *bytes, size_t length)
{
	size_t taken = 0;
	while (taken < length && answer->state != ICAP_DONE && answer->state != ICAP_BROKEN) {
		const char *rest = (const char *)bytes + taken;
		size_t left = length - taken;
		taken += answer->state == ICAP_HEAD           ? feed_head(answer, rest, left)
		         : answer->state == ICAP_ENCAPSULATED ? feed_encapsulated(answer, rest, left)
		                                              : feed_body(answer, rest, left);
	}
	return taken;
}
