/* SPDX-License-Identifier: Apache-2.0
 * The Nats-Msg-Ids of the messages that the service publishes about an upload. The broker uses them to drop duplicates,
 * and the service uses them to recognise its own messages. Other services publish without an ID. */
#ifndef CORE_UPLOAD_MESSAGE_ID_H
#define CORE_UPLOAD_MESSAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "core/upload/upload.h"

#define MESSAGE_ID_SIZE (UPLOAD_ID_LIMIT + 128)

/* The ID of a message published by a transition of the record; kind: a single PUBLISH_… bit. */
void message_id_make(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status, unsigned kind);
/* The ID of the announcement of the current step. */
void message_id_make_announcement(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status);

/* Whether the ID (or NULL) belongs to a PostprocessingStepFinished that the service published for this upload. */
bool message_id_is_result(const char *id, const char *upload_id);
/* Whether the ID belongs to an announcement. */
bool message_id_is_announcement(const char *id);

#endif
