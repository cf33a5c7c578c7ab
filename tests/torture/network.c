/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/network.h"

#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/limits.h"

#define SHELL_ARGUMENTS 3

/* Runs a script of `sh`; its arguments begin at $0. */
static bool run_script(const char *script, const char *const argument[SHELL_ARGUMENTS])
{
	const char *argv[] = {"sh", "-ec", script, argument[0], argument[1], argument[2], NULL};
	struct process shell = PROCESS_NONE;
	return process_start(&shell, &(struct process_options){.argv = argv}) && process_wait(&shell, TEST_LIMIT) &&
	       shell.status == 0;
}

bool network_leave(void)
{
	static const char script[] = "ip link set lo up; ip address add \"$0/32\" dev lo";
	return unshare(CLONE_NEWNET) == 0 && run_script(script, (const char *const[SHELL_ARGUMENTS]){NETWORK_HOST});
}

/* Whether the holder is in a namespace of its own. */
static bool is_away(void *closure)
{
	char own[64], other[64];
	ssize_t length = readlink("/proc/self/ns/net", own, sizeof own);
	return length > 0 && readlink(closure, other, sizeof other) == length && memcmp(own, other, (size_t)length) != 0;
}

static void add_link(const struct network *network, unsigned number)
{
	/* $0: the number, $1: the namespace, $2: the host. */
	static const char script[] =
		"ip link add \"pp$0\" type veth peer name pp; ip address add \"10.77.$0.1/30\" dev \"pp$0\"; ip link set \"pp$0\" up; "
		"ip link set pp netns \"$1\"; "
		"nsenter \"--net=/proc/$1/ns/net\" sh -ec 'ip link set lo up; ip address add \"10.77.$0.2/30\" dev pp; ip link set pp up; "
		"ip route add \"$1\" via \"10.77.$0.1\"' \"$0\" \"$2\"";
	char digits[16], pid[16];
	snprintf(digits, sizeof digits, "%u", number);
	snprintf(pid, sizeof pid, "%d", (int)network->holder[number].pid);
	ck_assert(run_script(script, (const char *const[SHELL_ARGUMENTS]){digits, pid, NETWORK_HOST}));
}

void network_begin(struct network *network, unsigned count)
{
	static const char *const argv[] = {"unshare", "--net", "cat", NULL};
	ck_assert_uint_le(count, NETWORK_LIMIT);
	*network = (struct network){.count = count};
	for (unsigned i = 0; i < count; i++) {
		char path[32];
		ck_assert(process_start(&network->holder[i], &(struct process_options){.argv = argv, .pipe_in = true}));
		snprintf(path, sizeof path, "/proc/%d/ns/net", (int)network->holder[i].pid);
		snprintf(network->path[i], sizeof network->path[i], "--net=%s", path);
		ck_assert_msg(wait_until(is_away, path, TEST_LIMIT), "an instance has no namespace of its own");
		add_link(network, i);
	}
}

void network_end(struct network *network)
{
	for (unsigned i = 0; i < network->count; i++)
		process_end(&network->holder[i]);
}

void network_command(const struct network *network, unsigned number, const char *argv[NETWORK_ARGUMENTS])
{
	argv[0] = "nsenter";
	argv[1] = network->path[number];
}

void network_set_link(const struct network *network, unsigned number, bool up)
{
	char digits[16];
	ck_assert_uint_lt(number, network->count);
	snprintf(digits, sizeof digits, "%u", number);
	ck_assert(
		run_script("ip link set \"pp$0\" \"$1\"", (const char *const[SHELL_ARGUMENTS]){digits, up ? "up" : "down"}));
}
