/* SPDX-License-Identifier: Apache-2.0
 * The keys of one step, as its module declares and sees them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/abi/grant.h"
#include "core/abi/protocol.h"
#include "tests/config/config_fixture.h"

static struct config_fixture fixture;
static struct step_setup *made;

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	step_setup_free(made);
	fixture_close(&fixture);
}

static const struct pp_key keys[] = {
	{.name = "socket", .environment = "SCANNER_SOCKET OLD_SOCKET"},
	{.name = "greeting", .fallback = "hello"},
	{.name = "quick", .type = PP_KEY_BOOL, .fallback = "false"},
	{.name = "tries", .type = PP_KEY_INTEGER, .min = 1, .max = 9, .fallback = "3"},
	{.name = "patience", .type = PP_KEY_DURATION, .min = SECOND, .max = MINUTE, .fallback = "2s"},
	{.name = "limit", .type = PP_KEY_SIZE},
	{.name = "infected", .type = PP_KEY_CHOICE, .choices = "delete abort continue", .fallback = "delete"},
	{.name = NULL}};

static void make(const char *text, char *const *environment, const struct pp_key *declared, size_t size)
{
	step_setup_free(made);
	made = NULL;
	fixture_read(&fixture, text, environment);
	ck_assert_uint_ge(fixture.config->step_count, 1);
	made = step_setup_create(fixture.config, &fixture.config->step[0], declared, size, &fixture.problems);
	ck_assert_ptr_nonnull(made);
}

#define HEAD "[postprocessing]\nsteps = s\n[step:s]\n"

START_TEST(defaults)
{
	make(HEAD, ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.step_name(step_setup_host(made)), "s");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "socket"));
	ck_assert_str_eq(host_services.string(step_setup_host(made), "greeting"), "hello");
	ck_assert_int_eq(host_services.number(step_setup_host(made), "quick"), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "tries"), 3);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "patience"), 2 * SECOND);
	nanos longest = 0;
	ck_assert_str_eq(step_setup_longest(made, &longest), "patience");
	ck_assert_int_eq(longest, 2 * SECOND);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "limit"));
	ck_assert_int_eq(host_services.number(step_setup_host(made), "infected"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "undeclared"));
	ck_assert_int_eq(host_services.number(step_setup_host(made), "undeclared"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), NULL));
	ck_assert_int_eq(host_services.number(step_setup_host(made), NULL), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "max_wait"), 720 * HOUR);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "quarantine"), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "on_exhausted"), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "workers"), 4);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "deadline"), 10 * MINUTE);
}
END_TEST

START_TEST(values)
{
	make(
		HEAD
		"socket = /run/x\ngreeting =\nquick = YES\ntries = 9\npatience = 1m\nlimit = 2GB\ninfected = continue\nworkers = 2\n",
		ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "/run/x");
	ck_assert_str_eq(host_services.string(step_setup_host(made), "greeting"), "");
	ck_assert_int_eq(host_services.number(step_setup_host(made), "quick"), 1);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "tries"), 9);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "patience"), MINUTE);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), 2000000000);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "infected"), 2);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "infected"), "continue");
}
END_TEST

/* What a module declares to need depends on the text of a value, so the spelling in the file must not. */
START_TEST(spellings)
{
	static const struct {
		const char *quick, *infected;
	} written[] = {{"TRUE", "ABORT"}, {"Yes", "Abort"}, {"t", "abort"}, {"ON", "aBORT"}, {"1", "abort"}};
	static const struct pp_need needs[] = {{.kind = PP_NEED_NETWORK, .key = "quick", .when = "true"},
	                                       {.kind = PP_NEED_UNIX, .key = "infected", .when = "abort"},
	                                       {.kind = PP_NEED_EXEC, .key = "infected", .unless = "abort"},
	                                       {.kind = 0}};
	static const struct pp_step_module module = {PP_STEP_HEAD, .name = "s", .keys = keys, .needs = needs};
	for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, HEAD "quick = %s\ninfected = %s\n", written[i].quick, written[i].infected);
		make(text, ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
		assert_sound(&fixture);
		ck_assert_str_eq(host_services.string(step_setup_host(made), "quick"), "true");
		ck_assert_str_eq(host_services.string(step_setup_host(made), "infected"), "abort");
		ck_assert_uint_eq(grants_declared(&module, step_setup_host(made)), GRANT_NETWORK | GRANT_UNIX);
	}
	make(HEAD "quick = OFF\ninfected = DELETE\n", ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "quick"), "false");
	ck_assert_uint_eq(grants_declared(&module, step_setup_host(made)), GRANT_EXEC);
}
END_TEST

