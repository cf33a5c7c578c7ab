/* SPDX-License-Identifier: Apache-2.0
 * The service with shorter time limits than users should have: these are linked before the library and replace its
 * own. */
#include "core/broker/broker_health.h"
#include "core/server/loss.h"

const nanos broker_silence_limit = 4 * SECOND;
const nanos loss_grace = 4 * SECOND;
