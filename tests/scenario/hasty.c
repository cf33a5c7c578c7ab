/* SPDX-License-Identifier: Apache-2.0
 * The service, with less patience than is good for its users: linked before the library, these take the place of its
 * own. */
#include "core/broker/broker_health.h"
#include "core/server/loss.h"

const nanos broker_silence_limit = 4 * SECOND;
const nanos loss_grace = 4 * SECOND;
