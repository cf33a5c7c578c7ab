/* SPDX-License-Identifier: Apache-2.0
 * The addresses of brokers: which parts of a URL count, and that no URL is accepted in part. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/config_fixture.h"

static struct config_fixture fixture;

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	fixture_close(&fixture);
}

static void read_config(const char *text)
{
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
}

static void read_endpoint(const char *endpoint)
{
	char text[2048];
	snprintf(text, sizeof text, "[events]\nendpoint = %s\n", endpoint);
	read_config(text);
}

/* Each list, what is read from it, and whether TLS is used if enable_tls is not set. */
static const struct {
	const char *given, *taken;
	bool tls;
} good[] = {
	{"a", "a", false},
	{"a:4222", "a:4222", false},
	{"nats://a:4222", "a:4222", false},
	{"tcp://a:4222", "a:4222", false},
	{"tls://a:4222", "a:4222", true},
	{"TLS://a", "a", true},
	{"tls://a:4222/", "a:4222", true},
	{"nats://a/", "a", false},
	{"a:1,b:2, c:3", "a:1,b:2,c:3", false},
	{"nats://a:1,tcp://b:2,c", "a:1,b:2,c", false},
	{"tls://a:1,b:2", "a:1,b:2", true},
	{"b:2,tls://a:1", "b:2,a:1", true},
	{"tls://[::1]:4222,[fe80::1%eth0]", "[::1]:4222,[fe80::1%eth0]", true},
	{"nats-1.nats_ns.svc:4222", "nats-1.nats_ns.svc:4222", false},
};

START_TEST(schemes_say_whether_tls_is_spoken)
{
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		read_endpoint(good[i].given);
		assert_sound(&fixture);
		ck_assert_str_eq(fixture.config->events.endpoint, good[i].taken);
		ck_assert_str_eq(fixture.config->store.endpoint, good[i].taken);
		ck_assert_msg(fixture.config->events.tls == good[i].tls && fixture.config->store.tls == good[i].tls, "%s",
		              good[i].given);
	}
}
END_TEST

START_TEST(enable_tls_is_never_taken_back)
{
	read_config("[events]\nendpoint = tls://a\nenable_tls = false\n[store]\nnodes = tls://b\nenable_tls = false\n");
	assert_sound(&fixture);
	ck_assert(fixture.config->events.tls && fixture.config->store.tls);
	read_config("[events]\nendpoint = nats://a\nenable_tls = true\n[store]\nnodes = tcp://b\nenable_tls = true\n");
	assert_sound(&fixture);
	ck_assert(fixture.config->events.tls && fixture.config->store.tls);
	/* The store is on the broker of the events, so it must use what that URL requires. */
	read_config("[events]\nendpoint = tls://a\n[store]\nenable_tls = false\n");
	ck_assert(fixture.config->store.tls);
	read_config("[events]\nendpoint = a\n[store]\nnodes = tls://b\n");
	ck_assert(!fixture.config->events.tls && fixture.config->store.tls);
}
END_TEST

/* Invalid lists, and the problem that must be reported for each. */
static const struct {
	const char *given, *problem;
} wrong[] = {
	{"tls://a,nats://b", "tls:// cannot be mixed with nats://"},
	{"tcp://a,tls://b", "tls:// cannot be mixed with nats://"},
	{"https://a", "the scheme of a broker must be nats://, tls:// or tcp://"},
	{"wss://a", "the scheme of a broker must be"},
	{"://a", "the scheme of a broker must be"},
	{"nats://", "the host is missing"},
	{"nats://u:hush@", "the host is missing"},
	{"nats://u:hush@:4222", "the host is missing"},
	{"a:0", "the port is not a number"},
	{"a:", "the port is not a number"},
	{"a:4222x", "the port is not a number"},
	{"::1", "the host is missing"},
	{"fe80::1:4222", "put an IPv6 address in brackets"},
	{"[::1", "put an IPv6 address in brackets"},
	{"[a", "the host contains an invalid character"},
	{"a:4222/path", "cannot have a path"},
	{"nats://u:hush/x@a/b", "cannot have a path"},
	{"a?x", "the host contains an invalid character"},
	{"nats://u:hu%sh@a", "write %25 for a percent sign"},
	{"nats://u:hush%4@a", "write %25 for a percent sign"},
	{"nats://u:hush%00@a", "write %25 for a percent sign"},
	{"nats://:hush@a", "the password has no user name"},
	{"nats://u:hush@a,nats://u:hush2@b", "must have the same user name and password"},
	{"nats://u:hush@a,nats://v:hush@b", "must have the same user name and password"},
	{"nats://hush@a,nats://u:hush@b", "must have the same user name and password"},
	{"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,hush", "more than 16 servers"},
	{"a,embedded", "embedded cannot be combined"},
};

