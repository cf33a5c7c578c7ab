/* SPDX-License-Identifier: Apache-2.0
 * The entries of the quarantine, as the commands list and show them. What is shown comes from the notes, which nothing
 * proves without the private key. */
#ifndef CORE_CLI_QUARANTINE_VIEW_H
#define CORE_CLI_QUARANTINE_VIEW_H

#include "core/client/json_text.h"
#include "core/quarantine/folder.h"

struct view_entry {
	struct entry_info info;
	char *text; /* the note; NULL: it is damaged: */
	char error[SEAL_ERROR_SIZE];
	struct read_note read; /* all "" if it is damaged */
};

struct quarantine_view {
	int folder;
	struct view_entry *entry; /* the oldest first */
	size_t count;
};

/* Reads the folder. False: with a message on stderr, and nothing needs to be closed. */
bool quarantine_view_open(struct quarantine_view *view, const char *path);
void quarantine_view_close(struct quarantine_view *view);

/* Whether the entry is meant by an upload's ID, or by its own name, and by the step (NULL: any). */
bool view_entry_is(const struct view_entry *entry, const char *id, const char *step);
/* The ID of the entry's upload; if it is damaged, the entry's name. */
const char *view_entry_id(const struct view_entry *entry);

/* A table with the entries for which `chosen` is set, or all of them (NULL). */
void quarantine_view_print(const struct quarantine_view *view, const bool *chosen);
void view_entry_print(const struct view_entry *entry);
/* The note, with "entry" and "bytes", or "error". */
json_t *view_entry_json(const struct view_entry *entry);
json_t *quarantine_view_json(const struct quarantine_view *view, const bool *chosen);

#endif
