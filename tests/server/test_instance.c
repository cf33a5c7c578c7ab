/* SPDX-License-Identifier: Apache-2.0
 * Names of instances, and which files in the state folder are trusted. As root, also files of other users. */
#include "core/server/instance.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/private_file.h"
#include "core/base/private_folder.h"
#include "core/broker/broker.h"
#include "core/jetstream/checkpoint.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

#define SOMEBODY 4711

static char above[FOLDER_PATH_SIZE], folder[FOLDER_PATH_SIZE + 16], name[OWNER_LIMIT], why[1024], logged[4096];
static int held;

static void setup(void)
{
	ck_assert(folder_create(above));
	snprintf(folder, sizeof folder, "%s/state", above);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	held = -1;
}

static void teardown(void)
{
	if (held >= 0)
		close(held);
	ck_assert(folder_remove(above));
}

static const char *in_folder(const char *file)
{
	static char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/%s", folder, file);
	return path;
}

/* Takes a name; `logged` has what was logged. */
static bool take(void)
{
	char path[FOLDER_PATH_SIZE + 16];
	snprintf(path, sizeof path, "%s/log", above);
	const struct log log = {.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), .level = LOG_INFO};
	ck_assert_int_ge(log.fd, 0);
	why[0] = '\0';
	bool good = instance_take(folder, &log, name, &held, why, sizeof why);
	close(log.fd);
	ck_assert(folder_read(above, "log", logged, sizeof logged));
	return good;
}

static void assert_refused(const char *words)
{
	ck_assert(!take());
	ck_assert_msg(strstr(why, words) != NULL, "%s", why);
	ck_assert_msg(strstr(why, folder) != NULL, "%s", why);
}

START_TEST(a_name_is_kept)
{
	char first[OWNER_LIMIT];
	ck_assert_msg(take(), "%s", why);
	ck_assert_str_eq(logged, "");
	memcpy(first, name, sizeof first);
	int other = held;
	ck_assert_msg(take(), "%s", why);
	ck_assert_str_ne(name, first);
	close(held);
	close(other);
	ck_assert_msg(take(), "%s", why);
	ck_assert_str_eq(name, first);
}
END_TEST

/* Only the next process knows that a process ended because it was out of memory. */
START_TEST(an_end_because_of_lack_of_memory_is_noted)
{
	char first[OWNER_LIMIT], nonce[WRITER_LIMIT] = "x", text[256];
	ck_assert_msg(take(), "%s", why);
	memcpy(first, name, sizeof first);
	instance_take_note(held, name, nonce);
	ck_assert_str_eq(nonce, "");
	instance_note_end(held, name, "0123456789abcdef");
	instance_note_end(held, name, "0123456789abcdef"); /* in two threads */
	close(held);
	ck_assert_msg(take(), "%s", why);
	ck_assert_str_eq(name, first);
	ck_assert_str_eq(logged, "");
	instance_take_note(held, name, nonce);
	ck_assert_str_eq(nonce, "0123456789abcdef");
	instance_take_note(held, name, nonce);
	ck_assert_str_eq(nonce, "");
	ck_assert(folder_read(folder, "instance-0", text, sizeof text));
	ck_assert_str_eq(text, first);
}
END_TEST

/* A name that an administrator wrote ends with a line break, and may be long. */
START_TEST(a_note_leaves_the_name_alone)
{
	char written[OWNER_LIMIT] = "name\n", nonce[WRITER_LIMIT];
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(folder_write(folder, "instance-0", written, strlen(written)));
		ck_assert_msg(take(), "%s", why);
		instance_note_end(held, name, "0123456789abcdef");
		close(held);
		ck_assert_msg(take(), "%s", why);
		ck_assert_uint_eq(strlen(name), i == 0 ? 4 : OWNER_LIMIT - 2);
		instance_take_note(held, name, nonce);
		ck_assert_str_eq(nonce, i == 0 ? "0123456789abcdef" : "");
		close(held);
		held = -1;
		memset(written, 'a', OWNER_LIMIT - 2);
		written[OWNER_LIMIT - 2] = '\0';
	}
}
END_TEST

