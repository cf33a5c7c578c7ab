/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/preflight.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/private_folder.h"

/* Who writes a file pauses for less than this. */
#define SETTLING (250 * MILLISECOND)
#define WORKER_NAME "postprocessing-worker"

/* In the folder of the running program. NULL: not known. */
static char *path_beside_program(const char *name)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path);
	while (length > 0 && path[length - 1] != '/')
		length--;
	if (length <= 0 || (size_t)length + strlen(name) >= sizeof path)
		return NULL;
	memcpy(path + length, name, strlen(name) + 1);
	return alloc_text(path);
}

/* The names of all modules, NULL-terminated. */
struct catalogue {
	char **name;
	size_t count;
};

static void note_name(void *closure, const char *name, const char *path)
{
	struct catalogue *catalogue = closure;
	(void)path;
	catalogue->name = alloc_resized(catalogue->name, (catalogue->count + 2) * sizeof *catalogue->name);
	catalogue->name[catalogue->count++] = alloc_text(name);
	catalogue->name[catalogue->count] = NULL;
}

/* Finds unused settings. */
static void find_unused(struct preflight *preflight)
{
	struct config *config = preflight->config;
	struct catalogue catalogue = {.name = alloc_zeroed(1, sizeof *catalogue.name)};
	char why[1024];
	const struct pp_step_module **known = alloc_zeroed(config->step_count + 1, sizeof *known);
	modules_list(preflight->modules, note_name, &catalogue);
	for (size_t i = 0; i < config->step_count; i++) {
		const struct module *module = modules_find(preflight->modules, config->step[i].module, why, sizeof why);
		known[i] = module != NULL ? &module->table : NULL;
	}
	config_find_unused(config, known, catalogue.name);
	for (size_t i = 0; i < catalogue.count; i++)
		free(catalogue.name[i]);
	free(catalogue.name);
	free(known);
}

/* The worker's program: the configured one, the one beside this program, or the installed one. */
static char *find_program(const struct config *config)
{
	char *path = config->worker_program != NULL ? alloc_text(config->worker_program) : path_beside_program(WORKER_NAME);
	if (path != NULL && (config->worker_program != NULL || access(path, X_OK) == 0))
		return path;
	free(path);
	return alloc_text(WORKER_PROGRAM);
}

static void set_user(struct preflight *preflight)
{
	const struct config *config = preflight->config;
	struct worker_launch *launch = &preflight->launch;
	const struct passwd *user = geteuid() == 0 && config->worker_user != NULL ? getpwnam(config->worker_user) : NULL;
	if (geteuid() != 0)
		return;
	if (user == NULL) {
		config_blame(config, &preflight->problems, "postprocessing", "worker_user", "there is no user \"%.80s\"",
		             config->worker_user != NULL ? config->worker_user : "");
		return;
	}
	launch->own_user = user->pw_uid != 0;
	launch->uid = user->pw_uid;
	launch->gid = user->pw_gid;
	if (!launch->own_user)
		config_blame(config, &preflight->config->warnings, "postprocessing", "worker_user",
		             "root: the modules of the steps run as root, and only their sandbox restrains them");
}

/* That no worker can be started matters only if a step needs one. */
static void prepare_launch(struct preflight *preflight)
{
	preflight->program = find_program(preflight->config);
	worker_launch_open(&preflight->launch, preflight->program);
	preflight->launch.level = preflight->config->log_level;
	set_user(preflight);
}

/* What the sandboxes lack, once. */
static void note_missing(struct preflight *preflight)
{
	for (size_t i = 0; i < preflight->steps->count; i++) {
		const struct step *step = &preflight->steps->step[i];
		if (step->missing[0] == '\0')
			continue;
		problems_add(
			&preflight->config->warnings,
			"step %s: %s is not available (the kernel is too old, or the container or unit forbids it), so the module can "
			"read all files that its user can read",
			step->config->name, step->missing);
		return;
	}
}

/* Finds modules and steps. */
static void make_steps(struct preflight *preflight, const struct running_steps *running)
{
	char why[1024];
	find_unused(preflight);
	preflight->steps =
		steps_create_beside(preflight->config, preflight->modules, &preflight->launch, running, &preflight->problems);
	if (running != NULL && !modules_settled(preflight->modules, why, sizeof why))
		problems_add(&preflight->problems, "%s", why);
	note_missing(preflight);
}

static void set_quarantine(struct preflight *preflight)
{
	const struct config *config = preflight->config;
	struct quarantine_settings *settings = &preflight->quarantine;
	char why[SEAL_ERROR_SIZE];
	settings->retention = config->quarantine_retention;
	settings->max_size = config->quarantine_size;
	if (config->quarantine_key != NULL && !seal_public_key_read(config->quarantine_key, settings->key, why))
		config_blame(config, &preflight->problems, "quarantine", "public_key", "%s", why);
}

