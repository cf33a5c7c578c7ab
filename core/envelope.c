/* SPDX-License-Identifier: Apache-2.0 */
#include "core/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define KEY "\"Payload\""
/* Below this the parser is as good. */
#define WORTHWHILE 64
#define SHORT_LIMIT 2048

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Finds the string behind the only key "Payload" of the message. Within a JSON string a quote has a backslash before it,
 * so these bytes with both quotes and a colon behind them are a key wherever they stand. False: not that simple. */
static bool find_payload(const char *message, size_t length, const char **start, const char **stop)
{
	const char *end = message + length;
	const char *at = memmem(message, length, KEY, sizeof KEY - 1);
	if (at == NULL)
		return false;
	at += sizeof KEY - 1;
	while (at < end && is_space(*at))
		at++;
	if (at == end || *at++ != ':')
		return false;
	while (at < end && is_space(*at))
		at++;
	if (at == end || *at++ != '"')
		return false;
	*start = at;
	*stop = memchr(at, '"', (size_t)(end - at));
	return *stop != NULL && memchr(at, '\\', (size_t)(*stop - at)) == NULL &&
	       memmem(*stop, (size_t)(end - *stop), KEY, sizeof KEY - 1) == NULL;
}

/* Parses the message without the characters from start to stop; NULL: not possible that way. */
static json_t *read_without(const char *message, size_t length, const char *start, const char *stop)
{
	char text[SHORT_LIMIT], why[64];
	size_t before = (size_t)(start - message), after = (size_t)(message + length - stop);
	if (stop - start < WORTHWHILE || before + after > sizeof text)
		return NULL;
	memcpy(text, message, before);
	memcpy(text + before, stop, after);
	return json_read_object(text, before + after, why, sizeof why);
}

bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size)
{
	const char *start = NULL, *stop = NULL;
	*envelope = (struct envelope){0};
	bool cut = find_payload(message, length, &start, &stop) &&
	           (envelope->object = read_without(message, length, start, stop)) != NULL;
	/* As a whole, too, to say rightly what is wrong with it. */
	if (!cut)
		envelope->object = json_read_object(message, length, why, size);
	const json_t *payload = json_object_get(envelope->object, "Payload");
	if (json_is_string(payload)) {
		envelope->payload = json_string_value(payload);
		envelope->length = json_string_length(payload);
		/* What was cut out need not be the envelope's own: an object in it may have such a key. */
		if (cut && envelope->length == 0) {
			envelope->payload = start;
			envelope->length = (size_t)(stop - start);
		}
	}
	return envelope->object != NULL;
}

void envelope_clear(struct envelope *envelope)
{
	json_decref(envelope->object);
	*envelope = (struct envelope){0};
}
