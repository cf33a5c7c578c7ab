/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target on files, or on all files of a folder, so that each input that the fuzzer has found is tested
 * from then on, without libFuzzer. Without arguments: the target's corpus below $srcdir. Fails if there was no
 * input. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/text_file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

/* Returns how many inputs there were, or -1. */
static int replay_file(const char *path)
{
	size_t length;
	char *bytes = text_file_read(path, INPUT_MAX, &length, &(struct stat){0});
	if (bytes == NULL) {
		perror(path);
		return -1;
	}
	/* A copy of the exact size, so that a sanitizer sees a read beyond it. */
	uint8_t *exact = malloc(length == 0 ? 1 : length);
	if (exact != NULL) {
		memcpy(exact, bytes, length);
		/* Printed before, so that a crash names its input. */
		fprintf(stderr, "%s\n", path);
		LLVMFuzzerTestOneInput(exact, length);
	}
	free(bytes);
	free(exact);
	return exact == NULL ? -1 : 1;
}

static int replay_folder(const char *folder)
{
	DIR *directory = opendir(folder);
	if (directory == NULL) {
		perror(folder);
		return -1;
	}
	int count = 0;
	for (struct dirent *entry = readdir(directory); entry != NULL && count >= 0; entry = readdir(directory)) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		count = length >= (int)sizeof path || replay_file(path) < 0 ? -1 : count + 1;
	}
	closedir(directory);
	return count;
}

static int replay(const char *path)
{
	struct stat stat_of_path;
	if (stat(path, &stat_of_path) != 0) {
		perror(path);
		return -1;
	}
	return S_ISDIR(stat_of_path.st_mode) ? replay_folder(path) : replay_file(path);
}

int main(int argc, char **argv)
{
	char path[4096];
	const char *source = getenv("srcdir");
	int count = 0;
	if (argc == 1) {
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source == NULL ? "." : source, FUZZ_CORPUS);
		count = replay(path);
	}
	for (int i = 1; i < argc && count >= 0; i++) {
		int more = replay(argv[i]);
		count = more < 0 ? -1 : count + more;
	}
	fprintf(stderr, "%d inputs\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
