/* SPDX-License-Identifier: Apache-2.0
 * The server that is asked: one POST, and what it answers. */
#ifndef PLUGINS_HTTP_ENDPOINT_H
#define PLUGINS_HTTP_ENDPOINT_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postprocessing/step.h"

#define ANSWER_SIZE (PP_RESULT_LIMIT + 4096)
#define HOST_SIZE 300

struct endpoint {
	char *url;            /* it may hold a secret */
	char host[HOST_SIZE]; /* host:port of it, for people */
	char *ca_file;        /* NULL: the system's certificates */
	pthread_mutex_t lock;
	CURLM *idle; /* keeps a connection; NULL: none */
};

struct request {
	const struct pp_host *host;
	struct pp_run *run;
	struct curl_slist *headers;
	const char *body; /* NULL: the upload's bytes */
	int64_t length;   /* of the body; -1: unknown */
	int64_t timeout;  /* nanoseconds */
};

struct answer {
	long status;  /* 0: there is none, and `error` says why */
	int64_t wait; /* Retry-After, seconds; 0: none */
	char *text;   /* ANSWER_SIZE bytes, terminated */
	size_t used;
	bool cut; /* it was longer */
	char error[CURL_ERROR_SIZE + HOST_SIZE];
};

/* False: why has the reason. The strings are copied. */
bool endpoint_init(struct endpoint *endpoint, const char *url, const char *ca_file, const char **why);
void endpoint_free(struct endpoint *endpoint);

/* `answer` is zeroed; answer->text is the caller's to free. */
void endpoint_post(struct endpoint *endpoint, const struct request *request, struct answer *answer);

/* Connects, and checks the certificate, but sends no request. False: error[size] has the reason. */
bool endpoint_connect(const struct endpoint *endpoint, char *error, size_t size);

#endif
