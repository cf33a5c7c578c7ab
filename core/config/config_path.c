/* SPDX-License-Identifier: Apache-2.0
 * Values that are paths, and secrets in files. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/base/text_file.h"
#include "core/config/config_source.h"

#define SECRET_MAX 4096
#define CREDENTIALS "CREDENTIALS_DIRECTORY"

/* What stands behind $CREDENTIALS_DIRECTORY or ${CREDENTIALS_DIRECTORY}, from the / on; NULL: the text does not begin
 * so. */
static const char *credential_of(const char *text)
{
	static const char plain[] = "$" CREDENTIALS "/", braces[] = "${" CREDENTIALS "}/";
	if (strncmp(text, plain, sizeof plain - 1) == 0)
		return text + sizeof plain - 2;
	return strncmp(text, braces, sizeof braces - 1) == 0 ? text + sizeof braces - 2 : NULL;
}

bool path_is_absolute(const char *text)
{
	return text[0] == '/' || credential_of(text) != NULL;
}

char *path_resolve(const struct config_source *source, const char *text, const char **why)
{
	const struct variable *folder = source_variable(source, CREDENTIALS);
	const char *rest = credential_of(text);
	char path[PATH_MAX];
	*why = NULL;
	if (rest != NULL && folder == NULL)
		*why = "$" CREDENTIALS " is not set: systemd sets it for a unit with LoadCredential=";
	else if (snprintf(path, sizeof path, "%s%s", rest != NULL ? folder->value : "", rest != NULL ? rest : text) >=
	         (int)sizeof path)
		*why = strerror(ENAMETOOLONG);
	return *why == NULL ? alloc_text(path) : NULL;
}

/* What is wrong with the content of the file, whose only line is to be text[start] to text[*end]. NULL: nothing. */
static const char *line_fault(const char *text, size_t length, size_t start, size_t *end)
{
	size_t line = strcspn(text + start, "\r\n");
	*end = start + line;
	if (line == 0 || strspn(text + *end, "\r\n") != length - *end)
		return "must contain a single line of text";
	return text_fault(text + start, line);
}

char *secret_file_read(const char *path, const char *place, const char *key, struct problems *warnings,
                       struct problems *problems)
{
	size_t length, end;
	struct stat info;
	char *text = text_file_read(path, SECRET_MAX, &length, &info);
	if (text == NULL) {
		problems_add(problems, "%s: %s: %s: %s", place, key, path, strerror(errno));
		return NULL;
	}
	access_warn_named(warnings, place, key, path, &info, true);
	/* A byte order mark is not part of the secret. */
	size_t start = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	const char *fault = line_fault(text, length, start, &end);
	if (fault != NULL) {
		problems_add(problems, "%s: %s: %s: %s", place, key, path, fault);
		explicit_bzero(text, length);
		free(text);
		return NULL;
	}
	memmove(text, text + start, end - start);
	text[end - start] = '\0';
	return text;
}
