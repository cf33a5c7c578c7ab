/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/message_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ANNOUNCEMENT ".step"

void message_id_make(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status, unsigned kind)
{
	snprintf(id, MESSAGE_ID_SIZE, "%s.%" PRIu64 ".%" PRIu64 ".%u", upload_id, status->begun, status->published, kind);
}

void message_id_make_announcement(char id[MESSAGE_ID_SIZE], const char *upload_id, const struct status *status)
{
	snprintf(id, MESSAGE_ID_SIZE, "%s.%" PRIu64 ANNOUNCEMENT "%zu", upload_id, status->begun, status->step);
}

static const char *skip_digits(const char *at)
{
	return at + strspn(at, "0123456789");
}

/* Behind ".NUMBER"; NULL: that does not stand here. */
static const char *skip_number(const char *at)
{
	const char *end = *at == '.' ? skip_digits(at + 1) : at;
	return end > at + 1 ? end : NULL;
}

bool message_id_is_result(const char *id, const char *upload_id)
{
	size_t length = strlen(upload_id);
	if (id == NULL || strncmp(id, upload_id, length) != 0)
		return false;
	const char *begun = skip_number(id + length), *said = begun != NULL ? skip_number(begun) : NULL;
	_Static_assert(PUBLISH_STEP_FINISHED == 1, "the kind below");
	return said != NULL && strcmp(said, ".1") == 0;
}

bool message_id_is_announcement(const char *id)
{
	const char *at = id != NULL ? strrchr(id, '.') : NULL;
	size_t length = sizeof ANNOUNCEMENT - 1;
	return at != NULL && strncmp(at, ANNOUNCEMENT, length) == 0 && at[length] != '\0' &&
	       *skip_digits(at + length) == '\0';
}
