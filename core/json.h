/* SPDX-License-Identifier: Apache-2.0
 * Reading JSON from outside: typed access with Go's rules (a missing key or null is the zero value, a value
 * of the wrong type is an error), and limits. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Deeper objects inside an event or record are refused. */
#define JSON_DEPTH_LIMIT 64

/* Parses one object of at most JSON_DEPTH_LIMIT levels. NULL: it is none; why[size] says why. */
json_t *json_read_object(const char *text, size_t length, char *why, size_t size);

/* A string of any bytes: those that are no UTF-8 become U+FFFD. NULL: out of memory. */
json_t *json_text(const char *text);

/* What reading members of an object found wrong first. */
struct json_reader {
	json_t *object;      /* borrowed */
	const char *wrong;   /* the key whose value has the wrong type; NULL: none so far */
};

/* "" when missing or null. Strings with a NUL inside are of the wrong type. Borrowed from the object. */
const char *json_reader_string(struct json_reader *reader, const char *key);
int64_t json_reader_integer(struct json_reader *reader, const char *key);
bool json_reader_bool(struct json_reader *reader, const char *key);
/* NULL when missing or null. Borrowed. */
json_t *json_reader_object(struct json_reader *reader, const char *key);
json_t *json_reader_array(struct json_reader *reader, const char *key);
/* The value as compact JSON text for the caller to free(), "null" when missing; NULL: out of memory. */
char *json_reader_text(struct json_reader *reader, const char *key);

#endif