/* The folders that the service cannot start without. It creates those that are missing. */
static void check_folders(struct preflight *preflight)
{
	const struct config *config = preflight->config;
	char why[1024];
	if (config->state_dir != NULL && !private_folder_check(config->state_dir, why, sizeof why))
		config_blame(config, &preflight->problems, "postprocessing", "state_dir", "%s", why);
	else if (config->state_dir != NULL && access(config->state_dir, F_OK) == 0 &&
	         !private_folder_writable(config->state_dir, why, sizeof why)) /* the service may run as another user */
		config_blame(config, &preflight->config->warnings, "postprocessing", "state_dir", "%s", why);
	if (config->quarantine_folder != NULL && !private_folder_check(config->quarantine_folder, why, sizeof why))
		config_blame(config, &preflight->problems, "quarantine", "folder", "%s", why);
}

static bool evaluate(struct preflight *preflight)
{
	struct problems *problems = &preflight->problems;
	struct config *config = preflight->config;
	if (config->state_dir == NULL)
		problems_add(problems, "%s", NO_STATE_DIR);
	check_folders(preflight);
	prepare_launch(preflight);
	set_quarantine(preflight);
	if (config->plugin_dir != NULL && config->plugin_dir[0] != NULL) {
		preflight->modules = modules_create(config->plugin_dir, &preflight->launch);
		make_steps(preflight, NULL);
	}
	return problems->count == 0;
}

bool preflight_make(struct preflight *preflight, const char *path)
{
	*preflight = (struct preflight){.launch = {.program = -1}};
	preflight->config = config_read(path, environ, &preflight->problems);
	preflight->log = (struct log){.fd = STDERR_FILENO, .level = preflight->config->log_level};
	preflight->launch.log = &preflight->log;
	return evaluate(preflight);
}

bool preflight_make_step(struct preflight *preflight, const char *name, const char *folder, char *const *keys)
{
	*preflight = (struct preflight){.launch = {.program = -1}};
	struct config *config = preflight->config = config_of_step(name, folder, keys, &preflight->problems);
	for (size_t i = 0; i < config->step_count; i++) {
		struct step_config *step = &config->step[i];
		if (step->isolation != ISOLATION_PROCESS)
			problems_add(&preflight->problems, "%s: isolation: only process is possible here", step->place);
		step->isolation = ISOLATION_PROCESS;
	}
	return evaluate(preflight);
}

void preflight_free(struct preflight *preflight)
{
	/* The order matters: setups point to the problems, instances to setups, steps to modules, and all to the
	 * configuration. */
	steps_destroy(preflight->steps);
	modules_destroy(preflight->modules);
	if (preflight->program != NULL)
		worker_launch_close(&preflight->launch);
	free(preflight->program);
	config_free(preflight->config);
	problems_free(&preflight->problems);
}

/* A file that was changed just now may be half written, and its writer may go on. */
static void check_settled(struct preflight *preflight)
{
	const struct timespec pause = {.tv_nsec = SETTLING};
	nanos age = clock_now() - config_changed_at(preflight->config);
	if (age >= 0 && age < SETTLING)
		nanosleep(&pause, NULL);
	config_check_settled(preflight->config, &preflight->problems);
}

/* A running service has the quarantine that it was started with. False: it has none, and the new configuration has. */
static bool has_quarantine_of(const struct preflight *first, struct config *config)
{
	bool has = first->config->quarantined || !config->quarantined;
	config->quarantined = has && config->quarantined;
	return has;
}

struct preflight *preflight_again(const char *path, const struct preflight *first, const struct running_steps *running)
{
	struct preflight *preflight = alloc_zeroed(1, sizeof *preflight);
	struct config *config = preflight->config = config_read(path, environ, &preflight->problems);
	if (config->state_dir == NULL)
		problems_add(&preflight->problems, "%s", NO_STATE_DIR);
	preflight->log = (struct log){.fd = STDERR_FILENO, .level = config->log_level};
	preflight->launch = first->launch;
	preflight->launch.level = config->log_level;
	preflight->launch.log = &preflight->log;
	set_quarantine(preflight);
	bool settled = has_quarantine_of(first, config);
	if (config->plugin_dir != NULL && config->plugin_dir[0] != NULL) {
		preflight->modules = modules_create_again(config->plugin_dir, &preflight->launch, first->modules);
		make_steps(preflight, running);
	}
	if (!settled && preflight->problems.count > 0)
		problems_add(&preflight->problems,
		             "[quarantine] folder: takes effect only when the service is started again, so its steps cannot "
		             "use it before that");
	check_settled(preflight);
	return preflight;
}

static void free_unused(void *closure)
{
	struct preflight *preflight = closure;
	preflight_free(preflight);
	free(preflight);
}

void preflight_leave(struct preflight *preflight)
{
	if (preflight == NULL)
		return;
	if (preflight->steps != NULL)
		steps_leave(preflight->steps, free_unused, preflight);
	else
		free_unused(preflight);
}
