/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/process_usage.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/children.h"

#define PATH_SIZE 64
/* Of what a process has started: more are not looked at. */
#define DESCENDANTS_LIMIT 256

static FILE *open_entry(pid_t pid, const char *name)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	return fopen(path, "re");
}

static bool read_cpu(pid_t pid, double *seconds)
{
	char line[1024] = "";
	unsigned long user, system;
	FILE *file = open_entry(pid, "stat");
	if (file == NULL)
		return false;
	bool good = fgets(line, sizeof line, file) != NULL;
	fclose(file);
	/* The second field is a name in parentheses that may contain any character. */
	const char *rest = strrchr(line, ')');
	good = good && rest != NULL &&
	       sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2;
	if (good)
		*seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return good;
}

static unsigned count_descriptors(pid_t pid)
{
	char path[PATH_SIZE];
	unsigned count = 0;
	snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	/* While the process reads its own folder, that descriptor is counted too. */
	return count - (pid == getpid());
}

bool process_usage_read(pid_t pid, struct process_usage *usage)
{
	char line[256];
	*usage = (struct process_usage){0};
	FILE *file = open_entry(pid, "status");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof line, file) != NULL) {
		unsigned long kibibytes;
		if (sscanf(line, "VmRSS: %lu", &kibibytes) == 1)
			usage->resident = (uint64_t)kibibytes * 1024;
		else if (sscanf(line, "VmHWM: %lu", &kibibytes) == 1)
			usage->peak = (uint64_t)kibibytes * 1024;
	}
	fclose(file);
	usage->descriptors = count_descriptors(pid);
	return usage->resident > 0 && read_cpu(pid, &usage->cpu);
}

struct family {
	int64_t pages;
	unsigned count;
};

/* Pages that are neither of files nor shared. */
static void add_process(void *closure, pid_t pid)
{
	struct family *family = closure;
	long long resident, shared;
	if (family->count++ >= DESCENDANTS_LIMIT)
		return;
	FILE *file = open_entry(pid, "statm");
	if (file == NULL)
		return;
	if (fscanf(file, "%*d %lld %lld", &resident, &shared) == 2 && resident > shared)
		family->pages += resident - shared;
	fclose(file);
	children_each_of(pid, add_process, family);
}

int64_t process_private_memory(pid_t pid)
{
	struct family family = {0};
	add_process(&family, pid);
	return family.pages * sysconf(_SC_PAGESIZE);
}
