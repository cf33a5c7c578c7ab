/* SPDX-License-Identifier: Apache-2.0 */
#include "unused.h"

#include <string.h>

/* Keys that only one kind of scanner has. */
static const struct {
	const char *key;
	bool icap;
} scanner_key[] = {{"clamav_socket", false}, {"timeout", false}, {"icap_url", true},
                   {"icap_service", true},   {"icap_ca", true},  {"icap_timeout", true}};

static bool is_set(const struct pp_host *host, struct pp_setup *setup, const struct pp_key *keys, const char *name)
{
	const char *value = host->string(setup, name);
	while (keys->name != NULL && strcmp(keys->name, name) != 0)
		keys++;
	return value != NULL && *value != '\0' && (keys->fallback == NULL || strcmp(value, keys->fallback) != 0);
}

static bool has_tls(const struct pp_host *host, struct pp_setup *setup)
{
	const char *url;
	for (size_t i = 0; (url = host->item(setup, "icap_url", i)) != NULL; i++)
		if (strncmp(url, "icaps://", 8) == 0)
			return true;
	return false;
}

size_t unused_find(const struct pp_host *host, struct pp_setup *setup, const struct pp_key *keys,
                   const struct scanner *scanner, struct unused list[UNUSED_LIMIT])
{
	bool icap = scanner == &icap_scanner;
	size_t count = 0;
	for (size_t i = 0; i < sizeof scanner_key / sizeof scanner_key[0]; i++)
		if (scanner_key[i].icap != icap && is_set(host, setup, keys, scanner_key[i].key))
			list[count++] = (struct unused){scanner_key[i].key, icap ? "scanner is icap" : "scanner is clamav"};
	if (icap && is_set(host, setup, keys, "icap_ca") && !has_tls(host, setup))
		list[count++] = (struct unused){"icap_ca", "no icap_url begins with icaps://"};
	if (is_set(host, setup, keys, "max_scan_size_mode") && host->number(setup, "max_scan_size") == 0)
		list[count++] = (struct unused){"max_scan_size_mode", "max_scan_size is not set"};
	return count;
}
