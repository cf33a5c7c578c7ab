/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/command.h"
#include "core/json_text.h"

static const char usage[] = "usage: postprocessing health [-c FILE] [--json]\n"
                            "Asks the running service whether it is ready: 0 it is, 1 it is not.\n"
                            OPTION_CONFIG_USAGE;

static size_t keep_first_line(char *bytes, size_t size, size_t count, void *closure)
{
	char *line = closure;
	size_t used = strlen(line), room = 127 - used;
	memcpy(line + used, bytes, size * count < room ? size * count : room);
	line[used + (size * count < room ? size * count : room)] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return size * count;
}

static void print_text(const char *addr, CURLcode code, bool ready, const char *line)
{
	if (code != CURLE_OK)
		fprintf(stderr, "%s: %s: is `postprocessing server` running?\n", addr, curl_easy_strerror(code));
	else
		fprintf(ready ? stdout : stderr, "%s\n", line);
}

/* `reason`: what the service says, or why it could not be asked. False: out of memory, or nowhere to print to. */
static bool print_json(CURLcode code, bool ready, const char *line)
{
	json_t *health = json_pack("{s:b, s:o}", "ready", ready, "reason", json_text(code != CURLE_OK ? curl_easy_strerror(code) : line));
	bool good = health != NULL && json_dumpf(health, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(health);
	return good;
}

int command_health(int argc, char **argv)
{
	struct command_options options;
	int first = command_read_options(argc, argv, usage, &options, NULL, NULL, NULL);
	if (first < 0)
		return -1 - first;
	if (first < argc) {
		fputs(usage, stderr);
		return EXIT_ERROR;
	}
	struct config *config = command_config(options.config_path);
	if (config == NULL)
		return EXIT_ERROR;
	if (config->http_addr == NULL) {
		fputs("[http] addr is empty: the service has no HTTP to be asked by\n", stderr);
		config_free(config);
		return EXIT_ERROR;
	}
	char url[512], line[128] = "";
	long status = 0;
	/* Without a host it listens on all; the loopback is one of them. */
	snprintf(url, sizeof url, "http://%s%s/readyz", config->http_addr[0] == ':' ? "127.0.0.1" : "", config->http_addr);
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_FAILED_INIT;
	if (curl != NULL) {
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, 5L);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_first_line);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, line);
		code = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_cleanup(curl);
	}
	bool ready = code == CURLE_OK && status == 200, shown = true;
	if (options.json)
		shown = print_json(code, ready, line);
	else
		print_text(config->http_addr, code, ready, line);
	config_free(config);
	return !shown ? EXIT_ERROR : ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
