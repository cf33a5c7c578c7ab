/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/plot.h"

#include <stdio.h>
#include <string.h>

#include "core/base/terminal.h"

static const char *terminal_of(const char *path)
{
	const char *ending = strrchr(path, '.');
	if (ending != NULL && strcmp(ending, ".png") == 0)
		return "pngcairo size 900,540";
	if (ending != NULL && strcmp(ending, ".svg") == 0)
		return "svg size 900,540 background 'white'";
	return NULL;
}

bool bench_plot_check(const char *path)
{
	if (terminal_of(path) == NULL) {
		terminal_error("--plot %s: the name must end in .png or .svg", path);
		return false;
	}
	FILE *gnuplot = popen("gnuplot --version >/dev/null 2>&1", "w");
	if (gnuplot != NULL && pclose(gnuplot) == 0)
		return true;
	fputs("--plot needs gnuplot: install the package gnuplot-nox\n", stderr);
	return false;
}

static void write_points(FILE *to, const struct bench_load_point *point, size_t count, enum bench_side side)
{
	fprintf(to, "$%s << END\n", bench_side_name(side));
	for (size_t i = 0; i < count; i++) {
		const struct bench_figures *figures = &point[i].side[side];
		fprintf(to, "%.1f %.4f %.4f %.4f\n", point[i].offered, figures->p50 * 1e3, figures->p90 * 1e3,
		        figures->p99 * 1e3);
	}
	fputs("END\n", to);
}

/* In gnuplot's single quotes, where a quote is doubled. */
static void write_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text != '\0'; text++)
		fprintf(to, *text == '\'' ? "''" : "%c", *text);
	fputs("'\n", to);
}

bool bench_plot_draw(const char *path, const struct bench_load_point *point, size_t count, bool baseline)
{
	FILE *gnuplot = popen("gnuplot", "w");
	if (gnuplot == NULL) {
		fputs("cannot start gnuplot\n", stderr);
		return false;
	}
	write_points(gnuplot, point, count, BENCH_SERVICE);
	if (baseline)
		write_points(gnuplot, point, count, BENCH_BASELINE);
	fprintf(gnuplot, "set terminal %s\nset output ", terminal_of(path));
	write_quoted(gnuplot, path);
	fputs("set xlabel 'uploads offered per second'\nset ylabel 'milliseconds until PostprocessingFinished'\n"
	      "set logscale xy\nset grid\nset key outside\n"
	      "plot $service using 1:2 with linespoints title 'p50', $service using 1:3 with linespoints title 'p90', "
	      "$service using 1:4 with linespoints title 'p99'",
	      gnuplot);
	fputs(baseline ? ", $floor using 1:2 with linespoints dashtype 2 title 'floor, p50', "
	                 "$floor using 1:4 with linespoints dashtype 2 title 'floor, p99'\n"
	               : "\n",
	      gnuplot);
	bool written = ferror(gnuplot) == 0;
	if (pclose(gnuplot) == 0 && written)
		return true;
	terminal_error("%s: gnuplot failed", path);
	return false;
}
