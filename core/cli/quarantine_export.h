/* SPDX-License-Identifier: Apache-2.0
 * Decrypts an entry of the quarantine into a file. */
#ifndef CORE_CLI_QUARANTINE_EXPORT_H
#define CORE_CLI_QUARANTINE_EXPORT_H

#include "core/cli/quarantine_view.h"

struct quarantine_export {
	const struct view_entry *entry;
	int folder;
	const char *key;    /* the path of the private key */
	const char *output; /* the path of the new file */
	/* Called once all is decrypted and proven, before the file gets its name. False: it shall not, and a message is on
	 * stderr. */
	bool (*proven)(void *closure, const struct view_entry *entry);
	void *closure;
};

/* The file (0600) exists only once all of it is proven; an existing file is left alone. False: with a message on
 * stderr. */
bool quarantine_export(const struct quarantine_export *export);

#endif
