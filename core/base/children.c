/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/children.h"

#include <dirent.h>
#include <stdio.h>

static void each_of_thread(const char *threads, const char *thread, void (*each)(void *closure, pid_t child),
                           void *closure)
{
	char path[320];
	int child;
	snprintf(path, sizeof path, "%s/%s/children", threads, thread);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fscanf(file, "%d", &child) == 1)
		each(closure, child);
	fclose(file);
}

static void each_of(const char *threads, void (*each)(void *closure, pid_t child), void *closure)
{
	const struct dirent *entry;
	DIR *folder = opendir(threads);
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			each_of_thread(threads, entry->d_name, each, closure);
	if (folder != NULL)
		closedir(folder);
}

void children_each(void (*each)(void *closure, pid_t child), void *closure)
{
	each_of("/proc/self/task", each, closure);
}

void children_each_of(pid_t process, void (*each)(void *closure, pid_t child), void *closure)
{
	char threads[40];
	snprintf(threads, sizeof threads, "/proc/%d/task", (int)process);
	each_of(threads, each, closure);
}
