/* SPDX-License-Identifier: Apache-2.0 */
#include "core/broker/broker_health.h"

const nanos broker_silence_limit = MINUTE;
