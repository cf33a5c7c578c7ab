/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/fixture_icap.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/limits.h"

#define CHILDREN_LIMIT 8

/* The folder of its modules; "": none. Returns text. */
static const char *find_modules(char text[FOLDER_PATH_SIZE])
{
	glob_t found;
	text[0] = '\0';
	if (glob("/usr/lib/*/c_icap/virus_scan.so", 0, NULL, &found) == 0)
		snprintf(text, FOLDER_PATH_SIZE, "%.*s", (int)(strrchr(found.gl_pathv[0], '/') - found.gl_pathv[0]),
		         found.gl_pathv[0]);
	globfree(&found);
	return text;
}

bool fixture_icap_present(void)
{
	char text[FOLDER_PATH_SIZE];
	return access("/usr/bin/c-icap", X_OK) == 0 && find_modules(text)[0] != '\0';
}

static bool write_configuration(const struct fixture_icap *icap, const struct fixture_clamd *clamd, const char *lines)
{
	char text[4096], modules[FOLDER_PATH_SIZE];
	find_modules(modules);
	int length = snprintf(
		text, sizeof text,
		"PidFile %s/pid\nCommandsSocket %s/ctl\nServerLog %s/log\nAccessLog %s/access\nTmpDir %s\n"
		"Port 127.0.0.1:%u\nStartServers 1\nMaxServers 1\nMinSpareThreads 4\nMaxSpareThreads 20\nThreadsPerChild 20\n"
		"MaxRequestsPerChild 0\nMaxKeepAliveRequests 1000\nKeepAliveTimeout 60\nTimeout 60\nModulesDir %s\nServicesDir %s\n"
		"TemplateDir /usr/share/c_icap/templates/\nTemplateDefaultLanguage en\nLoadMagicFile /etc/c-icap/c-icap.magic\n"
		"Service echo srv_echo.so\nService antivirus_module virus_scan.so\n"
		"ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n"
		"virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\nvirus_scan.SendPercentData 0\n"
		"virus_scan.MaxObjectSize 1000M\nvirus_scan.DefaultEngine clamd\nModule common clamd_mod.so\n"
		"clamd_mod.ClamdSocket %s\n%s",
		icap->folder, icap->folder, icap->folder, icap->folder, icap->folder, icap->port, modules, modules,
		clamd->socket, lines != NULL ? lines : "");
	return length > 0 && (size_t)length < sizeof text &&
	       folder_write(icap->folder, "c-icap.conf", text, (size_t)length);
}

static bool listens(void *closure)
{
	return port_taken(*(unsigned *)closure);
}

static bool is_free(void *closure)
{
	return !port_taken(*(unsigned *)closure);
}

bool fixture_icap_start(struct fixture_icap *icap, const struct fixture_clamd *clamd, const char *lines)
{
	return fixture_icap_start_at(icap, clamd, lines, port_reserve());
}

bool fixture_icap_start_at(struct fixture_icap *icap, const struct fixture_clamd *clamd, const char *lines,
                           unsigned port)
{
	char path[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 16];
	*icap = (struct fixture_icap){.process = PROCESS_NONE, .port = port};
	if (!folder_create(icap->folder) || !write_configuration(icap, clamd, lines)) {
		fprintf(stderr, "fixture_icap: no temporary folder\n");
		return false;
	}
	snprintf(path, sizeof path, "%s/c-icap.conf", icap->folder);
	snprintf(log, sizeof log, "%s/output", icap->folder);
	const char *const argv[] = {"/usr/bin/c-icap", "-N", "-f", path, NULL};
	/* One that was there before, and still listens, would be taken for it. */
	if (wait_until(is_free, &icap->port, TEST_LIMIT) &&
	    process_start(&icap->process, &(struct process_options){.argv = argv, .log = log}) &&
	    wait_until(listens, &icap->port, TEST_LIMIT))
		return true;
	fprintf(stderr, "fixture_icap: c-icap does not start\n");
	fixture_icap_stop(icap);
	return false;
}

void fixture_icap_signal(const struct fixture_icap *icap, int signal)
{
	char path[64];
	pid_t child[CHILDREN_LIMIT];
	size_t count = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)icap->process.pid, (int)icap->process.pid);
	FILE *children = fopen(path, "re");
	while (children != NULL && count < CHILDREN_LIMIT && fscanf(children, "%d", &child[count]) == 1)
		count++;
	if (children != NULL)
		fclose(children);
	/* The parent first, as it would start others. It has no children any more when it is dead. */
	kill(icap->process.pid, signal);
	while (count > 0)
		kill(child[--count], signal);
}

/* Its children end with it only if it is asked. */
void fixture_icap_stop(struct fixture_icap *icap)
{
	process_end(&icap->process);
	folder_remove(icap->folder);
}
