/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/suite.h"
#include "tests/scenario/scenario.h"

#define SKIPPED 77
/* A test's own waits time out long before. */
#define TEST_SECONDS 300
/* They mostly wait: for time limits, or for a broker to be back. */
#define ABREAST 4
/* With a longer path, the path of clamd's socket would not fit into an address. */
#define TMPDIR_LIMIT 40

static int show_log(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	char block[4096];
	size_t length;
	FILE *file = type == FTW_F && strcmp(path + place->base, "service.log") == 0 ? fopen(path, "re") : NULL;
	if (file == NULL)
		return 0;
	fprintf(stderr, "--- the service's log of a test that failed:\n");
	while ((length = fread(block, 1, sizeof block, file)) > 0)
		fwrite(block, 1, length, stderr);
	fprintf(stderr, "---\n");
	fclose(file);
	return 0;
}

int scenario_run(const char *name, const TTest *const *test, size_t count)
{
	char folder[FOLDER_PATH_SIZE];
	const char *parent = getenv("TMPDIR");
	if (!fixture_clamd_present() ||
	    (access("/usr/sbin/nats-server", X_OK) != 0 && access("/usr/bin/nats-server", X_OK) != 0))
		return SKIPPED;
	if (parent != NULL && strlen(parent) > TMPDIR_LIMIT)
		unsetenv("TMPDIR");
	if (!folder_create(folder) || setenv("TMPDIR", folder, 1) != 0)
		return EXIT_FAILURE;
	int status = suite_run_abreast(name, test, count, TEST_SECONDS, ABREAST);
	/* A test that failed could not clean up. */
	nftw(folder, show_log, 16, FTW_PHYS);
	return folder_remove(folder) ? status : EXIT_FAILURE;
}
