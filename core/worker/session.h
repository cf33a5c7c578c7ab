/* SPDX-License-Identifier: Apache-2.0
 * The worker's side of the protocol, after the module was loaded. */
#ifndef CORE_WORKER_SESSION_H
#define CORE_WORKER_SESSION_H

#include "core/abi/protocol.h"

/* Serves the service until it closes the socket: creates the instance, runs it, checks it, destroys it. Returns the
 * exit status. `missing`: what the sandbox lacks. */
int session_serve(const struct pp_step_module *module, const struct start_message *start, const char *missing,
                  struct channel_buffer *buffer);

#endif
