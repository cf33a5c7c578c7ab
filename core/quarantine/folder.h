/* SPDX-License-Identifier: Apache-2.0
 * The folder of the quarantine. An entry is NAME.sealed, a sealed file (seal.h), and NAME.json, a copy of its note for
 * people and other programs: what counts is the note in the sealed file. NAME is made of the upload's ID and the step,
 * so that the same step on the same upload has one entry.
 *
 * Files are written under another name that ends with .tmp and locked meanwhile (flock), so that what a crash has left
 * can be told from what is being written. Several processes can use the same folder. */
#ifndef CORE_QUARANTINE_FOLDER_H
#define CORE_QUARANTINE_FOLDER_H

#include "core/quarantine/note.h"

/* 32 hexadecimal digits. */
#define ENTRY_NAME_SIZE 33
#define ENTRY_FILE_SIZE 48

/* False: no digest can be computed. */
bool entry_name(const char *id, const char *step, char name[ENTRY_NAME_SIZE]);
/* The name of one of its files; `suffix`: ".sealed" or ".json". */
const char *entry_file(const char *name, const char *suffix, char file[ENTRY_FILE_SIZE]);
#define ENTRY_SEALED ".sealed"
#define ENTRY_NOTE ".json"

/* An entry of a folder. */
struct entry_info {
	char name[ENTRY_NAME_SIZE];
	int64_t bytes; /* of the sealed file */
	nanos time;    /* when it was written */
};

/* Calls `each` for every entry, in no order; it may remove the entry. False: the folder cannot be read (errno). */
bool folder_each(int folder, void (*each)(void *closure, const struct entry_info *entry), void *closure);

/* The note of an entry, which the caller frees. NULL: the entry is gone or damaged; `error` has the reason. */
char *folder_note(int folder, const char *name, char error[SEAL_ERROR_SIZE]);
/* Opens the sealed file for reading. -1: failed (errno). */
int folder_open_sealed(int folder, const char *name);

/* Removes an entry, durably. False: failed (errno; ENOENT: another process has removed it; ESTALE: another one has
 * replaced it since `entry` was looked at, and it is left alone). */
bool folder_remove_entry(int folder, const struct entry_info *entry);

/* Removes what processes that died while they wrote have left behind, and notes without a sealed file. Returns how
 * many files that were. */
size_t folder_clean(int folder);

/* Creates a file (0600) with a name of its own, for writing; `name` gets the name. -1: failed (errno). */
#define DRAFT_NAME_SIZE 80
int draft_create(int folder, const char *file, char name[DRAFT_NAME_SIZE]);
/* Gives the draft, which is complete, its name, and closes it. False: failed (errno), and the draft is gone. The folder
 * is not synchronized. */
bool draft_publish(int folder, int draft, const char *name, const char *file);
/* Closes and removes it. */
void draft_drop(int folder, int draft, const char *name);

#endif
