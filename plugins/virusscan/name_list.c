/* SPDX-License-Identifier: Apache-2.0 */
#include "name_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cause.h"

#define DIGEST_LENGTH 64
#define EXPECTED "expected the SHA-256 of a file (64 hex digits) or the name of a signature"

struct entry {
	const char *text;
	size_t line;
};

struct name_list {
	char *text; /* the file's */
	struct entry *entry;
	size_t count;
	bool digests;
};

static int compare(const void *left, const void *right)
{
	const struct entry *one = left, *other = right;
	return strcmp(one->text, other->text);
}

static bool read_file(const char *path, char **text, char *why, size_t size)
{
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		char error[ERROR_TEXT_SIZE];
		snprintf(why, size, "%s: %s", path, format_error(errno, error));
		return false;
	}
	*text = malloc(NAME_LIST_SIZE_LIMIT + 1);
	size_t length = *text != NULL ? fread(*text, 1, NAME_LIST_SIZE_LIMIT + 1, file) : 0;
	const char *problem = *text == NULL                   ? "out of memory"
	                      : ferror(file)                  ? "cannot be read"
	                      : length > NAME_LIST_SIZE_LIMIT ? "larger than 16 MiB"
	                                                      : NULL;
	fclose(file);
	char *shorter = problem == NULL ? realloc(*text, length + 1) : NULL;
	if (shorter != NULL)
		*text = shorter;
	if (problem == NULL) {
		(*text)[length] = '\0';
		if (strlen(*text) == length)
			return true;
		problem = "not a text: it has a zero byte";
	}
	free(*text);
	snprintf(why, size, "%s: %s", path, problem);
	return false;
}

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

static bool is_digest(const char *text)
{
	return strlen(text) == DIGEST_LENGTH && is_hex(text);
}

static bool is_printable(const char *text)
{
	while (*text > 0x20 && *text < 0x7f)
		text++;
	return *text == '\0';
}

/* As some tools write digests. Names can have colons, too. */
static bool has_kind(const char *text)
{
	static const char *const kinds[] = {"sha256:", "sha512:", "sha1:", "md5:"};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strncasecmp(text, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* Takes a line apart. Returns its entry; "": it has none; NULL: it has more than one word. What sha256sum prints has
 * the name of the file behind the digest, and a backslash in front if that name is odd. */
static char *read_line(char *line)
{
	line += strspn(line, " \t\r");
	char *rest = line + strcspn(line, " \t\r");
	if (*line == '#')
		*line = '\0';
	if (*line == '\0' || *rest == '\0')
		return line;
	*rest++ = '\0';
	rest += strspn(rest, " \t\r");
	if (*rest == '\0' || *rest == '#' || is_digest(line))
		return line;
	return line[0] == '\\' && is_digest(line + 1) ? line + 1 : NULL;
}

/* Adds the entry of one line, which was taken apart. Returns NULL, or what is expected in its place. */
static const char *add(struct name_list *list, char *text, size_t line)
{
	size_t length = strlen(text);
	bool digest = is_digest(text);
	if (has_kind(text))
		return "a digest has to be a SHA-256, 64 hex digits without a word in front";
	if (strchr(text, '*') != NULL)
		return "wildcards (*) are not possible: put each name in a line of its own";
	/* A digest that lost digits, or one of another kind, would be ignored in silence. */
	if (!is_printable(text) || (!digest && length >= 32 && is_hex(text)))
		return EXPECTED;
	for (size_t i = 0; digest && i < length; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	list->digests = list->digests || digest;
	list->entry[list->count++] = (struct entry){text, line};
	return NULL;
}

static bool read_lines(struct name_list *list, const char *path, char *why, size_t size)
{
	size_t lines = 1;
	for (const char *c = list->text; *c != '\0'; c++)
		lines += *c == '\n';
	list->entry = calloc(lines, sizeof *list->entry);
	if (list->entry == NULL) {
		snprintf(why, size, "%s: out of memory", path);
		return false;
	}
	char *next = list->text;
	for (size_t line = 1; next != NULL; line++) {
		char *begin = next, *end = strchr(begin, '\n');
		next = end != NULL ? end + 1 : NULL;
		if (end != NULL)
			*end = '\0';
		char *text = read_line(begin);
		const char *wrong = text == NULL ? EXPECTED : *text != '\0' ? add(list, text, line) : NULL;
		if (wrong != NULL) {
			snprintf(why, size, "%s:%zu: %s", path, line, wrong);
			return false;
		}
	}
	qsort(list->entry, list->count, sizeof *list->entry, compare);
	return true;
}

struct name_list *name_list_read(const char *path, char *why, size_t size)
{
	struct name_list *list = calloc(1, sizeof *list);
	if (list == NULL) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	if (!read_file(path, &list->text, why, size)) {
		free(list);
		return NULL;
	}
	if (read_lines(list, path, why, size))
		return list;
	name_list_free(list);
	return NULL;
}

void name_list_free(struct name_list *list)
{
	if (list == NULL)
		return;
	free(list->entry);
	free(list->text);
	free(list);
}

size_t name_list_find(const struct name_list *list, const char *text)
{
	if (list == NULL || text[0] == '\0')
		return 0;
	const struct entry wanted = {text, 0};
	const struct entry *found = bsearch(&wanted, list->entry, list->count, sizeof *list->entry, compare);
	return found != NULL ? found->line : 0;
}

bool name_list_has_digests(const struct name_list *list)
{
	return list != NULL && list->digests;
}
