/* SPDX-License-Identifier: Apache-2.0
 * The address of a broker, as people write it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/config/config_source.h"

_Static_assert(BROKER_SERVERS_LIMIT == 16, "a message says so");

/* The state while reading a list. */
struct reading {
	bool tls, plain;           /* some server has such a scheme */
	char *username, *password; /* decoded, parts of the text that is read; NULL: none yet */
	char *hosts;               /* the resulting "host:port,host:port", with room for all */
};

/* %XX becomes the byte, in place. False: see percent_read(). */
static bool decode(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0';)
		if (!percent_read(&from, to++))
			return false;
	*to = '\0';
	return true;
}

static const char *read_scheme(struct reading *reading, const char *scheme, size_t length)
{
	static const struct {
		const char *name;
		bool tls;
	} known[] = {{"nats", false}, {"tcp", false}, {"tls", true}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (length != strlen(known[i].name) || strncasecmp(scheme, known[i].name, length) != 0)
			continue;
		*(known[i].tls ? &reading->tls : &reading->plain) = true;
		return reading->tls && reading->plain ? "tls:// cannot be mixed with nats:// or tcp://: all servers of a "
		                                        "broker must use the same transport"
		                                      : NULL;
	}
	return "the scheme of a broker must be nats://, tls:// or tcp://";
}

/* "user:password", or only a token, which has the form of a user name without a password. Servers without credentials
 * share those of the others. */
static const char *read_credentials(struct reading *reading, char *text)
{
	char *colon = strchr(text, ':'), *password = colon != NULL ? colon + 1 : NULL;
	if (colon != NULL)
		*colon = '\0';
	if (!decode(text) || (password != NULL && !decode(password)))
		return "the user name or password contains a % that is not followed by two hexadecimal digits: write %25 for a "
			   "percent sign";
	if (*text == '\0')
		return password == NULL ? NULL : "the password has no user name";
	if (reading->username != NULL && (!text_same(reading->username, text) || !text_same(reading->password, password)))
		return "all servers of a broker must have the same user name and password";
	reading->username = text;
	reading->password = password;
	return NULL;
}

/* The port's colon; NULL: there is none. */
static const char *port_colon(const char *host)
{
	const char *bracket = *host == '[' ? strchr(host, ']') : NULL;
	return strchr(bracket != NULL ? bracket : host, ':');
}

static const char *read_host(struct reading *reading, char *host)
{
	size_t length = strlen(host);
	while (length > 0 && host[length - 1] == '/')
		host[--length] = '\0';
	if (strchr(host, '/') != NULL)
		return "the address of a broker cannot have a path; write %2F for a / in a password";
	const char *colon = port_colon(host);
	size_t name = colon != NULL ? (size_t)(colon - host) : length;
	if (name == 0)
		return "the host is missing";
	bool bracketed = host[0] == '[' && name > 2 && host[name - 1] == ']';
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return "put an IPv6 address in brackets, as in [::1]:4222";
	if (!bracketed && strcspn(host, "[]%?#\"'\\<> \t") < name)
		return "the host contains an invalid character";
	if (colon != NULL && !address_is_port(colon + 1, 1))
		return "the port is not a number from 1 to 65535";
	if (reading->hosts[0] != '\0')
		strcat(reading->hosts, ",");
	strcat(reading->hosts, host);
	return NULL;
}

static const char *read_server(struct reading *reading, char *text)
{
	const char *fault = NULL;
	char *scheme = strstr(text, "://");
	if (strcmp(text, "embedded") == 0)
		return "embedded cannot be combined with other addresses";
	if (scheme != NULL) {
		fault = read_scheme(reading, text, (size_t)(scheme - text));
		text = scheme + strlen("://");
	}
	char *at = strrchr(text, '@');
	if (fault == NULL && at != NULL) {
		*at = '\0';
		fault = read_credentials(reading, text);
		text = at + 1;
	}
	return fault != NULL ? fault : read_host(reading, text);
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = by != NULL ? alloc_text(by) : NULL;
}

/* Credentials in a URL take precedence, as with other clients. */
static void take_credentials(struct broker_address *address, const struct reading *reading)
{
	if (reading->username == NULL)
		return;
	bool token = reading->password == NULL;
	address->overridden = address->username != NULL && (token || !text_same(address->username, reading->username) ||
	                                                    !text_same(address->password, reading->password));
	if (token)
		replace(&address->token, reading->username);
	replace(&address->username, token ? NULL : reading->username);
	replace(&address->password, reading->password);
}

bool address_read_broker(struct broker_address *address, char *why, size_t size)
{
	struct reading reading = {0};
	char **part = list_split(address->endpoint, ", ");
	const char *fault = part[0] == NULL ? "no address" : NULL;
	reading.hosts = alloc_zeroed(1, strlen(address->endpoint) + 1);
	for (size_t i = 0; fault == NULL && part[i] != NULL; i++)
		fault = i < BROKER_SERVERS_LIMIT ? read_server(&reading, part[i]) : "more than 16 servers";
	if (fault == NULL) {
		take_credentials(address, &reading);
		replace(&address->endpoint, reading.hosts);
	}
	/* nats:// only names the protocol; it does not override enable_tls. */
	address->tls_by_url = reading.tls;
	address->tls = address->tls || reading.tls;
	free(part);
	free(reading.hosts);
	if (fault != NULL)
		snprintf(why, size, "%s", fault);
	return fault == NULL;
}
