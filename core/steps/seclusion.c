/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/seclusion.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(COPY_ERROR_SIZE == SEAL_ERROR_SIZE, "one text for both");

bool seclude(const struct seclusion *seclusion, char error[COPY_ERROR_SIZE])
{
	const struct upload *upload = seclusion->run->upload;
	const struct copy *copy = shared_copy_get(seclusion->copy);
	char user[UPLOAD_NAME_SIZE], space[UPLOAD_NAME_SIZE];
	if (seclusion->quarantine == NULL) {
		snprintf(error, COPY_ERROR_SIZE, "not quarantined: the service has no quarantine ([quarantine] folder)");
		return false;
	}
	int file = copy_open(copy);
	if (file < 0) {
		snprintf(error, COPY_ERROR_SIZE, "not quarantined: the copy of the upload cannot be opened: %s",
		         strerror(errno));
		return false;
	}
	upload_user_id(upload, user);
	upload_space_id(upload, space);
	const struct note note = {.id = upload->id,
	                          .step = seclusion->step,
	                          .filename = upload->filename,
	                          .sha256 = shared_copy_digest(seclusion->copy),
	                          .verdict = seclusion->words->verdict,
	                          .details = seclusion->words->details,
	                          .reason = seclusion->words->reason,
	                          .user = user,
	                          .space = space};
	const struct quarantine_source source = {file, copy_size(copy), seclusion->deadline, seclusion->cancel_fd};
	bool good = quarantine_add(seclusion->quarantine, &note, &source, error);
	close(file);
	return good;
}
