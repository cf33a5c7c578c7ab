/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config_source.h"

bool address_is_port(const char *text, long least)
{
	size_t length = strlen(text);
	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	long port = strtol(text, NULL, 10);
	return port >= least && port <= 65535;
}

/* The position of the port's colon; NULL: none. The host may be an IPv6 address in brackets. */
static const char *port_colon(const char *host)
{
	const char *bracket = *host == '[' ? strchr(host, ']') : NULL;
	if (bracket != NULL)
		return bracket[1] == ':' ? bracket + 1 : NULL;
	return strrchr(host, ':');
}

bool address_check_listen(const char *text, char *why, size_t size)
{
	const char *colon = port_colon(text);
	if (colon != NULL && address_is_port(colon + 1, 0) && strpbrk(text, " \t/@") == NULL)
		return true;
	snprintf(why, size, "\"%.80s\" does not have the form host:port", text);
	return false;
}
