/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct source *source)
{
	source->handed = 0;
	source->rest_length = 0;
	source->ended = source->failed = false;
	source->cut = source->most >= 0 && source->size > source->most;
}

void source_of_run(struct source *source, const struct pp_host *host, struct pp_run *run, int64_t most)
{
	const char *name = host->filename(run);
	*source = (struct source){.host = host,
	                          .run = run,
	                          .name = name != NULL ? name : "upload",
	                          .size = host->filesize(run),
	                          .most = most > 0 ? most : -1,
	                          .until = monotonic_now() + host->deadline(run) - host->now(run),
	                          .cancel_fd = host->cancel_fd(run)};
	begin(source);
}

void source_of_text(struct source *source, const char *name, const char *text, const struct limits *limits)
{
	*source = (struct source){.name = name,
	                          .size = (int64_t)strlen(text),
	                          .most = -1,
	                          .until = limits->until,
	                          .cancel_fd = limits->cancel_fd,
	                          .memory = text};
	begin(source);
}

void source_clear(struct source *source)
{
	EVP_MD_CTX_free(source->digest);
	free(source->loaded);
	source->digest = NULL;
	source->memory = source->loaded = NULL;
}

bool source_begin_digest(struct source *source)
{
	if (source->digest == NULL)
		source->digest = EVP_MD_CTX_new();
	source->digesting = source->digest != NULL && EVP_DigestInit_ex(source->digest, EVP_sha256(), NULL) == 1;
	return source->digesting;
}

bool source_digest(const struct source *source, unsigned char digest[EVP_MAX_MD_SIZE], unsigned *length)
{
	if (!source->digesting)
		return false;
	/* On a copy, because more bytes may follow. */
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	bool good =
		copy != NULL && EVP_MD_CTX_copy_ex(copy, source->digest) == 1 && EVP_DigestFinal_ex(copy, digest, length) == 1;
	EVP_MD_CTX_free(copy);
	return good;
}

void digest_format(const unsigned char *digest, unsigned length, char text[SOURCE_DIGEST_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < length && 2 * i + 2 < SOURCE_DIGEST_SIZE; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
		text[2 * i + 2] = '\0';
	}
}

bool source_load(struct source *source)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_length = 0;
	size_t size = (size_t)source->size, used = 0;
	const void *bytes;
	ssize_t length = 0;
	char *loaded = malloc(size + 1);
	if (loaded == NULL)
		return false;
	while ((length = source->host->read(source->run, &bytes)) > 0 && (size_t)length <= size - used) {
		memcpy(loaded + used, bytes, (size_t)length);
		used += (size_t)length;
	}
	/* The host promises as many as were announced. */
	source->failed = length != 0 || used != size;
	if (source->failed || EVP_Digest(loaded, size, digest, &digest_length, EVP_sha256(), NULL) != 1) {
		free(loaded);
		return false;
	}
	digest_format(digest, digest_length, source->sha256);
	source->memory = source->loaded = loaded;
	return true;
}

static ssize_t read_more(struct source *source, const void **bytes)
{
	if (source->memory == NULL)
		return source->host->read(source->run, bytes);
	*bytes = source->memory + source->handed;
	return (ssize_t)(source->size - source->handed);
}

static ssize_t end(struct source *source)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	source->ended = true;
	if (!source->cut && source_digest(source, digest, &length))
		digest_format(digest, length, source->sha256);
	return 0;
}

ssize_t source_read(struct source *source, const void **bytes)
{
	int64_t left = source->most >= 0 ? source->most - source->handed : INT64_MAX;
	if (left == 0 && source->cut)
		return end(source);
	ssize_t length = read_more(source, bytes);
	source->failed = length < 0;
	if (length < 0)
		return length;
	if (length > left) {
		source->rest = (const char *)*bytes + left;
		source->rest_length = (size_t)(length - left);
		length = (ssize_t)left;
		source->cut = true;
	}
	if (length == 0)
		return end(source);
	source->handed += length;
	if (source->memory == NULL)
		source->host->set_progress(source->run, source->handed, source_expected(source));
	if (source->digesting && EVP_DigestUpdate(source->digest, *bytes, (size_t)length) != 1)
		source->digesting = false;
	return length;
}

bool source_finish_digest(struct source *source)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_length = 0;
	const char *known = source->sha256[0] == '\0' ? source->host->known_sha256(source->run) : NULL;
	if (known != NULL)
		snprintf(source->sha256, sizeof source->sha256, "%s", known);
	if (source->sha256[0] != '\0')
		return true;
	if (!source->digesting && !(source_rewind(source) && source_begin_digest(source)))
		return false;
	const void *bytes = source->rest;
	ssize_t length = (ssize_t)source->rest_length;
	source->rest_length = 0;
	do {
		if (length > 0 && EVP_DigestUpdate(source->digest, bytes, (size_t)length) != 1)
			return false;
		length = source->host->read(source->run, &bytes);
	} while (length > 0);
	source->failed = length < 0;
	if (source->failed || !source_digest(source, digest, &digest_length))
		return false;
	digest_format(digest, digest_length, source->sha256);
	return true;
}

bool source_rewind(struct source *source)
{
	bool touched = source->handed > 0 || source->ended || source->failed;
	if (touched && source->memory == NULL && source->host->rewind(source->run) != 0) {
		source->failed = true;
		return false;
	}
	begin(source);
	return !source->digesting || source_begin_digest(source);
}

const char *source_error(const struct source *source)
{
	return source->failed && source->host != NULL ? source->host->read_error(source->run) : "out of memory";
}

int64_t source_expected(const struct source *source)
{
	return source->most >= 0 && (source->size < 0 || source->size > source->most) ? source->size < 0 ? -1 : source->most
	                                                                              : source->size;
}

struct limits source_limits(const struct source *source, int64_t most)
{
	if (source->share > 0 && source->share < most)
		most = source->share;
	int64_t now = monotonic_now();
	return (struct limits){.until = most < source->until - now ? now + most : source->until,
	                       .cancel_fd = source->cancel_fd};
}
