/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/base/text_file.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define FOLDER_MAX 1000
#define PLACE_SIZE (PATH_MAX + 32)

/* inih gets one line at a time, and only the key and its =; the value is taken from the line itself. Otherwise inih
 * would cut a value at " ;" even in quotes, silently truncate long lines and section names, treat indented lines as
 * continuations, pass no line numbers, and report only the first error. */
struct ini_file {
	struct config_source *source;
	struct problems *problems;
	const char *name;
	const char *next, *end;
	unsigned line;
	enum setting_rank rank;
	unsigned number; /* among the files */
	struct section *section;
	bool in_section;   /* a header was seen; `section` is NULL if it was invalid, and its keys are skipped */
	bool pending;      /* the key passed to inih has not been returned */
	const char *value; /* of the line that was handed out, without white space around it */
	size_t value_length;
	char place[PLACE_SIZE];
};

static const char *place_here(struct ini_file *file)
{
	snprintf(file->place, sizeof file->place, "%s:%u", file->name, file->line);
	return file->place;
}

/* These return what is wrong with the name, or NULL. */
static const char *check_section(const struct ini_file *file, const char *name, char *why, size_t size)
{
	const char *step = section_step(name);
	if (step != NULL)
		return step_name_check(step, why, size) ? NULL : why;
	struct nearest nearest = {0};
	char words[NEAREST_WORDS_SIZE], of_step[STEP_SECTION_SIZE];
	for (const struct config_section *known = config_sections; known->name != NULL; known++) {
		if (strcmp(known->name, name) == 0)
			return file->rank == RANK_DROPIN ? "files in steps.d may contain only [step:NAME] sections" : NULL;
		nearest_offer(&nearest, name, known->name);
	}
	/* Its prefix may be misspelt: stp:NAME, step-NAME, steps.NAME. */
	const char *rest = name + strcspn(name, ":.-_ ");
	if (*rest != '\0' && rest != name && step_name_check(rest + 1, why, size)) {
		snprintf(of_step, sizeof of_step, STEP_PREFIX "%.*s", STEP_NAME_MAX, rest + 1);
		nearest_offer(&nearest, name, of_step);
	}
	snprintf(why, size, "unknown section%s", nearest_words(&nearest, "[", "]", words));
	return why;
}

static void read_header(struct ini_file *file, const char *line, size_t length)
{
	char name[128], why[VALUE_WHY_SIZE];
	const char *end = memchr(line, ']', length);
	file->section = NULL;
	file->in_section = true;
	if (end == NULL) {
		problems_add(file->problems, "%s: missing ] after the section name", place_here(file));
		return;
	}
	const char *rest = end + 1;
	while (rest < line + length && (*rest == ' ' || *rest == '\t'))
		rest++;
	if (rest < line + length && *rest != ';' && *rest != '#') {
		problems_add(file->problems, "%s: unexpected text after the section name", place_here(file));
		return;
	}
	int written = snprintf(name, sizeof name, "%.*s", (int)(end - line - 1), line + 1);
	const char *wrong = written >= (int)sizeof name ? "unknown section" : check_section(file, name, why, sizeof why);
	if (wrong != NULL)
		problems_add(file->problems, "%s: [%s]: %s", place_here(file), name, wrong);
	else
		file->section = source_section_add(file->source, name, place_here(file), file->problems);
}

/* A line passed to inih that was not returned is neither key = value nor a comment. The line is not shown, because it
 * may contain a password without its "=". */
static void settle_pending(struct ini_file *file)
{
	if (file->pending)
		problems_add(file->problems, "%s: expected key = value", place_here(file));
	file->pending = false;
}

/* The next line without white space around it; false at the end. */
static bool next_line(struct ini_file *file, const char **line, size_t *length)
{
	if (file->next >= file->end)
		return false;
	const char *start = file->next;
	const char *newline = memchr(start, '\n', (size_t)(file->end - start));
	const char *stop = newline == NULL ? file->end : newline;
	file->next = newline == NULL ? file->end : newline + 1;
	file->line++;
	while (start < stop && (*start == ' ' || *start == '\t'))
		start++;
	while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
		stop--;
	*line = start;
	*length = (size_t)(stop - start);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Passes the key with its = to inih, and remembers the value. False: there is no key, or it is too long. */
static bool hand_out(struct ini_file *file, char *buffer, size_t size, const char *line, size_t length)
{
	size_t key = 0;
	while (key < length && line[key] != '=' && line[key] != ':')
		key++;
	if (key == length || key + 2 > size) {
		problems_add(file->problems, key == length ? "%s: expected key = value" : "%s: the key is too long",
		             place_here(file));
		return false;
	}
	memcpy(buffer, line, key + 1);
	buffer[key + 1] = '\0';
	file->value = line + key + 1;
	while (file->value < line + length && is_blank(*file->value))
		file->value++;
	file->value_length = (size_t)(line + length - file->value);
	file->pending = true;
	return true;
}

/* inih's reader: the next line with a key. */
static char *read_line(char *buffer, int size, void *stream)
{
	struct ini_file *file = stream;
	const char *line;
	size_t length;
	settle_pending(file);
	while (next_line(file, &line, &length)) {
		if (length == 0 || *line == ';' || *line == '#')
			continue;
		const char *fault = text_fault(line, length);
		if (fault != NULL)
			problems_add(file->problems, "%s: %s", place_here(file), fault);
		else if (*line == '[')
			read_header(file, line, length);
		else if (!file->in_section)
			problems_add(file->problems, "%s: key before the first [section]", place_here(file));
		else if (file->section != NULL && hand_out(file, buffer, (size_t)size, line, length))
			return buffer;
	}
	return NULL;
}

/* Whether a comment begins in the text: a ; or # after white space. `after_blank`: there is white space before
 * `text`. */
static bool has_comment(const char *text, size_t length, bool after_blank)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] == ';' || text[i] == '#') && (i == 0 ? after_blank : is_blank(text[i - 1])))
			return true;
	return false;
}