START_TEST(problems)
{
	make(HEAD "quick = perhaps\ntries = 10\npatience = 1ms\nlimit = 5X\ninfected = keep\nqick = 1\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRYS=1"), keys, sizeof keys[0]);
	assert_problem(&fixture, "main.ini:4: quick: \"perhaps\" is not true or false");
	assert_problem(&fixture, "main.ini:5: tries: \"10\" is not between 1 and 9");
	assert_problem(&fixture, "main.ini:6: patience: \"1ms\" is not between 1s and 1m");
	assert_problem(&fixture, "main.ini:7: limit: \"5X\" is not a size");
	assert_problem(&fixture, "main.ini:8: infected: unknown value \"keep\" (delete abort continue)");
	assert_problem(&fixture, "main.ini:9: qick: unknown key in [step:s] (module s)");
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_TRYS: no such key in [step:s]");
	assert_problems(&fixture, 7);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "tries"));
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: invalid */
	} table[] = {{"10", 10},
	             {"10B", 10},
	             {"10K", 10240},
	             {"10KiB", 10240},
	             {"10KB", 10000},
	             {"1M", 1048576},
	             {"1MB", 1000000},
	             {"2GiB", 2147483648},
	             {"1 GB", 1000000000},
	             {"3kb", 3000},
	             {"1TiB", 1099511627776},
	             {"1PB", 1000000000000000},
	             {"7E", 8070450532247928832},
	             {"0", 0},
	             {"8E", -1},
	             {"9223372036854775808", -1},
	             {"-1", -1},
	             {"1.5K", -1},
	             {"K", -1},
	             {"", -1},
	             {"1KBs", -1},
	             {"1iB", -1},
	             {"1  K", -1},
	             {"0x10", -1}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char text[128] = HEAD "limit = ";
		strcat(text, table[i].text);
		make(text, ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
		ck_assert_msg(fixture.problems.count == (table[i].bytes < 0 ? 1 : 0), "%s", table[i].text);
		ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), table[i].bytes < 0 ? 0 : table[i].bytes);
	}
}
END_TEST

START_TEST(variables)
{
	make(HEAD "socket = file\n", ENVIRONMENT("HOME=/h", "OLD_SOCKET=old"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "old");
	make(HEAD "socket = file\n", ENVIRONMENT("HOME=/h", "OLD_SOCKET=old", "SCANNER_SOCKET=new"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "new");
	make(HEAD, ENVIRONMENT("HOME=/h", "SCANNER_SOCKET=new", "POSTPROCESSING_STEP_S_SOCKET=own"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "own");
	make(HEAD, ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRIES=x"), keys, sizeof keys[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_TRIES: tries: \"x\" is not a whole number");
}
END_TEST

START_TEST(variables_of_longer_names)
{
	static const char text[] = "[postprocessing]\nsteps = s, s-t\n";
	make(text,
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_T_TRIES=4", "POSTPROCESSING_STEP_OTHER_X=1",
	                 "POSTPROCESSING_STEP_S_WORKERS=2"),
	     keys, sizeof keys[0]);
	assert_sound(&fixture);
	make(text, ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_U_TRIES=4"), keys, sizeof keys[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_U_TRIES: no such key in [step:s]");
}
END_TEST

static const struct pp_key newer_keys[] = {
	{.name = "licence", .type = PP_KEY_SECRET},
	{.name = "hosts", .type = PP_KEY_LIST, .min = 1, .max = 3, .fallback = "here"},
	{.name = "marks", .type = PP_KEY_LIST},
	{.name = "rules", .type = PP_KEY_PATH},
	{.name = NULL}};

static void make_newer(const char *text, char *const *environment)
{
	char whole[8192];
	snprintf(whole, sizeof whole, HEAD "%s", text);
	make(whole, environment, newer_keys, sizeof newer_keys[0]);
}

static void assert_item(const char *key, size_t number, const char *text)
{
	const char *item = host_services.item(step_setup_host(made), key, number);
	ck_assert_msg(item != NULL && strcmp(item, text) == 0, "%s[%zu]: %s", key, number, item);
}

START_TEST(lists)
{
	make_newer("hosts = a:1,  b c ,tls://d\nlicence =\nrules =\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "hosts"), 3);
	assert_item("hosts", 0, "a:1");
	assert_item("hosts", 1, "b c");
	assert_item("hosts", 2, "tls://d");
	ck_assert_ptr_null(host_services.item(step_setup_host(made), "hosts", 3));
	ck_assert_ptr_null(host_services.item(step_setup_host(made), "marks", 0));
	ck_assert_ptr_null(host_services.item(step_setup_host(made), "rules", 0));
	ck_assert_ptr_null(host_services.item(step_setup_host(made), "undeclared", 0));
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "licence"));
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "rules"));
	make_newer("", ENVIRONMENT("HOME=/h"));
	assert_item("hosts", 0, "here");
}
END_TEST

