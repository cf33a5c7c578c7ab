/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/settings.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/terminal.h"
#include "core/bench/bench.h"
#include "core/client/options.h"
#include "core/config/config_source.h"

static const char usage[] =
	"usage: postprocessing-bench [-c FILE] [OPTIONS]\n"
	"Loads the running service with uploads and shows how many it processes, how long they take, and what they cost.\n"
	"It acts as the storage provider and as the services behind remote steps, and answers at once. Ctrl-C ends the\n"
	"announcing and waits for the uploads under way.\n"
	"  -n COUNT         number of uploads (default: 10000; no limit with -d)\n"
	"  -f COUNT         uploads in flight: when one finishes, the next is announced (default: 1000)\n"
	"  --rate COUNT     announce this many uploads per second instead, however many finish\n"
	"  -d DURATION      announce uploads for this long, 30s for example\n"
	"  -t DURATION      give up when no upload finishes for this long (default: 1m)\n"
	"  --noise COUNT    irrelevant events with each upload (default: 0)\n"
	"  --spaces COUNT   spread the uploads over this many spaces and users (default: 1)\n"
	"  --size SIZE      serve files of this size (default: none are served, for steps that fetch nothing)\n"
	"  --distinct       serve other bytes each time, so that no cache of verdicts knows them\n"
	"  -a ADDR          serve them on this HOST:PORT (default: a free port of 127.0.0.1)\n"
	"  --url URL        the service reaches that address as this URL, http://HOST:PORT\n"
	"  --greedy COUNT   announce this many uploads of another user first, then -n (20) uploads one by one; shows how\n"
	"                   long these take behind that backlog and without it\n"
	"  --greedy-size SIZE  size of that user's files (default: 10MB)\n"
	"  --floor          take turns with a process that only performs the same broker operations\n"
	"  --bare           measure only that process; no service is needed\n"
	"  -r COUNT         rounds; their medians are shown (default: 1, with --floor 3)\n"
	"  --plot FILE      raise the rate from --rate (100) until the service does not keep up, and draw latency over load\n"
	"                   as .png or .svg with gnuplot\n"
	"  -y               allow a broker on another host\n"
	"  --json           print JSON\n"
	"  --version        print the version\n" OPTION_CONFIG_USAGE;

static const struct {
	int letter;
	struct pp_key key;
	size_t at;
} numbers[] = {
#define NUMBER(letter, key_type, member, least, most) \
	{ \
		letter, {.type = key_type, .min = least, .max = most}, offsetof(struct bench_settings, member) \
	}
	NUMBER('n', PP_KEY_INTEGER, count, 1, 100000000),
	NUMBER('f', PP_KEY_INTEGER, in_flight, 1, 100000000),
	NUMBER('R', PP_KEY_INTEGER, rate, 1, 10000000),
	NUMBER('d', PP_KEY_DURATION, duration, MILLISECOND, 1000 * HOUR),
	NUMBER('t', PP_KEY_DURATION, timeout, SECOND, 1000 * HOUR),
	NUMBER('N', PP_KEY_INTEGER, noise, 0, 10000),
	NUMBER('P', PP_KEY_INTEGER, spaces, 1, 100000),
	NUMBER('S', PP_KEY_SIZE, size, 1, (int64_t)1 << 40),
	NUMBER('G', PP_KEY_INTEGER, greedy, 1, 10000000),
	NUMBER('Z', PP_KEY_SIZE, greedy_size, 1, (int64_t)1 << 40),
	NUMBER('r', PP_KEY_INTEGER, rounds, 1, BENCH_ROUNDS_LIMIT),
#undef NUMBER
};

static const struct option names[] = {
	{"rate", required_argument, NULL, 'R'},
	{"noise", required_argument, NULL, 'N'},
	{"spaces", required_argument, NULL, 'P'},
	{"size", required_argument, NULL, 'S'},
	{"greedy", required_argument, NULL, 'G'},
	{"greedy-size", required_argument, NULL, 'Z'},
	{"plot", required_argument, NULL, 'O'},
	{"floor", no_argument, NULL, 'F'},
	{"bare", no_argument, NULL, 'B'},
	{"address", required_argument, NULL, 'a'},
	{"url", required_argument, NULL, 'U'},
	{"distinct", no_argument, NULL, 'D'},
	{0},
};

static bool take_number(struct bench_settings *settings, size_t which, const char *value)
{
	char why[160];
	int64_t *number = (int64_t *)(void *)((char *)settings + numbers[which].at);
	if (value_parse(&numbers[which].key, value, number, why, sizeof why))
		return true;
	terminal_error("%s", why);
	return false;
}

static bool take_option(void *closure, int letter, const char *value)
{
	struct bench_settings *settings = closure;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (numbers[i].letter == letter)
			return take_number(settings, i, value);
	switch (letter) {
	case 'a':
		settings->addr = value;
		break;
	case 'U':
		settings->url = value;
		break;
	case 'O':
		settings->plot = value;
		break;
	case 'F':
		settings->baseline = true;
		break;
	case 'B':
		settings->bare = true;
		break;
	case 'D':
		settings->distinct = true;
		break;
	case 'y':
		settings->remote = true;
		break;
	}
	return true;
}

bool bench_settings_read(struct bench_settings *settings, int argc, char **argv, int *status)
{
	struct command_options options;
	*settings = (struct bench_settings){.timeout = MINUTE, .spaces = 1, .greedy_size = 10000000};
	const struct command_syntax syntax = {
		.usage = usage, .letters = "n:f:d:t:r:a:y", .names = names, .take = take_option, .closure = settings};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0) {
		*status = -1 - first;
		return false;
	}
	settings->config_path = options.config_path;
	settings->json = options.json;
	return true;
}