/* For example, what earlier services with a closed standard error have written over their names. */
START_TEST(a_damaged_name_is_replaced)
{
	static const char *const damaged[] = {
		"2026-11-28T07:30:00.000Z info steps: none\n", "host\x1b[2J-12",
		"host-\xc2\x9b"
		"12",
		"\"-1\"",
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"};
	for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
		char kept[OWNER_LIMIT];
		ck_assert(folder_write(folder, "instance-0", damaged[i], strlen(damaged[i])));
		ck_assert_msg(take(), "%s", why);
		ck_assert_ptr_null(strpbrk(name, " \n\x1b\xc2\""));
		ck_assert_ptr_null(strstr(name, "0123456789012"));
		ck_assert_ptr_nonnull(strstr(logged, "instance-0: no instance name in this file"));
		close(held);
		memcpy(kept, name, sizeof kept);
		ck_assert_msg(take(), "%s", why);
		ck_assert_str_eq(name, kept);
		ck_assert_str_eq(logged, "");
		close(held);
	}
	held = -1;
}
END_TEST

START_TEST(only_regular_files_are_accepted)
{
	char target[FOLDER_PATH_SIZE + 16], text[64];
	snprintf(target, sizeof target, "%s/target", above);
	ck_assert(folder_write(above, "target", "", 0));
	ck_assert_int_eq(symlink(target, in_folder("instance-0")), 0);
	assert_refused("symbolic link");
	ck_assert(folder_read(above, "target", text, sizeof text));
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(unlink(in_folder("instance-0")), 0);
	ck_assert_int_eq(link(target, in_folder("instance-0")), 0);
	assert_refused("hard link");
	ck_assert_int_eq(unlink(in_folder("instance-0")), 0);
	ck_assert_int_eq(mkfifo(in_folder("instance-0"), 0600), 0);
	assert_refused("not a regular file");
	ck_assert_int_eq(unlink(in_folder("instance-0")), 0);
	ck_assert_int_eq(mkdir(in_folder("instance-0"), 0700), 0);
	assert_refused("not a regular file");
}
END_TEST

START_TEST(what_others_may_write_is_refused)
{
	static const mode_t mode[] = {0702, 0777, 01777};
	ck_assert_msg(take(), "%s", why);
	close(held);
	held = -1;
	ck_assert_int_eq(chmod(in_folder("instance-0"), 0602), 0);
	assert_refused("other users can write to it");
	ck_assert_int_eq(chmod(in_folder("instance-0"), 0644), 0);
	for (size_t i = 0; i < sizeof mode / sizeof mode[0]; i++) {
		ck_assert_int_eq(chmod(folder, mode[i]), 0);
		assert_refused("chmod go-w");
		ck_assert_ptr_nonnull(strstr(why, "POSTPROCESSING_STATE_DIR"));
	}
	/* The service's own group may write to it, as on systems where each user has a group, and on platforms that
	 * grant a folder to a group. */
	ck_assert_int_eq(chmod(folder, 0770), 0);
	ck_assert_msg(take(), "%s", why);
	close(held);
	held = -1;
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(folder, 0, SOMEBODY), 0);
		assert_refused("writable by its group");
	}
}
END_TEST

START_TEST(files_of_other_users_are_refused)
{
	struct checkpoint position;
	if (geteuid() != 0)
		return;
	ck_assert_msg(take(), "%s", why);
	close(held);
	held = -1;
	ck_assert(checkpoint_write(folder, CHECKPOINT_EVENTS, "c", &(struct checkpoint){.stream = 1, .sequence = 2}));
	ck_assert(checkpoint_read(folder, CHECKPOINT_EVENTS, "c", &position));
	ck_assert_int_eq(chown(in_folder("instance-0"), SOMEBODY, SOMEBODY), 0);
	assert_refused("belongs to another user");
	ck_assert_int_eq(chown(in_folder(CHECKPOINT_EVENTS), SOMEBODY, SOMEBODY), 0);
	ck_assert(!checkpoint_read(folder, CHECKPOINT_EVENTS, "c", &position));
	ck_assert_int_eq(chown(folder, SOMEBODY, SOMEBODY), 0);
	assert_refused("owned by another user (owner 4711");
	ck_assert(!checkpoint_write(folder, CHECKPOINT_EVENTS, "c", &(struct checkpoint){.stream = 1, .sequence = 2}));
}
END_TEST

/* Whether a service that is not root accepts a folder of root, and one of its own. */
static int take_as_somebody(void *closure)
{
	(void)closure;
	int lock;
	const struct log log = {.fd = -1};
	if (setegid(SOMEBODY) != 0 || seteuid(SOMEBODY) != 0)
		return 2;
	return instance_take(folder, &log, name, &lock, why, sizeof why) ? 0 : 1;
}

