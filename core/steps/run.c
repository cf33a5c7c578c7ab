/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/run.h"

#include <stdlib.h>

#include "core/base/alloc.h"

struct run *run_create(struct upload *upload)
{
	struct run *run = alloc_zeroed(1, sizeof *run);
	run->mail.kind = MAIL_RUN;
	run->upload = upload_hold(upload);
	run->outcome = OUTCOME_RETRY;
	run->cancel_fd = -1;
	return run;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	upload_release(run->upload);
	free(run->result);
	free(run);
}
