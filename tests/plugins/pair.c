/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct fake_clamd one, two;
struct pp_run run;
char eicar[EICAR_SIZE + 1];

void pair_start(struct fake_clamd *clamd)
{
	fake_clamd_start(clamd, MANNER_SCANNER, NULL);
	clamd->version = PAIR_VERSION;
	eicar_make(eicar);
}

void *pair_create(size_t count, const char *value, const char *value2)
{
	static char sockets[300];
	snprintf(sockets, sizeof sockets, "clamav_socket=%s%s%s", one.socket, count > 1 ? ", " : "",
	         count > 1 ? two.socket : "");
	return stub_create(sockets, value, value2);
}

uint32_t pair_scan(void *instance, const char *text)
{
	struct stub_cache *cache = run.cache;
	stub_run_init(&run, text, strlen(text));
	run.cache = cache;
	return scan(instance, &run);
}

void pair_write_list(const char *key, const char *lines, char value[FOLDER_PATH_SIZE + 32])
{
	static char folder[FOLDER_PATH_SIZE];
	if (folder[0] == '\0')
		ck_assert(folder_create(folder));
	ck_assert(folder_write(folder, "list", lines, strlen(lines)));
	snprintf(value, FOLDER_PATH_SIZE + 32, "%s=%s/list", key, folder);
}

unsigned pair_streams(struct fake_clamd *clamd)
{
	return atomic_load(&clamd->streams);
}
