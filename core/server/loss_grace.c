/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/loss.h"

const nanos loss_grace = MINUTE;
