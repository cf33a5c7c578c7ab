/* SPDX-License-Identifier: Apache-2.0
 * A broker with TLS, and credentials in its URL: nothing is sent in plain text to a server that must be reached by
 * TLS. */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/certificate.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define USER "me"
#define PASSWORD "p@ss/w%rd"
#define ENCODED "p%40ss%2Fw%25rd"
static const char credentials[] = USER ":" ENCODED;

/* A server that greets like one without TLS, and records what it receives. */
struct eavesdropper {
	int fd;
	unsigned port;
	pthread_t thread;
	atomic_uint visits;
	atomic_size_t heard;
	atomic_bool stop;
};

static void greet(struct eavesdropper *ear, int fd)
{
	static const char info[] =
		"INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"proto\":1,\"host\":\"127.0.0.1\",\"port\":4222,"
		"\"headers\":true,\"max_payload\":1048576,\"jetstream\":true}\r\n";
	char bytes[4096];
	ssize_t got;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	(void)!write(fd, info, sizeof info - 1);
	atomic_fetch_add(&ear->visits, 1);
	while (poll(&ready, 1, 5000) == 1 && (got = read(fd, bytes, sizeof bytes)) > 0)
		atomic_fetch_add(&ear->heard, (size_t)got);
	close(fd);
}

static void *eavesdrop(void *closure)
{
	struct eavesdropper *ear = closure;
	struct pollfd ready = {.fd = ear->fd, .events = POLLIN};
	while (!atomic_load(&ear->stop)) {
		if (poll(&ready, 1, 50) != 1)
			continue;
		int fd = accept(ear->fd, NULL, NULL);
		if (fd >= 0)
			greet(ear, fd);
	}
	return NULL;
}

static void start_ear(struct eavesdropper *ear)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	*ear = (struct eavesdropper){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	ck_assert_int_eq(bind(ear->fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(ear->fd, 8), 0);
	ck_assert_int_eq(getsockname(ear->fd, (struct sockaddr *)&address, &size), 0);
	ear->port = ntohs(address.sin_port);
	ck_assert_int_eq(pthread_create(&ear->thread, NULL, eavesdrop, ear), 0);
}

static void stop_ear(struct eavesdropper *ear)
{
	atomic_store(&ear->stop, true);
	pthread_join(ear->thread, NULL);
	close(ear->fd);
}

static bool was_visited(void *closure)
{
	struct eavesdropper *ear = closure;
	return atomic_load(&ear->visits) >= 2;
}

static void check_heard_nothing(struct eavesdropper *ear)
{
	ck_assert_msg(wait_until(was_visited, ear, TEST_LIMIT), "no client connects to the server without TLS");
	scenario_stop_service(&scenario);
	stop_ear(ear);
	ck_assert_uint_eq(atomic_load(&ear->heard), 0);
}

static void check_log_holds_no_password(void)
{
	ck_assert_uint_eq(scenario_log_count(&scenario, PASSWORD), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, ENCODED), 0);
}

START_TEST(a_tls_url_excludes_plain_text)
{
	struct eavesdropper ear;
	char endpoint[128];
	const char *const env[] = {endpoint, NULL};
	start_ear(&ear);
	snprintf(endpoint, sizeof endpoint, "POSTPROCESSING_EVENTS_ENDPOINT=tls://%s@127.0.0.1:%u", credentials, ear.port);
	scenario_open(&scenario, &(struct scenario_options){.env = env, .no_broker = true});
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "broker", "does not offer TLS");
	check_heard_nothing(&ear);
	check_log_holds_no_password();
	scenario_close(&scenario);
}
END_TEST

START_TEST(nor_in_the_store)
{
	struct eavesdropper ear;
	char nodes[128];
	const char *const env[] = {nodes, NULL};
	start_ear(&ear);
	snprintf(nodes, sizeof nodes, "POSTPROCESSING_STORE_NODES=127.0.0.1:1,tls://%s@127.0.0.1:%u", credentials,
	         ear.port);
	scenario_open(&scenario, &(struct scenario_options){.env = env});
	scenario_start_service(&scenario);
	scenario_await_has(&scenario, "stream");
	check_heard_nothing(&ear);
	check_log_holds_no_password();
	scenario_close(&scenario);
}
END_TEST

/* A broker with TLS and a user; additional configuration in `more`. `lines` is filled. */
static void start_tls_broker(struct nats_options *nats, char lines[2048], const char *more)
{
	char certificate[PEM_SIZE], key[PEM_SIZE];
	int length = snprintf(lines, 2048, "authorization { user: \"%s\", password: \"%s\" }\n", USER, PASSWORD);
	length += snprintf(lines + length, 2048 - (size_t)length, "%s", more);
	*nats = (struct nats_options){.lines = lines};
	scenario_open(&scenario, &(struct scenario_options){.no_broker = true, .nats = nats});
	certificate_make(certificate, key);
	ck_assert(folder_write(scenario.folder, "cert.pem", certificate, strlen(certificate)));
	ck_assert(folder_write(scenario.folder, "key.pem", key, strlen(key)));
	snprintf(lines + length, 2048 - (size_t)length, "tls { cert_file: \"%s/cert.pem\", key_file: \"%s/key.pem\" }\n",
	         scenario.folder, scenario.folder);
	ck_assert(nats_fixture_restart(&scenario.nats));
}

