/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/config/config_fixture.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void path_below(const struct config_fixture *fixture, const char *name, char path[512])
{
	int length = snprintf(path, 512, "%s/%s", fixture->folder, name);
	ck_assert(length > 0 && length < 512);
}

void fixture_open(struct config_fixture *fixture)
{
	char path[512];
	memset(fixture, 0, sizeof *fixture);
	strcpy(fixture->folder, "/tmp/pp-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
	path_below(fixture, "steps.d", path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(fixture->path, sizeof fixture->path, "%s/main.ini", fixture->folder);
}

static void remove_files(const char *folder)
{
	DIR *directory = opendir(folder);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(directory), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(directory);
}

void fixture_close(struct config_fixture *fixture)
{
	char path[512];
	config_free(fixture->config);
	problems_free(&fixture->problems);
	path_below(fixture, "steps.d", path);
	remove_files(path);
	remove_files(fixture->folder);
	ck_assert_int_eq(rmdir(fixture->folder), 0);
}

void fixture_write(struct config_fixture *fixture, const char *name, const char *text, size_t length)
{
	char path[512];
	path_below(fixture, name, path);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	if (length == (size_t)-1)
		length = strlen(text);
	ck_assert_uint_eq(fwrite(text, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

void fixture_read(struct config_fixture *fixture, const char *text, char *const *environment)
{
	if (text != NULL)
		fixture_write(fixture, "main.ini", text, (size_t)-1);
	config_free(fixture->config);
	problems_free(&fixture->problems);
	fixture->config = config_read(fixture->path, environment, &fixture->problems);
	ck_assert_ptr_nonnull(fixture->config);
}

static size_t count_lines(const struct problems *lines, const char *text)
{
	size_t count = 0;
	for (size_t i = 0; i < lines->count; i++)
		count += strstr(lines->line[i], text) != NULL;
	return count;
}

size_t fixture_problems(const struct config_fixture *fixture, const char *text)
{
	return count_lines(&fixture->problems, text);
}

static void show(const struct problems *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		fprintf(stderr, "  %s\n", lines->line[i]);
}

static void assert_line(const struct problems *lines, const char *text)
{
	size_t count = count_lines(lines, text);
	if (count != 1)
		show(lines);
	ck_assert_msg(count == 1, "%zu lines with \"%s\"", count, text);
}

static void assert_count(const struct problems *lines, size_t total)
{
	if (lines->count != total)
		show(lines);
	ck_assert_uint_eq(lines->count, total);
}

void assert_problems(const struct config_fixture *fixture, size_t total)
{
	assert_count(&fixture->problems, total);
}

void assert_sound(const struct config_fixture *fixture)
{
	assert_problems(fixture, 0);
}

void assert_problem(const struct config_fixture *fixture, const char *text)
{
	assert_line(&fixture->problems, text);
}

void assert_warning(const struct config_fixture *fixture, const char *text)
{
	assert_line(&fixture->config->warnings, text);
}

void assert_note(const struct config_fixture *fixture, const char *text)
{
	assert_line(&fixture->config->notes, text);
}

void assert_counts(const struct config_fixture *fixture, size_t warnings, size_t notes)
{
	assert_count(&fixture->config->warnings, warnings);
	assert_count(&fixture->config->notes, notes);
}
