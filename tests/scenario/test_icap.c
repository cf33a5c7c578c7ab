/* SPDX-License-Identifier: Apache-2.0
 * The virus scan by a real c-icap, in a worker process with its sandbox. */
#include <stdio.h>
#include <string.h>

#include "tests/harness/certificate.h"
#include "tests/harness/fixture_icap.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static struct fixture_icap icap;

/* The clamd is the scenario's, which starts after the folder of its socket is known. */
static void begin(void)
{
	static char ini[256];
	const unsigned port = port_reserve();
	snprintf(ini, sizeof ini,
	         "[step:virusscan]\nscanner = ICAP\nicap_url = icap://127.0.0.1:%u\ncheck_interval = 1s\n"
	         "retry_backoff = 100ms\nblocked = hold\n",
	         port);
	scenario_open(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini});
	scenario_start_clamd(&scenario, NULL);
	ck_assert(fixture_icap_start_at(&icap, &scenario.clamd, NULL, port));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

static void end(void)
{
	scenario_close(&scenario);
	fixture_icap_stop(&icap);
}

START_TEST(verdicts)
{
	char eicar[EICAR_SIZE + 1];
	begin();
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
	storage_expect(&scenario, "clean", "/ok/5", 5, "continue");
	storage_expect(&scenario, "large", "/ok/9000000", 9000000, "continue");
	storage_expect(&scenario, "infected", "/eicar", EICAR_SIZE, "delete");
	const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingStepFinished", "infected", 0);
	json_t *result = json_object_get(event->payload, "Result");
	ck_assert(json_is_true(json_object_get(result, "Infected")));
	ck_assert_str_eq(json_string_value(json_object_get(result, "Description")), EICAR_NAME);
	end();
}
END_TEST

/* While the server is away, the step is suspended, and no retry is spent. */
START_TEST(the_server_is_away)
{
	begin();
	const unsigned port = icap.port;
	fixture_icap_stop(&icap);
	scenario_await_fault(&scenario, "step", "icap");
	storage_bytes_received(&scenario, "waits", "/ok/5", 5);
	scenario_await_applied(&scenario);
	ck_assert(fixture_icap_start_at(&icap, &scenario.clamd, NULL, port));
	storage_check_finished(&scenario, "waits", "continue");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", "waits"), 0);
	end();
}
END_TEST

/* The same by TLS. */
START_TEST(by_tls)
{
	static char ca[FOLDER_PATH_SIZE + 64], url[128];
	static const char *const env[] = {ca, url, NULL};
	char certificate[PEM_SIZE], key[PEM_SIZE], lines[3 * FOLDER_PATH_SIZE], eicar[EICAR_SIZE + 1];
	const unsigned port = port_reserve();
	scenario_open(&scenario,
	              &(struct scenario_options){
					  .steps = "virusscan",
					  .ini = "[step:virusscan]\nscanner = icap\ncheck_interval = 1s\nretry_backoff = 100ms\n",
					  .env = env});
	certificate_make(certificate, key);
	ck_assert(folder_write(scenario.folder, "certificate.pem", certificate, strlen(certificate)));
	ck_assert(folder_write(scenario.folder, "key.pem", key, strlen(key)));
	snprintf(ca, sizeof ca, "POSTPROCESSING_STEP_VIRUSSCAN_ICAP_CA=%s/certificate.pem", scenario.folder);
	snprintf(url, sizeof url, "POSTPROCESSING_STEP_VIRUSSCAN_ICAP_URL=icaps://127.0.0.1:%u/avscan", port);
	snprintf(lines, sizeof lines, "TlsPort 127.0.0.1:%u cert=%s/certificate.pem key=%s/key.pem\n", port,
	         scenario.folder, scenario.folder);
	scenario_start_clamd(&scenario, NULL);
	ck_assert(fixture_icap_start(&icap, &scenario.clamd, lines));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
	storage_expect(&scenario, "clean", "/ok/5", 5, "continue");
	storage_expect(&scenario, "large", "/ok/9000000", 9000000, "continue");
	storage_expect(&scenario, "infected", "/eicar", EICAR_SIZE, "delete");
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {verdicts, the_server_is_away, by_tls};
	if (!fixture_icap_present()) {
		puts("skipped: there is no c-icap with virus_scan (Debian: c-icap, libc-icap-mod-virus-scan)");
		return 77;
	}
	return scenario_run("icap", tests, sizeof tests / sizeof tests[0]);
}
