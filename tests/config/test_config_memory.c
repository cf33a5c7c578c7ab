/* SPDX-License-Identifier: Apache-2.0
 * Each allocation fails once: a configuration must then say so or not exist, and never look sound with a part missing.
 */
#include <check.h>
#include <string.h>

#include "core/config/config_source.h"
#include "tests/harness/scarcity.h"
#include "tests/harness/suite.h"

static const char main_file[] =
	"[postprocessing]\nsteps = virusscan, a\nplugin_dir = /a:/b\ndelay = 5s\n"
	"[events]\nendpoint = e:1\nusername = u\npassword = p\ntls_root_ca_certificate = /ca\n"
	"[content]\nca_file = /x\nfile_roots = /r\n[http]\ntoken = t\n[step:a]\nkey = v\nworkers = 3\n";
static const char dropin[] = "[step:a]\nworkers = 9\nother = w\n[step:b]\nx = y\n";
static const struct pp_key keys[] = {{.name = "key"}, {.name = "other", .fallback = "o"}, {.name = NULL}};

/* Everything once. Returns whether it came out sound. */
static bool read_all(const char *text)
{
	static const char *const environment[] = {"HOME=/h", "POSTPROCESSING_LOG_LEVEL=debug", "ANTIVIRUS_WORKERS=5", NULL};
	struct problems problems = {0};
	struct config_source *source = config_source_create((char *const *)environment);
	if (source == NULL)
		return false;
	config_file_parse(source, "main.ini", text, strlen(text), RANK_MAIN, &problems);
	config_file_parse(source, "a.ini", dropin, strlen(dropin), RANK_DROPIN, &problems);
	struct config *config = config_build(source, &problems);
	bool sound = config != NULL;
	for (size_t i = 0; config != NULL && i < config->step_count; i++) {
		bool declares = strcmp(config->step[i].name, "a") == 0;
		static const struct pp_key delay[] = {{.name = "duration", .type = PP_KEY_DURATION}, {.name = NULL}};
		struct pp_setup *setup =
			step_setup_create(config, &config->step[i], declares ? keys : delay, sizeof keys[0], &problems);
		sound = sound && setup != NULL;
		step_setup_free(setup);
	}
	sound = sound && problems.count == 0;
	config_free(config);
	problems_free(&problems);
	return sound;
}

START_TEST(a_sound_one)
{
	ck_assert(read_all(main_file));
	bool failed = true;
	long count = 0;
	for (; failed; count++) {
		scarcity_begin(count);
		bool sound = read_all(main_file);
		failed = scarcity_end();
		ck_assert_msg(sound != failed, "allocation %ld", count);
	}
	ck_assert_msg(count > 100, "only %ld allocations", count);
}
END_TEST

START_TEST(one_with_problems)
{
	static const char text[] =
		"[postprocessing]\nsteps = a, a, b!\nworkers = x\nrubbish\n[nope]\n[events]\nendpoint = x:y\n[step:a]\nno = 1\n";
	bool failed = true;
	for (long count = 0; failed; count++) {
		scarcity_begin(count);
		bool sound = read_all(text);
		failed = scarcity_end();
		ck_assert_msg(!sound, "allocation %ld", count);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_sound_one, one_with_problems};
	return suite_run("config_memory", tests, sizeof tests / sizeof tests[0], 60);
}
