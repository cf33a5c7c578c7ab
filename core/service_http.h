/* SPDX-License-Identifier: Apache-2.0
 * Asking the running service over its own HTTP. */
#ifndef CORE_SERVICE_HTTP_H
#define CORE_SERVICE_HTTP_H

#include "core/config.h"
#include "core/text.h"

/* GETs a path of the service with this configuration, which must have an [http] addr. The HTTP status with the body appended; 0: no answer, `why` says why. */
long service_http_get(const struct config *config, const char *path, struct text *body, char *why, size_t size);

#endif
