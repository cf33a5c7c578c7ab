/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/children.h"

#include <dirent.h>
#include <stdio.h>

static void each_of_thread(const char *thread, void (*each)(void *closure, pid_t child), void *closure)
{
	char path[300];
	int child;
	snprintf(path, sizeof path, "/proc/self/task/%s/children", thread);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fscanf(file, "%d", &child) == 1)
		each(closure, child);
	fclose(file);
}

void children_each(void (*each)(void *closure, pid_t child), void *closure)
{
	const struct dirent *entry;
	DIR *threads = opendir("/proc/self/task");
	while (threads != NULL && (entry = readdir(threads)) != NULL)
		if (entry->d_name[0] != '.')
			each_of_thread(entry->d_name, each, closure);
	if (threads != NULL)
		closedir(threads);
}
