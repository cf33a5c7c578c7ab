/* SPDX-License-Identifier: Apache-2.0
 * No module at all. */
int fixture_is_no_module(void);

int fixture_is_no_module(void)
{
	return 1;
}