static void connect_test(void)
{
	natsOptions *options = NULL;
	ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
	ck_assert_int_eq(natsOptions_SetURL(options, scenario.nats.url), NATS_OK);
	ck_assert_int_eq(natsOptions_SetUserInfo(options, USER, PASSWORD), NATS_OK);
	ck_assert_int_eq(natsOptions_SetSecure(options, true), NATS_OK);
	ck_assert_int_eq(natsOptions_SkipServerVerification(options, true), NATS_OK);
	ck_assert_int_eq(natsConnection_Connect(&scenario.connection, options), NATS_OK);
	natsOptions_Destroy(options);
	ck_assert_int_eq(natsConnection_JetStream(&scenario.js, scenario.connection, NULL), NATS_OK);
	scenario.recorder.js = scenario.js;
}

static void name_broker(char endpoint[128], char ca[FOLDER_PATH_SIZE + 80])
{
	snprintf(endpoint, 128, "POSTPROCESSING_EVENTS_ENDPOINT=tls://%s@127.0.0.1:%u/", credentials, scenario.nats.port);
	snprintf(ca, FOLDER_PATH_SIZE + 80, "POSTPROCESSING_EVENTS_TLS_ROOT_CA_CERTIFICATE=%s/cert.pem", scenario.folder);
}

START_TEST(a_tls_url_is_all_it_takes)
{
	struct nats_options nats;
	char lines[2048], endpoint[128], ca[FOLDER_PATH_SIZE + 80];
	const char *const env[] = {endpoint, ca, NULL};
	start_tls_broker(&nats, lines, "");
	connect_test();
	name_broker(endpoint, ca);
	scenario.options.env = env;
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	scenario_stop_service(&scenario);
	/* Without the CA certificate, the broker is not trusted. */
	scenario.options.env = (const char *const[]){endpoint, NULL};
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "broker", "TLS failed");
	check_log_holds_no_password();
	scenario_close(&scenario);
}
END_TEST

/* The other server of the broker's cluster advertises the address of the eavesdropper. */
static void start_named_server(struct nats_fixture *named, char lines[512], const unsigned route[2],
                               const struct eavesdropper *ear)
{
	snprintf(
		lines, 512,
		"client_advertise: \"127.0.0.1:%u\"\ncluster { name: c, listen: \"127.0.0.1:%u\", routes: [\"nats://127.0.0.1:%u\"] }\n",
		ear->port, route[1], route[0]);
	ck_assert(nats_fixture_start(named, &(struct nats_options){.name = "other", .lines = lines}));
}

START_TEST(nor_does_it_go_to_a_server_that_was_named)
{
	struct eavesdropper ear;
	struct nats_options nats;
	struct nats_fixture named;
	const unsigned route[2] = {port_reserve(), port_reserve()};
	char lines[2048], more[512], named_lines[512], endpoint[128], ca[FOLDER_PATH_SIZE + 80];
	const char *const env[] = {endpoint, ca, NULL};
	start_ear(&ear);
	snprintf(more, sizeof more,
	         "server_name: one\ncluster { name: c, listen: \"127.0.0.1:%u\", routes: [\"nats://127.0.0.1:%u\"] }\n",
	         route[0], route[1]);
	start_tls_broker(&nats, lines, more);
	start_named_server(&named, named_lines, route, &ear);
	name_broker(endpoint, ca);
	scenario.options.env = env;
	scenario_start_service(&scenario);
	/* It knows the other one as soon as both can answer together. */
	scenario_await_has(&scenario, "stream");
	ck_assert(nats_fixture_kill(&scenario.nats));
	check_heard_nothing(&ear);
	nats_fixture_end(&named);
	scenario_close(&scenario);
}
END_TEST

START_TEST(credentials_of_a_url_are_decoded)
{
	const struct nats_options nats = {.username = USER, .password = PASSWORD};
	char endpoint[128];
	const char *const env[] = {endpoint, NULL};
	scenario_open(&scenario, &(struct scenario_options){.nats = &nats, .env = env});
	snprintf(endpoint, sizeof endpoint, "POSTPROCESSING_EVENTS_ENDPOINT=nats://%s@127.0.0.1:%u/", credentials,
	         scenario.nats.port);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	check_log_holds_no_password();
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_tls_url_excludes_plain_text, nor_in_the_store, a_tls_url_is_all_it_takes,
	                              nor_does_it_go_to_a_server_that_was_named, credentials_of_a_url_are_decoded};
	return scenario_run("scenario: tls", tests, sizeof tests / sizeof tests[0]);
}