/* Whether a quote is followed by a comment: `"a" ; "b"` is not one quoted value. */
static bool ends_early(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		size_t rest = i + 1;
		while (text[i] == '"' && rest < length && is_blank(text[rest]))
			rest++;
		if (rest > i + 1 && rest < length && (text[rest] == ';' || text[rest] == '#'))
			return true;
	}
	return false;
}

/* Removes the quotes of a quoted value. Returns what is wrong with the value, or NULL. */
static const char *unquote(struct ini_file *file)
{
	const char *value = file->value;
	size_t length = file->value_length;
	bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
	bool comment =
		quoted ? ends_early(value + 1, length - 2) : has_comment(value, length, length > 0 && is_blank(value[-1]));
	if (comment)
		return "\" ;\" or \" #\" in a value: put a comment on its own line, or the whole value in double quotes";
	if (quoted) {
		file->value++;
		file->value_length -= 2;
	}
	return NULL;
}

static int take_setting(void *user, const char *section, const char *name, const char *rest)
{
	struct ini_file *file = user;
	(void)section;
	(void)rest;
	if (*name == '\0')
		return 0;
	file->pending = false;
	const char *fault = unquote(file);
	if (fault != NULL) {
		problems_add(file->problems, "%s: %s: %s", place_here(file), name, fault);
		return 1;
	}
	char *value = alloc_text_part(file->value, file->value_length);
	const struct setting setting = {(char *)name, value, (char *)place_here(file), file->rank, file->number};
	section_set(file->section, &setting, file->problems);
	free(value);
	return 1;
}

void config_file_parse(struct config_source *source, const char *name, const char *bytes, size_t length,
                       enum setting_rank rank, struct problems *problems)
{
	static const char mark[] = "\xEF\xBB\xBF", wide[2][3] = {"\xFF\xFE", "\xFE\xFF"};
	struct ini_file file = {
		.source = source, .problems = problems, .name = name, .rank = rank, .number = ++source->files};
	bool marked = length >= 3 && memcmp(bytes, mark, 3) == 0;
	if (length >= 2 && (memcmp(bytes, wide[0], 2) == 0 || memcmp(bytes, wide[1], 2) == 0)) {
		problems_add(problems, "%s: UTF-16: save it as UTF-8", name);
		return;
	}
	file.next = marked ? bytes + 3 : bytes;
	file.end = bytes + length;
	/* The result is the first invalid line; all are in `problems`. */
	ini_parse_stream(read_line, &file, take_setting, &file);
}

void config_file_read(struct config_source *source, const char *path, enum setting_rank rank, bool may_be_missing,
                      struct problems *problems)
{
	size_t length;
	struct stat info;
	char *bytes = text_file_read(path, FILE_MAX, &length, &info);
	if (bytes == NULL) {
		if (errno == EFBIG)
			problems_add(problems, "%s: larger than %zu bytes", path, FILE_MAX);
		else if (errno == EINVAL)
			problems_add(problems, "%s: not a regular file", path);
		else if (errno != ENOENT || !may_be_missing)
			problems_add(problems, "%s: %s", path, strerror(errno));
		return;
	}
	config_file_parse(source, path, bytes, length, rank, problems);
	source_file_add(source, path, source->files, &info);
	free(bytes);
}

static int is_ini(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".ini") == 0;
}

/* Not alphasort(), whose order depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void config_folder_read(struct config_source *source, const char *folder, struct problems *problems)
{
	struct dirent **entry;
	struct stat info;
	int count = scandir(folder, &entry, is_ini, by_name);
	if (count < 0) {
		if (errno != ENOENT)
			problems_add(problems, "%s: %s", folder, strerror(errno));
		return;
	}
	if (stat(folder, &info) == 0)
		source_file_add(source, folder, 0, &info);
	if (count > FOLDER_MAX)
		problems_add(problems, "%s: more than %d files", folder, FOLDER_MAX);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
		if (length < 0 || length >= (int)sizeof path)
			problems_add(problems, "%s: %s", folder, strerror(ENAMETOOLONG));
		else if (count <= FOLDER_MAX)
			config_file_read(source, path, RANK_DROPIN, false, problems);
		free(entry[i]);
	}
	free(entry);
}
