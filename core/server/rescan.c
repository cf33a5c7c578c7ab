/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/rescan.h"

#define PAUSE SECOND

void rescan_again(struct rescan *rescan)
{
	rescan->complete = false;
	rescan->outdated = rescan->under_way;
	rescan->not_before = 0;
}

void rescan_hasten(struct rescan *rescan)
{
	rescan->not_before = 0;
}

bool rescan_due(const struct rescan *rescan, nanos now)
{
	return !rescan->complete && !rescan->under_way && now >= rescan->not_before;
}

void rescan_begun(struct rescan *rescan)
{
	rescan->under_way = true;
}

void rescan_ended(struct rescan *rescan, bool complete, nanos now)
{
	rescan->under_way = false;
	rescan->complete = complete && !rescan->outdated;
	rescan->outdated = false;
	rescan->not_before = now + PAUSE;
}
