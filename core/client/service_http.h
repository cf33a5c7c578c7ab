/* SPDX-License-Identifier: Apache-2.0
 * Requests to the running service's HTTP server. */
#ifndef CORE_CLIENT_SERVICE_HTTP_H
#define CORE_CLIENT_SERVICE_HTTP_H

#include "core/base/text.h"
#include "core/config/config.h"

/* Sends a GET request for a path to the service with this configuration, which must have an [http] addr. Appends the
 * body to `body` and returns the HTTP status; 0: no answer, and `why` has the reason. */
long service_http_get(const struct config *config, const char *path, struct text *body, char *why, size_t size);

#endif