/* As a worker process gets them. */
START_TEST(lists_in_a_packet)
{
	struct text text = {0};
	struct packet packet;
	struct pp_setup copy = {0};
	struct setup_value *value;
	make_newer("hosts = a, b\nmarks = x\n", ENVIRONMENT("HOME=/h"));
	setup_encode(&text, step_setup_host(made));
	ck_assert(packet_open(&packet, text.data, text.length));
	ck_assert(setup_decode(&packet, &copy, &value));
	ck_assert_str_eq(host_services.item(&copy, "hosts", 1), "b");
	ck_assert_ptr_null(host_services.item(&copy, "hosts", 2));
	ck_assert_str_eq(host_services.item(&copy, "marks", 0), "x");
	ck_assert_ptr_null(host_services.item(&copy, "rules", 0));
	free(value);
	text_free(&text);
}
END_TEST

START_TEST(invalid_lists)
{
	char many[1024] = "marks = x";
	make_newer("hosts = a,,b\nmarks = a,\nrules = here\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: hosts: nothing between two commas, or beside one");
	assert_problem(&fixture, "main.ini:5: marks: nothing between two commas, or beside one");
	assert_problem(&fixture, "main.ini:6: rules: \"here\" is not an absolute path");
	assert_problems(&fixture, 3);
	ck_assert_ptr_null(host_services.item(step_setup_host(made), "hosts", 0));
	make_newer("hosts = a, b, c, d\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: hosts: 4 items, 3 at most");
	make_newer("hosts =\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: hosts: needs a value");
	for (int i = 0; i < 64; i++)
		strcat(many, ",x");
	make_newer(many, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: marks: 65 items, 64 at most");
}
END_TEST

START_TEST(paths)
{
	make_newer("rules = /etc/rules\n", ENVIRONMENT("HOME=/h"));
	ck_assert_str_eq(host_services.string(step_setup_host(made), "rules"), "/etc/rules");
	make_newer("rules = $CREDENTIALS_DIRECTORY/rules\n", ENVIRONMENT("HOME=/h", "CREDENTIALS_DIRECTORY=/run/c"));
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "rules"), "/run/c/rules");
	make_newer("rules = $CREDENTIALS_DIRECTORY/rules\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: rules: $CREDENTIALS_DIRECTORY is not set");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "rules"));
}
END_TEST

/* The text of a secret, or the path of its file, in the file or in a variable. */
START_TEST(secrets)
{
	char text[512], variable[512];
	make_newer("licence = hush\n", ENVIRONMENT("HOME=/h"));
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "hush");
	fixture_write(&fixture, "licence", "\xEF\xBB\xBFsilence\r\n", (size_t)-1);
	snprintf(text, sizeof text, "licence_file = %s/licence\n", fixture.folder);
	make_newer(text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "silence");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "licence_file"));
	snprintf(variable, sizeof variable, "POSTPROCESSING_STEP_S_LICENCE_FILE=%s/licence", fixture.folder);
	make_newer("", ENVIRONMENT("HOME=/h", variable));
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "silence");
	make_newer("licence = hush\n", ENVIRONMENT("HOME=/h", variable));
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_LICENCE_FILE: licence_file: licence is set too (");
	assert_problem(&fixture, "main.ini:4)");
	assert_problems(&fixture, 1);
}
END_TEST

