/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/abi/setup.h"
#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/config/config_source.h"

#define STRING_MAX 4096

static bool parse_bool(const char *text, int64_t *number)
{
	static const struct {
		const char *word;
		int64_t number;
	} words[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"on", 1},
	             {"off", 0},  {"1", 1},     {"0", 0},   {"t", 1},  {"f", 0}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*number = words[i].number;
			return true;
		}
	}
	return false;
}

/* Digits at the start of the text, with a sign or not; moves it behind them. */
static bool parse_digits(const char **text, int64_t *number)
{
	const char *digits = **text == '-' || **text == '+' ? *text + 1 : *text;
	if (*digits < '0' || *digits > '9')
		return false;
	char *end;
	errno = 0;
	long long value = strtoll(*text, &end, 10);
	if (errno != 0)
		return false;
	*number = value;
	*text = end;
	return true;
}

static bool parse_integer(const char *text, int64_t *number)
{
	return parse_digits(&text, number) && *text == '\0';
}

/* 0: no unit that exists. */
static int64_t size_unit(const char *text)
{
	static const char prefixes[] = "KMGTPE";
	if (*text == '\0' || strcasecmp(text, "B") == 0)
		return 1;
	const char *prefix = strchr(prefixes, *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
	bool decimal = strcasecmp(text + 1, "B") == 0;
	if (prefix == NULL || !(decimal || text[1] == '\0' || strcasecmp(text + 1, "iB") == 0))
		return 0;
	int64_t unit = 1;
	for (const char *p = prefixes; p <= prefix; p++)
		unit *= decimal ? 1000 : 1024;
	return unit;
}

static bool parse_size(const char *text, int64_t *number)
{
	int64_t count;
	if (!parse_digits(&text, &count))
		return false;
	if (*text == ' ')
		text++;
	int64_t unit = size_unit(text);
	return unit != 0 && !__builtin_mul_overflow(count, unit, number);
}

static bool parse_choice(const char *choices, const char *text, int64_t *number)
{
	size_t length;
	*number = 0;
	for (const char *word; (word = text_next_word(&choices, &length)) != NULL; ++*number)
		if (strlen(text) == length && strncasecmp(word, text, length) == 0)
			return true;
	return false;
}

const char *value_word(const struct pp_key *key, int64_t number, size_t *length)
{
	const char *words = key->choices, *word = NULL;
	if (key->type == PP_KEY_BOOL) {
		word = number != 0 ? "true" : "false";
		*length = strlen(word);
	} else if (key->type == PP_KEY_CHOICE) {
		do
			word = text_next_word(&words, length);
		while (word != NULL && number-- > 0);
	}
	return word;
}

bool limit_is_above_zero(const struct pp_key *key)
{
	return key->type == PP_KEY_DURATION && key->min > 0 && key->min < MILLISECOND;
}

const char *limit_format(const struct pp_key *key, int64_t limit, char text[LIMIT_TEXT_SIZE])
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	if (key->type == PP_KEY_DURATION && limit != 0) {
		char duration[DURATION_TEXT_SIZE];
		snprintf(text, LIMIT_TEXT_SIZE, "%s", duration_format(limit, duration));
		return text;
	}
	while (key->type == PP_KEY_SIZE && limit != 0 && limit % 1024 == 0 && unit + 1 < sizeof units / sizeof units[0]) {
		limit /= 1024;
		unit++;
	}
	snprintf(text, LIMIT_TEXT_SIZE, "%lld%s", (long long)limit, units[unit]);
	return text;
}

static bool check_range(const struct pp_key *key, const char *text, int64_t number, char *why, size_t size)
{
	bool any = key->min == 0 && key->max == 0;
	if (number >= key->min && (any || number <= key->max))
		return true;
	char least[LIMIT_TEXT_SIZE], most[LIMIT_TEXT_SIZE];
	limit_format(key, key->min, least);
	limit_format(key, key->max, most);
	if (any)
		snprintf(why, size, "\"%.40s\" is negative", text);
	else if (limit_is_above_zero(key))
		snprintf(why, size, "\"%.40s\" is not more than 0 and at most %s", text, most);
	else
		snprintf(why, size, "\"%.40s\" is not between %s and %s", text, least, most);
	return false;
}

