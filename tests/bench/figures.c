/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/figures.h"

#include <jansson.h>
#include <stdio.h>

void figures_add(struct figures *figures, const struct figure *figure)
{
	if (figures->count == FIGURES_LIMIT)
		fprintf(stderr, "no room for the figure %s\n", figure->name);
	else
		figures->figure[figures->count++] = *figure;
}

static double ratio_of(const struct figure *figure)
{
	return figure->baseline > 0 ? figure->value / figure->baseline : 0;
}

static const char *verdict_of(const struct figure *figure)
{
	if (figure->target == TARGET_NONE)
		return "";
	double held = figure->target == TARGET_VALUE ? figure->value : ratio_of(figure);
	bool kept = figure->target == TARGET_RATIO_LEAST ? held >= figure->limit : held <= figure->limit;
	return kept ? "kept" : "MISSED";
}

static void print_number(double value, const char *unit)
{
	char text[32];
	snprintf(text, sizeof text, "%.*f %s", value >= 1000 ? 0 : value >= 10 ? 1 : 3, value, unit);
	printf(" %14s", text);
}

void figures_print(const struct figures *figures)
{
	printf("%-48s %14s %14s %7s %11s         %s\n", "", "service", "floor", "ratio", "target", "the floor is");
	for (size_t i = 0; i < figures->count; i++) {
		const struct figure *figure = &figures->figure[i];
		static const char *const words[] = {
			[TARGET_VALUE] = "<=", [TARGET_RATIO] = "x <=", [TARGET_RATIO_LEAST] = "x >="};
		char target[24] = "";
		printf("%-48s", figure->name);
		print_number(figure->value, figure->unit);
		if (figure->baseline > 0) {
			print_number(figure->baseline, figure->unit);
			printf(" %7.2f", ratio_of(figure));
		} else {
			printf(" %14s %7s", "-", "-");
		}
		if (figure->target != TARGET_NONE)
			snprintf(target, sizeof target, "%s %.4g", words[figure->target], figure->limit);
		printf(" %11s %-7s %s\n", target, verdict_of(figure), figure->baseline_name);
	}
}

bool figures_write(const struct figures *figures, const char *path)
{
	json_t *array = json_array();
	bool good = array != NULL;
	for (size_t i = 0; good && i < figures->count; i++) {
		const struct figure *figure = &figures->figure[i];
		static const char *const key[] = {
			[TARGET_VALUE] = "limit", [TARGET_RATIO] = "ratio_limit", [TARGET_RATIO_LEAST] = "ratio_least"};
		json_t *entry = json_pack("{ss,ss,sf,sf,ss}", "name", figure->name, "unit", figure->unit, "value",
		                          figure->value, "floor", figure->baseline, "floor_is", figure->baseline_name);
		if (entry != NULL && figure->target != TARGET_NONE)
			good = json_object_set_new(entry, key[figure->target], json_real(figure->limit)) == 0;
		good = json_array_append_new(array, entry) == 0 && good;
	}
	good = good && json_dump_file(array, path, JSON_INDENT(1)) == 0;
	json_decref(array);
	if (!good)
		fprintf(stderr, "cannot write %s\n", path);
	return good;
}
