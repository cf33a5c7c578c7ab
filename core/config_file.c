/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_keys.h"
#include "core/config_source.h"
#include "core/text_file.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define FOLDER_MAX 1000
#define PLACE_SIZE (PATH_MAX + 32)

/* inih is given one line after the other, and only lines of the form key = value. Of itself it cuts long lines and
 * section names short without a word, takes indented lines for more of the value before, passes no line
 * numbers and tells of the first error only. */
struct ini_file {
	struct config_source *source;
	struct problems *problems;
	const char *name;
	const char *next, *end;
	unsigned line;
	enum setting_rank rank;
	struct section *section;
	bool in_section; /* some header was seen; `section` is NULL if it was a wrong one, whose keys are skipped */
	bool pending;    /* the line that was handed out has not come back as key and value */
	char place[PLACE_SIZE];
};

static const char *place_here(struct ini_file *file)
{
	snprintf(file->place, sizeof file->place, "%s:%u", file->name, file->line);
	return file->place;
}

/* Each returns what is wrong with the name, NULL if nothing is. */
static const char *check_section(const struct ini_file *file, const char *name, char *why, size_t size)
{
	bool is_step = strncmp(name, STEP_PREFIX, strlen(STEP_PREFIX)) == 0;
	if (is_step)
		return step_name_check(name + strlen(STEP_PREFIX), why, size) ? NULL : why;
	if (!config_keys_section(name))
		return "unknown section";
	return file->rank == RANK_DROPIN ? "a file of steps.d may have [step:NAME] sections only" : NULL;
}

static void read_header(struct ini_file *file, const char *line, size_t length)
{
	char name[128], why[VALUE_WHY_SIZE];
	const char *end = memchr(line, ']', length);
	file->section = NULL;
	file->in_section = true;
	if (end == NULL) {
		problems_add(file->problems, "%s: a section's name ends with ]", place_here(file));
		return;
	}
	const char *rest = end + 1;
	while (rest < line + length && (*rest == ' ' || *rest == '\t'))
		rest++;
	if (rest < line + length && *rest != ';' && *rest != '#') {
		problems_add(file->problems, "%s: text behind a section's name", place_here(file));
		return;
	}
	int written = snprintf(name, sizeof name, "%.*s", (int)(end - line - 1), line + 1);
	const char *wrong = written >= (int)sizeof name ? "unknown section" : check_section(file, name, why, sizeof why);
	if (wrong != NULL)
		problems_add(file->problems, "%s: [%s]: %s", place_here(file), name, wrong);
	else
		file->section = source_section_add(file->source, name, place_here(file), file->problems);
}

static bool has_control(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return true;
	return false;
}

/* What was handed out last and did not come back is neither key = value nor a comment. The line itself may hold a
 * password whose "=" is missing: it is not shown. */
static void settle_pending(struct ini_file *file)
{
	if (file->pending)
		problems_add(file->problems, "%s: not of the form key = value", place_here(file));
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
		if (has_control(line, length)) {
			problems_add(file->problems, "%s: control characters", place_here(file));
		} else if (*line == '[') {
			read_header(file, line, length);
		} else if (length >= (size_t)size) {
			problems_add(file->problems, "%s: longer than %d bytes", place_here(file), size - 1);
		} else if (!file->in_section) {
			problems_add(file->problems, "%s: a key before the first [section]", place_here(file));
		} else if (file->section != NULL) {
			memcpy(buffer, line, length);
			buffer[length] = '\0';
			file->pending = true;
			return buffer;
		}
	}
	return NULL;
}

static int take_setting(void *user, const char *section, const char *name, const char *value)
{
	struct ini_file *file = user;
	(void)section;
	if (*name == '\0' || value == NULL)
		return 0;
	file->pending = false;
	const struct setting setting = {(char *)name, (char *)value, (char *)place_here(file), file->rank};
	section_set(file->section, &setting, file->problems);
	return 1;
}

void config_file_parse(struct config_source *source, const char *name, const char *bytes, size_t length,
                       enum setting_rank rank, struct problems *problems)
{
	static const char mark[] = "\xEF\xBB\xBF";
	struct ini_file file = {.source = source, .problems = problems, .name = name, .rank = rank};
	bool marked = length >= 3 && memcmp(bytes, mark, 3) == 0;
	file.next = marked ? bytes + 3 : bytes;
	file.end = bytes + length;
	/* Its result is the first line in error, all of which are in `problems`, or below 0 for want of memory. */
	if (ini_parse_stream(read_line, &file, take_setting, &file) < 0)
		problems_add(problems, "%s: out of memory", name);
}

static void read_file(struct config_source *source, const char *path, enum setting_rank rank, bool may_be_missing,
                      struct problems *problems)
{
	size_t length;
	char *bytes = text_file_read(path, FILE_MAX, &length);
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
	free(bytes);
}

void config_file_read(struct config_source *source, const char *path, bool may_be_missing, struct problems *problems)
{
	read_file(source, path, RANK_MAIN, may_be_missing, problems);
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
	int count = scandir(folder, &entry, is_ini, by_name);
	if (count < 0) {
		if (errno != ENOENT)
			problems_add(problems, "%s: %s", folder, strerror(errno));
		return;
	}
	if (count > FOLDER_MAX)
		problems_add(problems, "%s: more than %d files", folder, FOLDER_MAX);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
		if (length < 0 || length >= (int)sizeof path)
			problems_add(problems, "%s: %s", folder, strerror(ENAMETOOLONG));
		else if (count <= FOLDER_MAX)
			read_file(source, path, RANK_DROPIN, false, problems);
		free(entry[i]);
	}
	free(entry);
}
