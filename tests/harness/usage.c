/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/usage.h"

#include "core/process_usage.h"

bool usage_read(pid_t pid, struct usage *usage)
{
	struct process_usage all;
	bool good = process_usage_read(pid, &all) && all.descriptors > 0;
	if (good)
		*usage = (struct usage){.cpu = all.cpu, .resident = (double)all.resident / 1e6, .descriptors = all.descriptors};
	return good;
}
