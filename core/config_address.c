/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_source.h"

/* A decimal port, up to the end of the text. */
static bool is_port(const char *text, long least)
{
	size_t length = strlen(text);
	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	long port = strtol(text, NULL, 10);
	return port >= least && port <= 65535;
}

/* Where the port's colon is; NULL: there is none. The host may be an IPv6 address in brackets. */
static const char *port_colon(const char *host)
{
	const char *bracket = *host == '[' ? strchr(host, ']') : NULL;
	if (bracket != NULL)
		return bracket[1] == ':' ? bracket + 1 : NULL;
	return strrchr(host, ':');
}

/* One host:port, with or without scheme and port. */
static const char *broker_fault(const char *address)
{
	const char *scheme = strstr(address, "://");
	if (scheme != NULL && strncmp(address, "nats://", 7) != 0 && strncmp(address, "tls://", 6) != 0)
		return "the scheme of a broker is nats:// or tls://";
	const char *host = scheme == NULL ? address : scheme + 3;
	const char *at = strrchr(host, '@');
	host = at == NULL ? host : at + 1;
	const char *colon = port_colon(host);
	if (*host == '\0' || colon == host)
		return "the host is missing";
	if (colon != NULL && !is_port(colon + 1, 1))
		return "the port is not a number from 1 to 65535";
	return NULL;
}

/* Never shows the text: user and password may be part of it. */
bool address_check_broker(const char *text, char *why, size_t size)
{
	char **part = list_split(text, ", ");
	const char *fault = part == NULL ? "out of memory" : part[0] == NULL ? "no address" : NULL;
	for (size_t i = 0; fault == NULL && part[i] != NULL; i++)
		fault = strcmp(part[i], "embedded") == 0 ? "embedded stands alone" : broker_fault(part[i]);
	free(part);
	if (fault != NULL)
		snprintf(why, size, "%s", fault);
	return fault == NULL;
}

bool address_check_listen(const char *text, char *why, size_t size)
{
	const char *colon = port_colon(text);
	if (colon != NULL && is_port(colon + 1, 0) && strpbrk(text, " \t/@") == NULL)
		return true;
	snprintf(why, size, "\"%.80s\" is not of the form host:port", text);
	return false;
}
