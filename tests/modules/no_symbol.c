/* SPDX-License-Identifier: Apache-2.0
 * Not a module. */
int fixture_is_no_module(void);

int fixture_is_no_module(void)
{
	return 1;
}
