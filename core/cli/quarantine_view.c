/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/quarantine_view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"

static void add(void *closure, const struct entry_info *info)
{
	struct quarantine_view *view = closure;
	view->entry = alloc_resized(view->entry, (view->count + 1) * sizeof *view->entry);
	struct view_entry *entry = &view->entry[view->count++];
	*entry = (struct view_entry){.info = *info};
	entry->text = folder_note(view->folder, info->name, entry->error);
	if (!note_decode(entry->text != NULL ? entry->text : "", &entry->read) && entry->text != NULL) {
		snprintf(entry->error, sizeof entry->error, "its note is not one of this service");
		free(entry->text);
		entry->text = NULL;
	}
}

static int compare(const void *one, const void *other)
{
	const struct view_entry *mine = one, *others = other;
	if (mine->info.time != others->info.time)
		return mine->info.time < others->info.time ? -1 : 1;
	return strcmp(mine->info.name, others->info.name);
}

bool quarantine_view_open(struct quarantine_view *view, const char *path)
{
	*view = (struct quarantine_view){.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (view->folder >= 0 && folder_each(view->folder, add, view)) {
		if (view->count > 0)
			qsort(view->entry, view->count, sizeof *view->entry, compare);
		return true;
	}
	terminal_error("%s: %s", path, strerror(errno));
	quarantine_view_close(view);
	return false;
}

void quarantine_view_close(struct quarantine_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		note_clear(&view->entry[i].read);
		free(view->entry[i].text);
	}
	free(view->entry);
	if (view->folder >= 0)
		close(view->folder);
}

bool view_entry_is(const struct view_entry *entry, const char *id, const char *step)
{
	return (strcmp(entry->info.name, id) == 0 || (entry->text != NULL && strcmp(entry->read.note.id, id) == 0)) &&
	       (step == NULL || strcmp(entry->read.note.step, step) == 0);
}

const char *view_entry_id(const struct view_entry *entry)
{
	return entry->text != NULL ? entry->read.note.id : entry->info.name;
}

enum { COLUMNS = 7 };

/* The cells of an entry; `room` has those that are not part of the note. */
static void fill(const struct view_entry *entry, const char *cell[COLUMNS], char room[2][TIME_TEXT_SIZE])
{
	const struct note *note = &entry->read.note;
	nanos time = entry->text != NULL ? note->time : entry->info.time;
	snprintf(room[1], sizeof room[1], "%" PRId64, note->size);
	cell[0] = time_format(time / SECOND * SECOND, room[0]);
	cell[1] = view_entry_id(entry);
	cell[2] = note->step;
	cell[3] = entry->text != NULL ? room[1] : "";
	cell[4] = note->verdict;
	cell[5] = note->filename;
	cell[6] = entry->text != NULL ? note->reason : entry->error;
}

void quarantine_view_print(const struct quarantine_view *view, const bool *chosen)
{
	static const char *const head[COLUMNS] = {"TIME", "ID", "STEP", "SIZE", "VERDICT", "FILE", "REASON"};
	const char *cell[COLUMNS];
	char room[2][TIME_TEXT_SIZE];
	int width[COLUMNS];
	for (size_t j = 0; j < COLUMNS; j++)
		width[j] = terminal_width(head[j]);
	for (size_t i = 0; i < view->count; i++) {
		fill(&view->entry[i], cell, room);
		for (size_t j = 0; j < COLUMNS && (chosen == NULL || chosen[i]); j++)
			width[j] = terminal_width(cell[j]) > width[j] ? terminal_width(cell[j]) : width[j];
	}
	for (size_t i = 0; i <= view->count; i++) {
		if (i > 0 && chosen != NULL && !chosen[i - 1])
			continue;
		if (i > 0)
			fill(&view->entry[i - 1], cell, room);
		for (size_t j = 0; j + 1 < COLUMNS; j++)
			terminal_cell(stdout, i == 0 ? head[j] : cell[j], width[j]);
		terminal_print(stdout, i == 0 ? head[COLUMNS - 1] : cell[COLUMNS - 1]);
		putchar('\n');
	}
}

static void print_line(const char *label, const char *value)
{
	if (value[0] == '\0')
		return;
	terminal_cell(stdout, label, 9);
	terminal_print(stdout, value);
	putchar('\n');
}

void view_entry_print(const struct view_entry *entry)
{
	const struct note *note = &entry->read.note;
	char time[TIME_TEXT_SIZE], size[32];
	snprintf(size, sizeof size, "%" PRId64, note->size);
	print_line("ID", note->id);
	print_line("Step", note->step);
	print_line("File", note->filename);
	if (entry->text != NULL)
		print_line("Size", size);
	print_line("SHA-256", note->sha256);
	print_line("Verdict", note->verdict);
	print_line("Reason", note->reason);
	print_line("Details", strcmp(note->details, "null") != 0 ? note->details : "");
	print_line("User", note->user);
	print_line("Space", note->space);
	print_line("Time", time_format(entry->text != NULL ? note->time : entry->info.time, time));
	print_line("Instance", note->instance);
	print_line("Entry", entry->info.name);
	print_line("Damaged", entry->error);
}

/* The note as JSON. Its details are a module's, and may have values that jansson does not take: integers become inexact
 * numbers; with others, the details are left out, and `error` says so. */
static json_t *load_note(const struct view_entry *entry, const char **error)
{
	const size_t flags = JSON_ALLOW_NUL;
	const struct note *note = &entry->read.note;
	char time[TIME_TEXT_SIZE];
	json_t *object = json_loads(entry->text, flags, NULL);
	if (object != NULL)
		return object;
	if ((object = json_loads(entry->text, flags | JSON_DECODE_INT_AS_REAL, NULL)) != NULL) {
		json_object_set_new(object, "version", json_integer(1));
		json_object_set_new(object, "size", json_integer(note->size));
		return object;
	}
	*error = "the details cannot be shown here; `postprocessing quarantine show` without --json has them";
	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "id", json_text(note->id), "step",
	                 json_text(note->step), "filename", json_text(note->filename), "size", (json_int_t)note->size,
	                 "sha256", json_text(note->sha256), "verdict", json_text(note->verdict), "reason",
	                 json_text(note->reason), "user", json_text(note->user), "space", json_text(note->space), "time",
	                 time_format(note->time, time), "instance", json_text(note->instance));
}

json_t *view_entry_json(const struct view_entry *entry)
{
	const char *error = entry->error;
	json_t *object = alloc_checked(entry->text != NULL ? load_note(entry, &error) : json_object());
	json_object_set_new(object, "entry", json_string(entry->info.name));
	json_object_set_new(object, "bytes", json_integer(entry->info.bytes));
	if (error[0] != '\0')
		json_object_set_new(object, "error", json_text(error));
	return object;
}

json_t *quarantine_view_json(const struct quarantine_view *view, const bool *chosen)
{
	json_t *array = alloc_checked(json_array());
	for (size_t i = 0; i < view->count; i++)
		if (chosen == NULL || chosen[i])
			json_array_append_new(array, view_entry_json(&view->entry[i]));
	return array;
}
