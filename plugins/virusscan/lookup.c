/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <stdio.h>
#include <string.h>

/* The form of the texts below. */
#define FORM "2"
#define INFECTED "infected "

/* The digest of all that the verdict depends on: the parts may be of any length. */
static bool make_key(const struct lookup *lookup, const struct source *source, char key[SOURCE_DIGEST_SIZE])
{
	const char *const part[] = {
		FORM, lookup->scanner, lookup->host, lookup->version, lookup->by_name ? source->name : "", source->sha256};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
	/* With the terminators: no other parts give the same bytes. */
	for (size_t i = 0; good && i < sizeof part / sizeof part[0]; i++)
		good = EVP_DigestUpdate(context, part[i], strlen(part[i]) + 1) == 1;
	good = good && EVP_DigestFinal_ex(context, digest, &length) == 1;
	EVP_MD_CTX_free(context);
	if (good)
		digest_format(digest, length, key);
	return good;
}

bool lookup_find(const struct lookup *lookup, const struct source *source, struct report *report)
{
	char key[SOURCE_DIGEST_SIZE];
	if (!make_key(lookup, source, key))
		return false;
	const char *text = source->host->cache_get(source->run, key);
	if (text == NULL)
		return false;
	size_t prefix = sizeof INFECTED - 1;
	if (strcmp(text, "clean") == 0)
		report_set(report, FINDING_CLEAN, "%s", "");
	else if (strncmp(text, INFECTED, prefix) == 0 && text[prefix] != '\0')
		report_set(report, FINDING_INFECTED, "%s", text + prefix);
	else
		return false;
	report->cached = true;
	return true;
}

void lookup_keep(const struct lookup *lookup, const struct source *source, const struct report *report)
{
	char key[SOURCE_DIGEST_SIZE], text[REPORT_TEXT_SIZE + sizeof INFECTED];
	bool kept = report->finding == FINDING_CLEAN || report->finding == FINDING_INFECTED;
	if (!kept || source->cut || !source->ended || source->sha256[0] == '\0' || !make_key(lookup, source, key))
		return;
	snprintf(text, sizeof text, "%s%s", report->finding == FINDING_CLEAN ? "clean" : INFECTED, report->text);
	source->host->cache_put(source->run, key, text);
}