const char *text_fault(const char *text, size_t length)
{
	while (length > 0) {
		uint32_t character;
		size_t size = utf8_read(text, length, &character);
		if (size == 0)
			return "not UTF-8";
		if (character != '\t' && utf8_is_hidden(character))
			return "control characters";
		text += size;
		length -= size;
	}
	return NULL;
}

/* Not its text: it may be a password. */
static bool check_string(const char *text, char *why, size_t size)
{
	size_t length = strnlen(text, STRING_MAX + 1);
	const char *fault = length > STRING_MAX ? NULL : text_fault(text, length);
	if (length > STRING_MAX)
		snprintf(why, size, "longer than %d bytes", STRING_MAX);
	else if (fault != NULL)
		snprintf(why, size, "%s", fault);
	return length <= STRING_MAX && fault == NULL;
}

static bool explain(char *why, size_t size, const char *text, const char *expected)
{
	snprintf(why, size, "\"%.40s\" is not %s", text, expected);
	return false;
}

static bool check_list(const struct pp_key *key, const char *text, int64_t *number, char *why, size_t size)
{
	char **item = list_items(text);
	int64_t count = 0;
	bool empty = false;
	for (; item[count] != NULL; count++)
		empty = empty || *item[count] == '\0';
	free(item);
	int64_t most = key->max > 0 && key->max < SETUP_ITEMS_MAX ? key->max : SETUP_ITEMS_MAX;
	*number = count;
	if (empty)
		snprintf(why, size, "nothing between two commas, or beside one");
	else if (count > most)
		snprintf(why, size, "%lld items, %lld at most", (long long)count, (long long)most);
	else if (count == 0 && key->min == 1)
		snprintf(why, size, "needs a value");
	else if (count < key->min)
		snprintf(why, size, "%lld item%s, at least %lld", (long long)count, count == 1 ? "" : "s", (long long)key->min);
	return !empty && count <= most && count >= key->min;
}

bool value_parse(const struct pp_key *key, const char *text, int64_t *number, char *why, size_t size)
{
	*number = 0;
	switch (key->type) {
	case PP_KEY_STRING:
	case PP_KEY_SECRET:
		return check_string(text, why, size);
	case PP_KEY_BOOL:
		return parse_bool(text, number) || explain(why, size, text, "true or false");
	case PP_KEY_INTEGER:
		if (!parse_integer(text, number))
			return explain(why, size, text, "a whole number");
		return check_range(key, text, *number, why, size);
	case PP_KEY_DURATION:
		if (!duration_parse(text, number))
			return explain(why, size, text, "a duration such as 30s or 1h15m (units: ns, us, ms, s, m, h)");
		return check_range(key, text, *number, why, size);
	case PP_KEY_SIZE:
		if (!parse_size(text, number))
			return explain(why, size, text, "a size such as 100, 10K, 10MB or 2GiB");
		return check_range(key, text, *number, why, size);
	case PP_KEY_CHOICE:
		if (parse_choice(key->choices, text, number))
			return true;
		snprintf(why, size, "unknown value \"%.40s\" (%s)", text, key->choices == NULL ? "" : key->choices);
		return false;
	case PP_KEY_LIST:
		return check_string(text, why, size) && check_list(key, text, number, why, size);
	case PP_KEY_PATH:
		return check_string(text, why, size) &&
		       (*text == '\0' || path_is_absolute(text) || explain(why, size, text, "an absolute path"));
	default:
		snprintf(why, size, "the module declares a key type that this version does not know");
		return false;
	}
}