/* The file comes before the default. */
START_TEST(a_secret_with_a_default)
{
	static const struct pp_key own[] = {{.name = "licence", .type = PP_KEY_SECRET, .fallback = "free"}, {.name = NULL}};
	char text[512];
	make(HEAD, ENVIRONMENT("HOME=/h"), own, sizeof own[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "free");
	fixture_write(&fixture, "licence", "silence\n", (size_t)-1);
	snprintf(text, sizeof text, HEAD "licence_file = %s/licence\n", fixture.folder);
	make(text, ENVIRONMENT("HOME=/h"), own, sizeof own[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "silence");
	make(HEAD "licence_file = /nowhere/licence\n", ENVIRONMENT("HOME=/h"), own, sizeof own[0]);
	assert_problem(&fixture, "main.ini:4: licence_file: /nowhere/licence: No such file or directory");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "licence"));
	make(HEAD "licence_file = licence\n", ENVIRONMENT("HOME=/h"), own, sizeof own[0]);
	assert_problem(&fixture, "main.ini:4: licence_file: expected an absolute path");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "licence"));
}
END_TEST

START_TEST(unusable_secrets)
{
	static const struct pp_key required[] = {{.name = "licence", .type = PP_KEY_SECRET, .required = 1}, {.name = NULL}};
	char text[512];
	make_newer("licence_file = /nowhere/licence\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: licence_file: /nowhere/licence: No such file or directory");
	make_newer("licence_file = licence\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: licence_file: expected an absolute path");
	fixture_write(&fixture, "licence", "one\ntwo\n", (size_t)-1);
	snprintf(text, sizeof text, HEAD "licence_file = %s/licence\n", fixture.folder);
	make(text, ENVIRONMENT("HOME=/h"), required, sizeof required[0]);
	assert_problem(&fixture, "/licence: must contain a single line of text");
	assert_problems(&fixture, 1);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "licence"));
	make(HEAD, ENVIRONMENT("HOME=/h"), required, sizeof required[0]);
	assert_problem(&fixture, "licence: required in [step:s]");
	make_newer("licenze_file = x\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "did you mean licence_file?");
	/* Its text is in no message. */
	make_newer("licence = hu\x01sh\n", ENVIRONMENT("HOME=/h"));
	assert_problems(&fixture, 1);
	ck_assert_ptr_null(strstr(fixture.problems.line[0], "sh"));
}
END_TEST

START_TEST(a_secret_that_everybody_can_read)
{
	fixture_write(&fixture, "main.ini", "", 0);
	ck_assert_int_eq(chmod(fixture.path, 0640), 0);
	make_newer("licence = hush\n", ENVIRONMENT("HOME=/h"));
	size_t before = fixture.config->warnings.count;
	ck_assert_int_eq(chmod(fixture.path, 0644), 0);
	make_newer("licence = hush\n", ENVIRONMENT("HOME=/h"));
	ck_assert_uint_eq(fixture.config->warnings.count, before + 1);
	ck_assert_ptr_nonnull(strstr(fixture.config->warnings.line[before],
	                             "main.ini:4: licence: a secret in a file that everybody can read"));
}
END_TEST

