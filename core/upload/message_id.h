/* SPDX-License-Identifier: Apache-2.0
 * The Nats-Msg-Ids of what the service publishes about an upload. By them the broker drops a repeat, and we know our own words
 * when they come back; others publish without. */
#ifndef CORE_UPLOAD_MESSAGE_ID_H
#define CORE_UPLOAD_MESSAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "core/upload/upload.h"

#define MESSAGE_ID_SIZE (UPLOAD_ID_LIMIT + 128)

/* Of what a record's transition publishes; kind: a single PUBLISH_… bit. */
void message_id_make(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status, unsigned kind);
/* Of the announcement of the step that the status is in. */
void message_id_make_announcement(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status);

/* Is this (NULL: none) the ID of a PostprocessingStepFinished of the service's own about this upload? */
bool message_id_is_result(const char *id, const char *upload_id);
/* Is it that of an announcement? */
bool message_id_is_announcement(const char *id);

#endif
