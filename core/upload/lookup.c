/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/lookup.h"

#include <string.h>

#include "core/base/alloc.h"

struct lookup *lookup_create(const char *id, nanos since, void *owner)
{
	size_t size = strlen(id) + 1;
	struct lookup *lookup = alloc_zeroed(1, sizeof *lookup + size);
	lookup->mail.kind = MAIL_LOOKUP;
	lookup->owner = owner;
	lookup->since = since;
	memcpy(lookup->id, id, size);
	return lookup;
}

struct lookup *lookup_create_restart(const char *upload_id, uint64_t after, uint64_t before, void *owner)
{
	struct lookup *lookup = lookup_create(upload_id, 0, owner);
	lookup->after = after;
	lookup->before = before;
	return lookup;
}