START_TEST(a_service_need_not_be_root)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(folder, SOMEBODY, SOMEBODY), 0);
	ck_assert_int_eq(chmod(above, 0711), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(take_as_somebody(NULL));
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static int take_what_is_roots(void *closure)
{
	(void)closure;
	int lock;
	const struct log log = {.fd = -1};
	if (setegid(SOMEBODY) != 0 || seteuid(SOMEBODY) != 0)
		return 2;
	return !instance_take(folder, &log, name, &lock, why, sizeof why) &&
	               strstr(why, ": the user 4711 cannot write to it (owner root") != NULL &&
	               strstr(why, "([postprocessing] state_dir, POSTPROCESSING_STATE_DIR)") != NULL
	           ? 0
	           : 1;
}

START_TEST(a_folder_that_cannot_be_written_to)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chmod(above, 0711), 0);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(take_what_is_roots(NULL));
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_replaceable_folder_is_reported)
{
	ck_assert_int_eq(chmod(above, 0777), 0);
	ck_assert_msg(take(), "%s", why);
	ck_assert_msg(strstr(logged, "writable by everybody") != NULL, "%s", logged);
	close(held);
	ck_assert_int_eq(chmod(above, 01777), 0);
	ck_assert_msg(take(), "%s", why);
	ck_assert_msg(strstr(logged, "everybody can write to") != NULL, "%s", logged);
	close(held);
	ck_assert_int_eq(chmod(above, 0711), 0);
	ck_assert_msg(take(), "%s", why);
	ck_assert_str_eq(logged, "");
	if (geteuid() == 0) {
		close(held);
		ck_assert_int_eq(chown(above, SOMEBODY, SOMEBODY), 0);
		ck_assert_msg(take(), "%s", why);
		ck_assert_msg(strstr(logged, "owned by another user (owner 4711") != NULL, "%s", logged);
		ck_assert_int_eq(chown(above, 0, 0), 0);
	}
}
END_TEST

/* Commands of root find the embedded broker of a service that runs as another user, but not files that a third user
 * has put there. */
START_TEST(the_broker_of_a_service_is_found)
{
	static const char endpoint[] = "{\"url\":\"nats://127.0.0.1:1\",\"username\":\"u\",\"password\":\"p\"}";
	struct broker_address address;
	char path[FOLDER_PATH_SIZE + 64];
	ck_assert_int_eq(mkdir(in_folder("broker"), 0700), 0);
	snprintf(path, sizeof path, "%s/broker", folder);
	ck_assert(folder_write(path, "endpoint", endpoint, sizeof endpoint - 1));
	ck_assert_int_eq(chmod(in_folder("broker/endpoint"), 0622), 0);
	ck_assert(!broker_endpoint_read(folder, &address, why, sizeof why));
	ck_assert_msg(strstr(why, "other users can write to it") != NULL, "%s", why);
	ck_assert_int_eq(chmod(in_folder("broker/endpoint"), 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, SOMEBODY, SOMEBODY), 0);
		ck_assert_int_eq(chown(in_folder("broker/endpoint"), SOMEBODY, SOMEBODY), 0);
	}
	ck_assert_msg(broker_endpoint_read(folder, &address, why, sizeof why), "%s", why);
	broker_endpoint_free(&address);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(in_folder("broker/endpoint"), SOMEBODY + 1, SOMEBODY), 0);
		ck_assert(!broker_endpoint_read(folder, &address, why, sizeof why));
	}
	ck_assert_int_eq(unlink(in_folder("broker/endpoint")), 0);
	ck_assert_int_eq(symlink("/etc/hostname", in_folder("broker/endpoint")), 0);
	ck_assert(!broker_endpoint_read(folder, &address, why, sizeof why));
	ck_assert_msg(strstr(why, "symbolic link") != NULL, "%s", why);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_name_is_kept,
		an_end_because_of_lack_of_memory_is_noted,
		a_note_leaves_the_name_alone,
		a_damaged_name_is_replaced,
		only_regular_files_are_accepted,
		what_others_may_write_is_refused,
		files_of_other_users_are_refused,
		a_service_need_not_be_root,
		a_folder_that_cannot_be_written_to,
		a_replaceable_folder_is_reported,
		the_broker_of_a_service_is_found,
	};
	return suite_run_with("instance", setup, teardown, tests, sizeof tests / sizeof tests[0], 4);
}
