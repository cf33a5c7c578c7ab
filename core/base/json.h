/* SPDX-License-Identifier: Apache-2.0
 * Reads JSON in one pass and without allocations: it validates the text and records the positions of the wanted
 * members' values. json_reader.h extracts the values.
 *
 * The service uses this reader instead of jansson, which the commands use, for two reasons. First, values that are
 * passed on are copied unchanged, whereas jansson changes 0.1 to 0.10000000000000001 and rejects 12345678901234567890.
 * Second, the service reads every event on the bus, most of which are not for it. An event of storage with its payload
 * takes 2.3 us here and 27 us with jansson (tests/data/storage-events.jsonl, 1 KB each).
 *
 * As in Go, the last of several members with the same name counts, and invalid characters in a string (unpaired
 * surrogates, invalid UTF-8) do not make the text invalid: they are read as U+FFFD. */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* The maximum nesting depth of objects and arrays in an event or record. */
#define JSON_DEPTH_LIMIT 64

/* The position of a value in the text. */
struct json_value {
	const char *key;  /* the key of the wanted member */
	const char *text; /* not terminated; NULL: missing */
	size_t length;
	bool spaced; /* it contains white space outside of strings */
	bool odd;    /* its strings contain an invalid character or a NUL */
};

struct json_member {
	const char *key;
	struct json_value *value;
};
#define JSON_COUNT(members) (sizeof(members) / sizeof(members)[0])

/* Reads a text that must be one object, and sets the values of the wanted members. JSON_BAD: not an object; JSON_DEEP:
 * nested too deeply; why[size] has the reason. Even then, the members before the error (JSON_BAD) or all members
 * (JSON_DEEP) are set. */
enum json_verdict { JSON_GOOD, JSON_DEEP, JSON_BAD };
enum json_verdict json_read_through(const char *text, size_t length, const struct json_member *member, size_t count,
                                    char *why, size_t size);
/* Whether json_read_through() returns JSON_GOOD. */
bool json_read(const char *text, size_t length, const struct json_member *member, size_t count, char *why, size_t size);

/* Whether the value is this string. */
bool json_says(const struct json_value *value, const char *text);

/* Iterates over the elements of an array. `rest` is initially the array. False: there are no more elements. */
bool json_next(struct json_value *rest, struct json_value *element);
/* The same for the members of an object; `key` is the member's name as a string value. */
bool json_next_member(struct json_value *rest, struct json_value *key, struct json_value *value);

/* Whether the text is one JSON value of any type, nested at most `levels` deep, with valid characters only. */
bool json_is_value(const char *text, size_t length, unsigned levels);

/* Copies a value without the white space outside of strings, and returns the end of the copy, which is never longer
 * than the value. */
char *json_compact(char *to, const char *from, size_t length);
bool json_is_space(char c);

#endif
