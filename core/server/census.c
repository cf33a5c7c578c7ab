/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/census.h"

#define PAUSE SECOND

void census_again(struct census *census)
{
	census->complete = false;
	census->outdated = census->under_way;
	census->not_before = 0;
}

void census_hasten(struct census *census)
{
	census->not_before = 0;
}

bool census_due(const struct census *census, nanos now)
{
	return !census->complete && !census->under_way && now >= census->not_before;
}

void census_begun(struct census *census)
{
	census->under_way = true;
}

void census_ended(struct census *census, bool complete, nanos now)
{
	census->under_way = false;
	census->complete = complete && !census->outdated;
	census->outdated = false;
	census->not_before = now + PAUSE;
}
