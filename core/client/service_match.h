/* SPDX-License-Identifier: Apache-2.0
 * Whether the service that answers is the one of the configuration: another one may have taken its address. */
#ifndef CORE_CLIENT_SERVICE_MATCH_H
#define CORE_CLIENT_SERVICE_MATCH_H

#include <jansson.h>

#include "core/config/config.h"

/* `answer`: the JSON of /readyz. The service is the configured one if the state folder has the name of its instance,
 * or, where that cannot be read, if it uses the same folder. Without a configured state_dir, any service is: the
 * default depends on the user. False: it is another one; why[size] says which. */
bool service_match(const struct config *config, const json_t *answer, char *why, size_t size);

#endif
