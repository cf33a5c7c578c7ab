/* SPDX-License-Identifier: Apache-2.0
 * Reads JSON in one pass and without an allocation: it checks the text and notes where the values of the wanted members
 * stand. json_reader.h takes them from there.
 *
 * The service reads JSON with this and not with jansson, which the commands use, for two reasons. A value that is passed on
 * is copied as it is written: jansson changes 0.1 to 0.10000000000000001 and refuses 12345678901234567890. And the service
 * reads every event on the bus, most of which are not for it: one of storage's, with the payload, takes 2.3 us and jansson
 * 27 us (tests/data/storage-events.jsonl, 1 KB each).
 *
 * As with Go, the last
 * one of several members of one name counts, and what is no character within a string (half a pair of surrogates, bytes
 * that are no UTF-8) does not break the text: it is read as U+FFFD. */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* Objects and arrays that are nested deeper inside an event or record are refused. */
#define JSON_DEPTH_LIMIT 64

/* Where a value stands in what was read. */
struct json_value {
	const char *key;  /* of the member that it was wanted as */
	const char *text; /* not terminated; NULL: there is none */
	size_t length;
	bool spaced;      /* there is white space in it outside of strings */
	bool odd;         /* … and in its strings what is no character, or a NUL */
};

struct json_member {
	const char *key;
	struct json_value *value;
};
#define JSON_COUNT(members) (sizeof(members) / sizeof(members)[0])

/* Reads a text that has to be one object, and sets the values of the members that are wanted. JSON_BAD, JSON_DEEP: it is
 * none, or nested too deep, as why[size] says; the members up to where it is bad, or all of them, are set even so. */
enum json_verdict { JSON_GOOD, JSON_DEEP, JSON_BAD };
enum json_verdict json_read_through(const char *text, size_t length, const struct json_member *member, size_t count, char *why, size_t size);
/* Is it JSON_GOOD? */
bool json_read(const char *text, size_t length, const struct json_member *member, size_t count, char *why, size_t size);

/* Is it a string that says this? */
bool json_says(const struct json_value *value, const char *text);

/* The elements of an array one by one. `rest` begins as the array; false: there is no other one. */
bool json_next(struct json_value *rest, struct json_value *element);
/* The same for the members of an object; `key` is the string that is the member's name. */
bool json_next_member(struct json_value *rest, struct json_value *key, struct json_value *value);

/* Is the text one JSON value, of whatever kind, nested at most `levels` deep, and all characters in it? */
bool json_is_value(const char *text, size_t length, unsigned levels);

/* Copies a value without the white space that stands outside of strings; returns where the copy ends. It is no longer than
 * the value. */
char *json_compact(char *to, const char *from, size_t length);
bool json_is_space(char c);

#endif
