/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/family.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/process_usage.h"

#define FAMILY_LIMIT 64

static FILE *open_entry(pid_t pid, const char *name, const char *mode)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	return fopen(path, mode);
}

static pid_t parent_of(pid_t pid)
{
	char line[1024] = "";
	long parent = 0;
	FILE *file = open_entry(pid, "stat", "re");
	if (file == NULL)
		return 0;
	const char *rest = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
	fclose(file);
	return rest != NULL && sscanf(rest, ") %*c %ld", &parent) == 1 ? (pid_t)parent : 0;
}

/* The process and its children. Returns how many. */
static size_t find_members(pid_t parent, pid_t member[FAMILY_LIMIT])
{
	size_t count = 0;
	member[count++] = parent;
	DIR *folder = opendir("/proc");
	if (folder == NULL)
		return count;
	for (const struct dirent *entry; count < FAMILY_LIMIT && (entry = readdir(folder)) != NULL;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && parent_of(pid) == parent)
			member[count++] = pid;
	}
	closedir(folder);
	return count;
}

static bool add_private(pid_t pid, double *bytes)
{
	char line[256];
	unsigned long kibibytes;
	bool good = false;
	FILE *file = open_entry(pid, "smaps_rollup", "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "Private_Clean: %lu", &kibibytes) == 1 ||
		    sscanf(line, "Private_Dirty: %lu", &kibibytes) == 1) {
			*bytes += (double)kibibytes * 1024;
			good = true;
		}
	}
	if (file != NULL)
		fclose(file);
	return good;
}

bool family_read(pid_t parent, struct family *family)
{
	pid_t member[FAMILY_LIMIT];
	*family = (struct family){.count = find_members(parent, member)};
	for (size_t i = 0; i < family->count; i++) {
		struct process_usage usage;
		if (!process_usage_read(member[i], &usage) || !add_private(member[i], &family->private)) {
			fprintf(stderr, "cannot read the memory of process %ld\n", (long)member[i]);
			return false;
		}
		family->cpu += usage.cpu;
		family->resident += (double)usage.resident;
		family->peak += (double)usage.peak;
	}
	return true;
}

bool family_forget_peak(pid_t parent)
{
	pid_t member[FAMILY_LIMIT];
	bool good = true;
	size_t count = find_members(parent, member);
	for (size_t i = 0; i < count; i++) {
		FILE *file = open_entry(member[i], "clear_refs", "we");
		good = file != NULL && fputs("5", file) >= 0 && good;
		if (file == NULL || fclose(file) != 0)
			good = false;
	}
	return good;
}