/* A module may have such a key of its own. */
START_TEST(a_key_that_is_named_like_the_file_of_a_secret)
{
	static const struct pp_key own[] = {
		{.name = "licence", .type = PP_KEY_SECRET}, {.name = "licence_file"}, {.name = NULL}};
	make(HEAD "licence = hush\nlicence_file = x\n", ENVIRONMENT("HOME=/h"), own, sizeof own[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence"), "hush");
	ck_assert_str_eq(host_services.string(step_setup_host(made), "licence_file"), "x");
}
END_TEST

START_TEST(delay_both_ways)
{
	static const struct pp_key delay[] = {
		{.name = "duration", .type = PP_KEY_DURATION, .environment = "POSTPROCESSING_DELAY", .required = 1},
		{.name = NULL}};
	make("[postprocessing]\nsteps = delay\n[step:delay]\nduration = 1s\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=4s"), delay, sizeof delay[0]);
	assert_sound(&fixture);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "duration"), 4 * SECOND);
	make("[postprocessing]\nsteps = delay\ndelay = 7s\n", ENVIRONMENT("HOME=/h"), delay, sizeof delay[0]);
	assert_sound(&fixture);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "duration"), 7 * SECOND);
	make("[postprocessing]\nsteps = delay\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=-1s"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "POSTPROCESSING_DELAY: duration: \"-1s\" is not a duration");
	assert_problems(&fixture, 1);
	/* A missing key has a place too: that of the section, or else that of the step. */
	make("[postprocessing]\nsteps = delay\n", ENVIRONMENT("HOME=/h"), delay, sizeof delay[0]);
	assert_problem(&fixture,
	               "main.ini:2: duration: required in [step:delay] (variable: POSTPROCESSING_STEP_DELAY_DURATION, or "
	               "POSTPROCESSING_DELAY)");
	make("[postprocessing]\nsteps = delay\n\n[step:delay]\nduration =\n", ENVIRONMENT("HOME=/h"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "main.ini:5: duration: required in [step:delay]");
	make("[postprocessing]\nsteps = delay\n\n[step:delay]\nworkers = 1\n", ENVIRONMENT("HOME=/h"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "main.ini:4: duration: required in [step:delay]");
	make("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEPS=delay"), delay, sizeof delay[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEPS: duration: required in [step:delay]");
	static const struct pp_key scan[] = {{.name = "socket", .required = 1}, {.name = NULL}};
	make("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_VIRUSSCAN=1"), scan, sizeof scan[0]);
	assert_problem(&fixture, "POSTPROCESSING_VIRUSSCAN: socket: required in [step:virusscan] (variable: "
	                         "POSTPROCESSING_STEP_VIRUSSCAN_SOCKET)");
}
END_TEST

START_TEST(other_modules)
{
	/* A module that was built with a later header: its key entries are longer. */
	struct longer_key {
		struct pp_key key;
		const char *more;
	};
	static const struct longer_key longer[] = {
		{{.name = "a", .fallback = "1"}, "x"}, {{.name = "b"}, "y"}, {{.name = NULL}, NULL}};
	make(HEAD "b = 2\n", ENVIRONMENT("HOME=/h"), &longer[0].key, sizeof longer[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "a"), "1");
	ck_assert_str_eq(host_services.string(step_setup_host(made), "b"), "2");
	make(HEAD "b = 2\n", ENVIRONMENT("HOME=/h"), NULL, 0);
	assert_problem(&fixture, "b: unknown key");
	make(HEAD, ENVIRONMENT("HOME=/h"), keys, 8);
	assert_problem(&fixture, "its list of keys cannot be read");
	static const struct pp_key strange[] = {
		{.name = "a", .type = 99}, {.name = "d", .type = PP_KEY_DURATION, .fallback = "bad"}, {.name = NULL}};
	make(HEAD "a = 1\n", ENVIRONMENT("HOME=/h"), strange, sizeof strange[0]);
	assert_problem(&fixture, "main.ini:4: a: the module declares a key type");
	assert_problem(&fixture, "main.ini:3: d: \"bad\" is not a duration");
}
END_TEST

START_TEST(rejections)
{
	make(HEAD "socket = /x\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRIES=2"), keys, sizeof keys[0]);
	host_services.reject(step_setup_host(made), "socket", "not for %s", "you");
	host_services.reject(step_setup_host(made), "tries", "too few");
	host_services.reject(step_setup_host(made), "greeting", "rude");
	host_services.reject(step_setup_host(made), NULL, "no step at all");
	assert_problem(&fixture, "main.ini:4: socket: not for you");
	ck_assert_str_eq(fixture.problems.line[1], "POSTPROCESSING_STEP_S_TRIES: tries: too few");
	assert_problem(&fixture, "main.ini:3: greeting: rude");
	assert_problem(&fixture, "main.ini:3: no step at all");
	assert_problems(&fixture, 4);
}
END_TEST

START_TEST(disabled_steps_are_not_checked)
{
	fixture_read(&fixture, "[step:x]\nworkers = none\nnonsense = 1\n",
	             ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_X_Y=1"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("step_setup");
	TCase *tcase = tcase_create("keys");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, defaults);
	tcase_add_test(tcase, values);
	tcase_add_test(tcase, spellings);
	tcase_add_test(tcase, problems);
	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, variables);
	tcase_add_test(tcase, variables_of_longer_names);
	tcase_add_test(tcase, lists);
	tcase_add_test(tcase, lists_in_a_packet);
	tcase_add_test(tcase, invalid_lists);
	tcase_add_test(tcase, paths);
	tcase_add_test(tcase, secrets);
	tcase_add_test(tcase, a_secret_with_a_default);
	tcase_add_test(tcase, unusable_secrets);
	tcase_add_test(tcase, a_secret_that_everybody_can_read);
	tcase_add_test(tcase, a_key_that_is_named_like_the_file_of_a_secret);
	tcase_add_test(tcase, delay_both_ways);
	tcase_add_test(tcase, other_modules);
	tcase_add_test(tcase, rejections);
	tcase_add_test(tcase, disabled_steps_are_not_checked);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
