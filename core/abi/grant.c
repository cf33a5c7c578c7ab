/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/grant.h"

#include <string.h>

#include "core/abi/module_table.h"
#include "core/base/text.h"

static const struct {
	const char *word;
	uint32_t need, grant;
} grants[] = {{"network", PP_NEED_NETWORK, GRANT_NETWORK},
              {"unix", PP_NEED_UNIX, GRANT_UNIX},
              {"exec", PP_NEED_EXEC, GRANT_EXEC},
              {"files", PP_NEED_FILES, GRANT_FILES}};

#define COUNT (sizeof grants / sizeof grants[0])

bool grant_parse(const char *word, uint32_t *grant)
{
	*grant = 0;
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(word, grants[i].word) == 0)
			*grant = grants[i].grant;
	return *grant != 0 || strcmp(word, "none") == 0;
}

const char *grants_format(uint32_t granted, char text[GRANTS_TEXT_SIZE])
{
	size_t length = 0;
	text_copy(text, GRANTS_TEXT_SIZE, "none");
	for (size_t i = 0; i < COUNT; i++) {
		if ((granted & grants[i].grant) == 0)
			continue;
		if (length > 0)
			text[length++] = ' ';
		text_copy(text + length, GRANTS_TEXT_SIZE - length, grants[i].word);
		length += strlen(grants[i].word);
	}
	return text;
}

static bool begins_with_one(const char *value, const char *words)
{
	while (*words != '\0') {
		size_t length = strcspn(words, " ");
		if (length > 0 && strncmp(value, words, length) == 0)
			return true;
		words += length + (words[length] == ' ');
	}
	return false;
}

static bool fits(const struct pp_need *need, const char *value)
{
	return (need->when == NULL || begins_with_one(value, need->when)) &&
	       (need->unless == NULL || !begins_with_one(value, need->unless));
}

/* A list has a value for each of its items, and any other key has one. NULL: there are no more. */
static const char *value_at(const struct setup_value *value, size_t number)
{
	if (value != NULL && value->item != NULL)
		return number < (size_t)value->number ? value->item[number] : NULL;
	if (number > 0)
		return NULL;
	return value != NULL && value->text != NULL ? value->text : "";
}

static bool applies(const struct pp_need *need, const struct pp_setup *setup)
{
	const struct setup_value *found = setup_find(setup, need->key);
	const char *value;
	if (need->key == NULL)
		return true;
	for (size_t i = 0; (value = value_at(found, i)) != NULL; i++)
		if (fits(need, value))
			return true;
	return false;
}

static const struct pp_need *need_at(const struct pp_step_module *table, size_t number)
{
	if (table->needs == NULL || number >= MODULE_NEEDS_MAX || table->needs[number].kind == 0)
		return NULL;
	return &table->needs[number];
}

uint32_t grants_declared(const struct pp_step_module *table, const struct pp_setup *setup)
{
	const struct pp_need *need;
	uint32_t declared = 0;
	for (size_t i = 0; (need = need_at(table, i)) != NULL; i++)
		for (size_t j = 0; j < COUNT; j++)
			if (need->kind == grants[j].need && applies(need, setup))
				declared |= grants[j].grant;
	return declared;
}

const char *grants_next_path(const struct pp_step_module *table, const struct pp_setup *setup, size_t *next)
{
	const struct pp_need *need;
	while ((need = need_at(table, *next / SETUP_ITEMS_MAX)) != NULL) {
		size_t number = (*next)++ % SETUP_ITEMS_MAX;
		const struct setup_value *found = need->kind == PP_NEED_PATH ? setup_find(setup, need->key) : NULL;
		const char *value = found != NULL ? value_at(found, number) : NULL;
		if (value == NULL)
			*next += SETUP_ITEMS_MAX - 1 - number;
		else if (value[0] == '/' && fits(need, value))
			return value;
	}
	return NULL;
}
