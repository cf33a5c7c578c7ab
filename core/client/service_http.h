/* SPDX-License-Identifier: Apache-2.0
 * Asking the running service over its own HTTP. */
#ifndef CORE_CLIENT_SERVICE_HTTP_H
#define CORE_CLIENT_SERVICE_HTTP_H

#include "core/config/config.h"
#include "core/base/text.h"

/* GETs a path of the service with this configuration, which must have an [http] addr. The HTTP status with the body appended; 0: no answer, `why` says why. */
long service_http_get(const struct config *config, const char *path, struct text *body, char *why, size_t size);

#endif
