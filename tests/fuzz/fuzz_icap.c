/* SPDX-License-Identifier: Apache-2.0
 * The input is an ICAP server's answer, behind a byte that says in what pieces it comes. Whatever the pieces are, the
 * reader says the same. */
#include <stdlib.h>
#include <string.h>

#include "plugins/virusscan/icap_answer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

struct body {
	uint64_t length, sum;
};

static void take(void *closure, const void *bytes, size_t length)
{
	struct body *body = closure;
	for (size_t i = 0; i < length; i++)
		body->sum += ((const unsigned char *)bytes)[i] * ++body->length;
}

/* Returns how many bytes belong to the answer. */
static size_t feed(struct icap_answer *answer, struct body *body, const uint8_t *data, size_t size, size_t piece)
{
	size_t taken = 0;
	*body = (struct body){0};
	icap_answer_begin(answer, take, body);
	while (taken < size && answer->state != ICAP_DONE && answer->state != ICAP_BROKEN) {
		size_t length = size - taken < piece ? size - taken : piece;
		/* A copy of exactly this length, as a sanitizer sees what is read beyond it. */
		char *bytes = malloc(length);
		REQUIRE(bytes != NULL);
		memcpy(bytes, data + taken, length);
		size_t count = icap_answer_feed(answer, bytes, length);
		free(bytes);
		REQUIRE(count <= length && (count == length || answer->state == ICAP_DONE || answer->state == ICAP_BROKEN));
		taken += count;
	}
	return taken;
}

static bool is_text(const char text[ICAP_TEXT_SIZE])
{
	return memchr(text, '\0', ICAP_TEXT_SIZE) != NULL;
}

static void check(const struct icap_answer *answer)
{
	const struct icap_words *words = &answer->words;
	REQUIRE(answer->state != ICAP_BROKEN || answer->why != NULL);
	REQUIRE(is_text(words->istag) && is_text(words->service) && is_text(words->threat) && is_text(words->block_reason));
	REQUIRE(words->infection >= -1 && words->infection <= 2);
	REQUIRE(words->preview >= -1 && words->options_ttl >= -1);
	if (answer->state == ICAP_DONE)
		REQUIRE(words->status >= 0 && words->status <= 999);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct icap_answer *whole = malloc(sizeof *whole), *pieces = malloc(sizeof *pieces);
	struct body body, other;
	REQUIRE(whole != NULL && pieces != NULL);
	if (size > 1) {
		size_t taken = feed(whole, &body, data + 1, size - 1, size - 1);
		size_t again = feed(pieces, &other, data + 1, size - 1, 1 + data[0] % 64);
		check(whole);
		REQUIRE(whole->state == pieces->state && memcmp(&whole->words, &pieces->words, sizeof whole->words) == 0);
		REQUIRE(whole->state == ICAP_BROKEN || taken == again);
		REQUIRE(whole->state == ICAP_BROKEN || (body.length == other.length && body.sum == other.sum));
	}
	free(whole);
	free(pieces);
	return 0;
}
