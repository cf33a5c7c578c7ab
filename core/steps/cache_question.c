/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/cache_question.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "postprocessing/step.h"

static bool digest(const char *module, const char *key, char text[CACHE_KEY_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	/* The name with its terminator: no other pair of texts gives the same bytes. */
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	            EVP_DigestUpdate(context, module, strlen(module) + 1) == 1 &&
	            EVP_DigestUpdate(context, key, strlen(key)) == 1 && EVP_DigestFinal_ex(context, bytes, &length) == 1;
	EVP_MD_CTX_free(context);
	if (good)
		hex_encode(text, bytes, length);
	return good;
}

struct cache_question *cache_question_create(const struct run *run, const char *module, const char *key,
                                             const char *keep)
{
	struct cache_question *question = alloc_zeroed(1, sizeof *question);
	question->mail.kind = MAIL_CACHE;
	question->made = clock_monotonic();
	question->asked_by = run;
	question->keep = keep != NULL ? alloc_text(keep) : NULL;
	if (digest(module, key, question->key))
		return question;
	cache_question_free(question);
	return NULL;
}

bool cache_question_is_late(const struct cache_question *question, nanos now)
{
	return now - question->made >= CACHE_TIMEOUT;
}

void cache_question_answer(struct cache_question *question, char *answer)
{
	/* A longer text is not from a module, and could not be passed to one. */
	if (answer != NULL && strlen(answer) > PP_CACHE_LIMIT) {
		free(answer);
		answer = NULL;
	}
	question->answer = answer;
	if (question->answered != NULL)
		question->answered(question);
	else
		cache_question_free(question);
}

void cache_question_free(struct cache_question *question)
{
	if (question == NULL)
		return;
	if (question->dropped != NULL)
		question->dropped(question);
	free(question->keep);
	free(question->answer);
	free(question);
}
