/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quarantine/note.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/json_reader.h"
#include "core/base/text.h"

static const char *or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

char *note_encode(const struct note *note, const unsigned char key[SEAL_KEY])
{
	struct text text = {0};
	char filename[NOTE_FILENAME_LIMIT + 1], time[TIME_TEXT_SIZE], digits[2 * SEAL_KEY + 1];
	text_copy(filename, sizeof filename, note->filename);
	hex_encode(digits, key, SEAL_KEY);
	text_string(&text, "{\"version\":1,\"id\":", note->id);
	text_string(&text, ",\"step\":", note->step);
	text_string(&text, ",\"filename\":", filename);
	text_number(&text, ",\"size\":", note->size);
	text_string(&text, ",\"sha256\":", note->sha256);
	text_string(&text, ",\"verdict\":", or_null(note->verdict));
	text_json(&text, ",\"details\":", or_null(note->details) != NULL ? note->details : "null");
	text_string(&text, ",\"reason\":", or_null(note->reason));
	text_string(&text, ",\"user\":", or_null(note->user));
	text_string(&text, ",\"space\":", or_null(note->space));
	text_string(&text, ",\"time\":", time_format(note->time, time));
	text_string(&text, ",\"instance\":", or_null(note->instance));
	text_string(&text, ",\"key\":", digits);
	text_add(&text, "}");
	return text_take(&text);
}

bool note_decode(const char *text, struct read_note *read)
{
	struct json_value id, step, filename, size, sha256, verdict, details, reason, user, space, time, instance;
	const struct json_member members[] = {
		{"id", &id},           {"step", &step},     {"filename", &filename}, {"size", &size},
		{"sha256", &sha256},   {"reason", &reason}, {"user", &user},         {"space", &space},
		{"details", &details}, {"time", &time},     {"instance", &instance}, {"verdict", &verdict},
	};
	char why[64];
	size_t length = strlen(text);
	struct note *note = &read->note;
	read->room = alloc_bytes(JSON_ROOM(length));
	struct json_reader reader = {.room = read->room, .left = JSON_ROOM(length)};
	bool good = json_read(text, length, members, JSON_COUNT(members), why, sizeof why);
	if (good)
		*note = (struct note){.id = json_reader_string(&reader, &id),
		                      .step = json_reader_string(&reader, &step),
		                      .filename = json_reader_string(&reader, &filename),
		                      .sha256 = json_reader_string(&reader, &sha256),
		                      .verdict = json_reader_string(&reader, &verdict),
		                      .details = json_reader_text(&reader, &details),
		                      .reason = json_reader_string(&reader, &reason),
		                      .user = json_reader_string(&reader, &user),
		                      .space = json_reader_string(&reader, &space),
		                      .instance = json_reader_string(&reader, &instance),
		                      .size = json_reader_integer(&reader, &size)};
	good = good && time_parse(json_reader_string(&reader, &time), &note->time) && reader.wrong == NULL &&
	       note->id[0] != '\0' && note->step[0] != '\0';
	if (!good)
		*note = (struct note){"", "", "", "", "", "null", "", "", "", "", 0, 0};
	return good;
}

void note_clear(struct read_note *read)
{
	free(read->room);
	read->room = NULL;
}
