/* SPDX-License-Identifier: Apache-2.0
 * The example configuration and postprocessing.ini(5) agree with the program's tables. With -w, this program writes
 * both files: `make reference`. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/reference.h"
#include "core/base/text_file.h"
#include "core/steps/modules.h"
#include "tests/steps/worker_fixture.h"

#define PATH_SIZE 1024
#define WHY_SIZE 2048

static const struct {
	const char *file;
	const char *from, *to; /* the generated part is between these lines; to NULL: up to the end */
	void (*add)(struct text *text, const struct reference_step *step);
} documents[] = {
	{"conf/postprocessing.ini.in", "\n[postprocessing]\n", NULL, reference_add_ini},
	{"core/config/postprocessing.ini.5.in", "\n.\\\" From here to the next .SH", "\n.SH ", reference_add_man},
};
#define DOCUMENT_COUNT (sizeof documents / sizeof documents[0])

static const char *path_of(size_t number, char path[PATH_SIZE])
{
	const char *folder = getenv("srcdir");
	snprintf(path, PATH_SIZE, "%s/%s", folder == NULL ? "." : folder, documents[number].file);
	return path;
}

/* Adds the generated part. False: why[size] has the reason. */
static bool add_part(size_t number, struct text *text, char why[WHY_SIZE])
{
	static char *const folders[] = {(char *)(uintptr_t)PLUGINS, NULL};
	static const char *const names[] = {"virusscan", "exec", "http", "delay", "remote"};
	struct reference_step step[sizeof names / sizeof names[0] + 1] = {{0}};
	struct modules *modules = modules_create(folders, worker_fixture());
	bool loaded = modules != NULL;
	for (size_t i = 0; loaded && i < sizeof names / sizeof names[0]; i++) {
		const struct module *module = modules_load(modules, names[i], why, WHY_SIZE);
		loaded = module != NULL;
		if (loaded)
			step[i] =
				(struct reference_step){names[i], module->table.keys, module->table.key_size, module->table.summary};
	}
	if (loaded)
		documents[number].add(text, step);
	modules_destroy(modules);
	return loaded;
}

/* The document as it is, and as it should be; the caller frees both. False: why[size] has the reason. */
static bool read_document(size_t number, char **now, char **wanted, char why[WHY_SIZE])
{
	char path[PATH_SIZE];
	size_t length;
	struct text text = {0};
	*now = text_file_read(path_of(number, path), 1024 * 1024, &length, &(struct stat){0});
	*wanted = NULL;
	if (*now == NULL) {
		snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
		return false;
	}
	const char *from = strstr(*now, documents[number].from);
	const char *to = from == NULL ? NULL : documents[number].to == NULL ? "" : strstr(from, documents[number].to);
	if (to == NULL) {
		snprintf(why, WHY_SIZE, "%s: does not have the lines that what is made stands between", path);
		return false;
	}
	if (*to != '\0') {
		from = strchr(from + 1, '\n') + 1;
		to++;
	}
	text_add_bytes(&text, *now, (size_t)(from - *now));
	bool made = add_part(number, &text, why);
	text_add(&text, to);
	*wanted = text_take(&text);
	return made && *wanted != NULL;
}

START_TEST(documents_say_what_the_program_does)
{
	char *now, *wanted, path[PATH_SIZE], why[WHY_SIZE] = "out of memory";
	ck_assert_msg(read_document((size_t)_i, &now, &wanted, why), "%s", why);
	size_t line = 1, start = 0, i = 0;
	for (; now[i] != '\0' && now[i] == wanted[i]; i++) {
		line += now[i] == '\n';
		start = now[i] == '\n' ? i + 1 : start;
	}
	ck_assert_msg(now[i] == wanted[i], "%s:%zu: the program's tables say \"%.*s\": run `make reference`",
	              path_of((size_t)_i, path), line, (int)strcspn(wanted + start, "\n"), wanted + start);
	free(now);
	free(wanted);
}
END_TEST

static bool write_document(size_t number)
{
	char *now, *wanted, path[PATH_SIZE], why[WHY_SIZE] = "out of memory";
	bool good = read_document(number, &now, &wanted, why);
	FILE *file = good ? fopen(path_of(number, path), "w") : NULL;
	if (good) {
		good = file != NULL && fputs(wanted, file) >= 0;
		good = file != NULL && fclose(file) == 0 && good;
		snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
	}
	if (!good)
		fprintf(stderr, "%s\n", why);
	free(now);
	free(wanted);
	return good;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-w") == 0)
		return write_document(0) && write_document(1) ? EXIT_SUCCESS : EXIT_FAILURE;
	Suite *suite = suite_create("reference");
	TCase *tcase = tcase_create("documents");
	tcase_add_loop_test(tcase, documents_say_what_the_program_does, 0, (int)DOCUMENT_COUNT);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