START_TEST(wrong_lists_are_refused)
{
	char text[2048];
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		read_endpoint(wrong[i].given);
		ck_assert_msg(fixture_problems(&fixture, wrong[i].problem) == 1, "%s", wrong[i].given);
		ck_assert_uint_eq(fixture_problems(&fixture, "main.ini:2: endpoint: "), 1);
		ck_assert_msg(fixture_problems(&fixture, "hush") == 0, "%s is shown", wrong[i].given);
		snprintf(text, sizeof text, "[store]\nnodes = %s\n", wrong[i].given);
		read_config(text);
		ck_assert_msg(fixture_problems(&fixture, wrong[i].problem) >= 1 || strstr(wrong[i].given, "embedded") != NULL,
		              "%s", wrong[i].given);
	}
}
END_TEST

START_TEST(credentials_are_decoded)
{
	read_endpoint("nats://us%3aer:p%40s%2Fs%25w%C3%BCrd@a:1,b:2,nats://us%3Aer:p%40s%2fs%25w%c3%bcrd@c");
	assert_sound(&fixture);
	const struct config *config = fixture.config;
	ck_assert_str_eq(config->events.endpoint, "a:1,b:2,c");
	ck_assert_str_eq(config->events.username, "us:er");
	ck_assert_str_eq(config->events.password, "p@s/s%w\xc3\xbcrd");
	ck_assert_str_eq(config->store.username, "us:er");
	ck_assert_str_eq(config->store.password, "p@s/s%w\xc3\xbcrd");
	ck_assert(config->events.token == NULL && !config->events.overridden);
	/* Other clients also pass on what they find. */
	read_endpoint("tls://u:a@b/c:d@a:1");
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.endpoint, "a:1");
	ck_assert_str_eq(fixture.config->events.password, "a@b/c:d");
	read_endpoint("nats://u:@a");
	ck_assert_str_eq(fixture.config->events.username, "u");
	ck_assert_str_eq(fixture.config->events.password, "");
	read_endpoint("nats://@a");
	ck_assert(fixture.config->events.username == NULL && fixture.config->events.token == NULL);
}
END_TEST

START_TEST(a_name_alone_is_a_token)
{
	read_endpoint("nats://t%6fken@a:1");
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.token, "token");
	ck_assert_str_eq(fixture.config->store.token, "token");
	ck_assert_ptr_null(fixture.config->events.username);
}
END_TEST

START_TEST(the_url_wins_over_the_keys)
{
	read_config("[events]\nendpoint = nats://u:p@a\nusername = other\npassword = q\n");
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.username, "u");
	ck_assert_str_eq(fixture.config->events.password, "p");
	ck_assert(fixture.config->events.overridden);
	read_config("[events]\nendpoint = nats://u:p@a\nusername = u\npassword = p\n");
	ck_assert(!fixture.config->events.overridden);
	read_config("[events]\nendpoint = nats://token@a\nusername = u\npassword = p\n");
	ck_assert(fixture.config->events.overridden && fixture.config->events.username == NULL &&
	          fixture.config->events.password == NULL);
	read_config("[events]\nendpoint = nats://u:p@a\n[store]\nusername = s\npassword = t\n");
	ck_assert_str_eq(fixture.config->store.username, "s");
	ck_assert_str_eq(fixture.config->store.endpoint, "a");
}
END_TEST

START_TEST(the_same_broker_has_the_same_credentials)
{
	read_config(
		"[events]\nendpoint = a:1\nusername = u\npassword = p\nenable_tls = true\n[store]\nnodes = nats://a:1/\n");
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->store.username, "u");
	ck_assert_str_eq(fixture.config->store.password, "p");
	ck_assert(fixture.config->store.tls);
	read_config("[events]\nendpoint = nats://u:p@a:1\n[store]\nnodes = nats://v:q@a:1\n");
	ck_assert_str_eq(fixture.config->store.username, "v");
	read_config("[events]\nendpoint = nats://u:p@a:1\n[store]\nnodes = a:2\n");
	ck_assert_ptr_null(fixture.config->store.username);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_broker");
	TCase *tcase = tcase_create("config_broker");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, schemes_say_whether_tls_is_spoken);
	tcase_add_test(tcase, enable_tls_is_never_taken_back);
	tcase_add_test(tcase, wrong_lists_are_refused);
	tcase_add_test(tcase, credentials_are_decoded);
	tcase_add_test(tcase, a_name_alone_is_a_token);
	tcase_add_test(tcase, the_url_wins_over_the_keys);
	tcase_add_test(tcase, the_same_broker_has_the_same_credentials);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
