/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/content_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A part of a line; not terminated. */
struct part {
	const char *text;
	size_t length;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct part trim(struct part part)
{
	while (part.length > 0 && is_blank(part.text[0])) {
		part.text++;
		part.length--;
	}
	while (part.length > 0 && is_blank(part.text[part.length - 1]))
		part.length--;
	return part;
}

static bool says(struct part part, const char *word)
{
	return part.length == strlen(word) && strncasecmp(part.text, word, part.length) == 0;
}

/* Sets the reason, with the part of the header that is a name. Its other parts must not be logged. */
static bool refuse(char *why, size_t size, const char *what, const char *field, struct part value)
{
	static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+";
	char name[32];
	size_t used = 0;
	while (used < value.length && used < sizeof name - 1 && value.text[used] != '\0' &&
	       strchr(of_names, value.text[used]) != NULL) {
		name[used] = value.text[used];
		used++;
	}
	name[used] = '\0';
	snprintf(why, size, "%s (%s%s%s)", what, field, used > 0 ? ": " : "", name);
	return false;
}

/* Iterates over the elements of a list; false: there are no more. */
static bool next_element(struct part *rest, struct part *element)
{
	if (rest->text == NULL)
		return false;
	const char *comma = memchr(rest->text, ',', rest->length);
	size_t length = comma != NULL ? (size_t)(comma - rest->text) : rest->length;
	*element = trim((struct part){rest->text, length});
	if (comma == NULL)
		*rest = (struct part){0};
	else
		*rest = (struct part){comma + 1, rest->length - length - 1};
	return true;
}

static bool take_content_encoding(struct part value, char *why, size_t size)
{
	for (struct part coding; next_element(&value, &coding);)
		if (coding.length > 0 && !says(coding, "identity"))
			return refuse(why, size, "it uses an encoding that was not requested", "Content-Encoding", coding);
	return true;
}

static bool take_transfer_encoding(struct content_head *head, struct part value, char *why, size_t size)
{
	for (struct part coding; next_element(&value, &coding);) {
		if (!says(coding, "chunked"))
			return refuse(why, size, "it uses an encoding that was not requested", "Transfer-Encoding", coding);
		if (head->chunked)
			return refuse(why, size, "it has two transfer encodings", "Transfer-Encoding", coding);
		head->chunked = true;
	}
	return true;
}

static bool read_length(struct part text, int64_t *length)
{
	*length = 0;
	for (size_t i = 0; i < text.length; i++)
		if (text.text[i] < '0' || text.text[i] > '9' || __builtin_mul_overflow(*length, 10, length) ||
		    __builtin_add_overflow(*length, text.text[i] - '0', length))
			return false;
	return text.length > 0;
}

static bool take_length(struct content_head *head, struct part value, char *why, size_t size)
{
	int64_t length;
	if (!read_length(value, &length))
		return refuse(why, size, "its length is not a number", "Content-Length", value);
	if (head->sized && head->length != length)
		return refuse(why, size, "it has two lengths", "Content-Length", value);
	head->sized = true;
	head->length = length;
	return true;
}

static bool take_field(struct content_head *head, struct part line, char *why, size_t size)
{
	const char *colon = memchr(line.text, ':', line.length);
	struct part name = {line.text, colon != NULL ? (size_t)(colon - line.text) : 0};
	/* HTTP implementations differ in how they handle continuation lines, and a blank before the colon. */
	if (name.length == 0 || is_blank(name.text[0]) || is_blank(name.text[name.length - 1]))
		return refuse(why, size, "it has an invalid header line", "header", (struct part){0});
	struct part value = trim((struct part){colon + 1, line.length - name.length - 1});
	if (says(name, "Content-Encoding"))
		return take_content_encoding(value, why, size);
	if (says(name, "Transfer-Encoding"))
		return take_transfer_encoding(head, value, why, size);
	if (says(name, "Content-Length"))
		return take_length(head, value, why, size);
	if (says(name, "Content-Range"))
		return refuse(why, size, "it contains only a part of the bytes", "Content-Range", value);
	return true;
}

static bool end(struct content_head *head, char *why, size_t size)
{
	head->complete = true;
	if (!head->chunked || !head->sized)
		return true;
	snprintf(why, size, "it has both Transfer-Encoding and Content-Length");
	return false;
}

bool content_head_take(struct content_head *head, const char *line, size_t length, char *why, size_t size)
{
	bool status = length >= 5 && memcmp(line, "HTTP/", 5) == 0;
	head->bytes += length;
	if (head->bytes > CONTENT_HEAD_LIMIT) {
		snprintf(why, size, "its headers are longer than %zu KiB", CONTENT_HEAD_LIMIT / 1024);
		return false;
	}
	if (status) {
		bool well = length > 12 && memcmp(line, "HTTP/1.", 7) == 0 && memcmp(line + 8, " 200", 4) == 0 &&
		            (line[12] == ' ' || line[12] == '\r' || line[12] == '\n');
		*head = (struct content_head){.bytes = head->bytes, .well = well};
		return true;
	}
	/* Trailers after the body are not part of the headers. */
	if (head->complete || !head->well)
		return true;
	struct part rest = {line, length};
	while (rest.length > 0 && (rest.text[rest.length - 1] == '\n' || rest.text[rest.length - 1] == '\r'))
		rest.length--;
	return rest.length == 0 ? end(head, why, size) : take_field(head, rest, why, size);
}
