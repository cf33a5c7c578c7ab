/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/abi/host.h"
#include "core/abi/setup.h"
#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/steps/trial.h"

void step_start_message(const struct step *step, struct start_message *start)
{
	const struct worker_launch *launch = step->launch;
	const struct pp_setup *setup = step_setup_host(step->setup);
	size_t next = 0;
	const char *path;
	*start = (struct start_message){.name = step->module->name,
	                                .path = step->module->path,
	                                .folder = step->module->folder,
	                                .step = step->config->name,
	                                .own_user = launch->own_user,
	                                .uid = launch->uid,
	                                .gid = launch->gid,
	                                .level = launch->level,
	                                .grants = step->granted,
	                                .memory_limit = step->config->memory_limit};
	while (start->readable_count < START_PATHS && (path = grants_next_path(&step->module->table, setup, &next)) != NULL)
		start->readable[start->readable_count++] = path;
}

/* What the module declares, and what it gets. */
static void grant(struct step *step, struct problems *warnings)
{
	const struct step_config *config = step->config;
	char words[GRANTS_TEXT_SIZE];
	step->declared = grants_declared(&step->module->table, step_setup_host(step->setup));
	step->granted = config->allow != NULL ? config->grants : step->declared & ~(uint32_t)GRANT_EXEC;
	uint32_t refused = step->declared & ~step->granted;
	if (refused != 0)
		problems_add(warnings,
		             "%s: step %s: the module declares that it needs %s, which is not allowed: see the key allow",
		             config->place, config->name, grants_format(refused, words));
}

/* Creates an instance in a worker process, which shows whether the module accepts its configuration. A module that
 * crashes there is no error of the configuration: the step is suspended until it can be started. While the service
 * runs, it has something better: the module that it has. */
static void try_create(struct step *step, bool beside, struct problems *problems)
{
	char why[1024] = "";
	struct start_message start;
	struct trial *trial;
	size_t before = problems->count;
	step_start_message(step, &start);
	enum trial_result result = trial_create(step->launch, step->module->file, &start, step_setup_host(step->setup),
	                                        CREATE_LIMIT, step->launch->log, &trial, why, sizeof why);
	if (result == TRIAL_GOOD)
		text_copy(step->missing, sizeof step->missing, trial_missing(trial));
	else if ((result != TRIAL_BROKEN || beside) && problems->count == before)
		problems_add(problems, "%s: step %s: %s: %s", step->config->place, step->config->name, step->module->path,
		             why[0] != '\0' ? why : "create() failed and gave no reason");
	trial_end(trial, SECOND);
}

static void log_setup(void *closure, enum log_level level, const char *text)
{
	const struct step *step = closure;
	if (step->launch->log != NULL)
		log_write(step->launch->log, level, "step %s: %s", step->config->name, text);
}

/* Creates the instance in this process. */
static void create_here(struct step *step, struct problems *problems)
{
	size_t before = problems->count;
	struct pp_setup *setup = step_setup_host(step->setup);
	setup->log = log_setup;
	setup->log_closure = step;
	if (step->module->table.create(&host_services, setup, &step->instance) == 0)
		return;
	step->instance = NULL;
	if (problems->count == before)
		problems_add(problems, "%s: step %s: %s: create() failed and gave no reason", step->config->place,
		             step->config->name, step->module->path);
}

static uint64_t mix(uint64_t digest, uint64_t number)
{
	return (digest ^ number) * UINT64_C(1099511628211);
}

/* If there is no such file, the first word is the path, as in a command with arguments. False: none either. */
static bool look_at(const char *path, struct stat *info)
{
	char first[4096];
	size_t length = strcspn(path, " \t");
	if (stat(path, info) == 0)
		return true;
	if (path[length] == '\0' || length >= sizeof first)
		return false;
	memcpy(first, path, length);
	first[length] = '\0';
	return stat(first, info) == 0;
}

/* What the files that the module's keys name are like: a module may read them in create(), and the sandbox of its
 * process covers those that were there at its start. The contents of a folder are not looked at. */
static uint64_t digest_files(const struct step *step)
{
	uint64_t digest = UINT64_C(14695981039346656037);
	size_t next = 0;
	const char *path;
	while ((path = grants_next_path(&step->module->table, step_setup_host(step->setup), &next)) != NULL) {
		struct stat info = {0};
		if (!look_at(path, &info))
			continue;
		digest = mix(mix(mix(digest, info.st_dev), info.st_ino), (uint64_t)info.st_size);
		digest = mix(mix(digest, (uint64_t)info.st_mtim.tv_sec), (uint64_t)info.st_mtim.tv_nsec);
		/* Copying with the time of the original does not change the above. */
		digest = mix(mix(digest, (uint64_t)info.st_ctim.tv_sec), (uint64_t)info.st_ctim.tv_nsec);
	}
	return digest;
}

/* The values of the module's keys. */
static bool is_same_setup(const struct step *one, const struct step *other)
{
	const struct pp_setup *mine = step_setup_host(one->setup), *others = step_setup_host(other->setup);
	if (mine->count != others->count)
		return false;
	for (size_t i = 0; i < mine->count; i++)
		if (strcmp(mine->value[i].key, others->value[i].key) != 0 ||
		    !text_same(mine->value[i].text, others->value[i].text) || mine->value[i].number != others->value[i].number)
			return false;
	return true;
}

static bool is_same_list(char *const *one, char *const *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	while (*one != NULL && *other != NULL && strcmp(*one, *other) == 0) {
		one++;
		other++;
	}
	return *one == NULL && *other == NULL;
}

static bool is_same_content(const struct content_options *one, const struct content_options *other)
{
	return one->tls_insecure == other->tls_insecure && text_same(one->ca_file, other->ca_file) &&
	       is_same_list(one->file_roots, other->file_roots) && one->stall == other->stall;
}

static bool is_same(const struct step *one, const struct step *other)
{
	return config_step_same(one->config, other->config) && is_same_content(one->content, other->content) &&
	       one->isolated == other->isolated && module_same(one->module, other->module) && is_same_setup(one, other) &&
	       one->files == other->files && (!one->isolated || one->launch->level == other->launch->level);
}

static struct step *find_same(const struct running_steps *running, const struct step *step)
{
	for (size_t i = 0; running != NULL && i < running->count; i++)
		if (strcmp(running->step[i]->config->name, step->config->name) == 0)
			return is_same(step, running->step[i]) ? running->step[i] : NULL;
	return NULL;
}

/* Whether the reason is that the program of the workers cannot be used. */
static bool is_for_program(const struct worker_launch *launch, const char *why)
{
	return launch->program < 0 && launch->why[0] != '\0' && strstr(why, launch->why) != NULL;
}

static void find_and_create(struct step *step, struct config *config, struct modules *modules,
                            const struct running_steps *running, struct problems *problems)
{
	const struct step_config *own = step->config;
	char why[1024];
	if (!module_name_check(own->module, why, sizeof why))
		return; /* already reported when the configuration was read */
	bool here = own->isolation == ISOLATION_THREAD;
	step->module = here ? modules_load(modules, own->module, why, sizeof why)
	                    : modules_find(modules, own->module, why, sizeof why);
	if (step->module == NULL && config->worker_program != NULL && is_for_program(step->launch, why)) {
		config_blame(config, problems, "postprocessing", "worker_program", "%s", step->launch->why);
		return;
	}
	if (step->module == NULL) {
		problems_add(problems, "%s: step %s: module %s: %s", own->place, own->name, own->module, why);
		return;
	}
	const struct pp_step_module *table = &step->module->table;
	size_t before = problems->count;
	step->isolated = !here && !step->module->builtin;
	step->setup = step_setup_create(config, own, table->keys, table->key_size, problems);
	if (problems->count > before)
		return;
	step->files = digest_files(step);
	step->running = find_same(running, step);
	if (step->isolated) {
		grant(step, &config->warnings);
		try_create(step, running != NULL, problems);
	} else if (step->running == NULL) {
		create_here(step, problems);
	}
}

static void create_step(struct step *step, struct config *config, struct modules *modules,
                        const struct running_steps *running, struct problems *problems)
{
	size_t before = problems->count;
	find_and_create(step, config, modules, running, problems);
	step->faulty = step->config->faulty || problems->count > before;
}

static struct pipeline_step limits_of(const struct step_config *step)
{
	static const enum outcome hold_outcome[] = {
		[HELD_ABORT] = OUTCOME_ABORT, [HELD_DELETE] = OUTCOME_DELETE, [HELD_CONTINUE] = OUTCOME_CONTINUE};
	return (struct pipeline_step){
		.name = step->name,
		.max_retries = step->max_retries,
		.max_crashes = step->max_crashes,
		.retry_backoff = step->retry_backoff,
		.deadline = step->deadline,
		.max_wait = step->max_wait,
		.max_waits = step->max_waits,
		.check_limit = step->check_limit,
		.hold_limit = step->hold_limit,
		.hold_outcome = hold_outcome[step->hold_outcome],
		.continue_when_exhausted = step->on_exhausted == EXHAUSTED_CONTINUE,
	};
}

struct steps *steps_create(struct config *config, struct modules *modules, const struct worker_launch *launch,
                           struct problems *problems)
{
	return steps_create_beside(config, modules, launch, NULL, problems);
}

struct steps *steps_create_beside(struct config *config, struct modules *modules, const struct worker_launch *launch,
                                  const struct running_steps *running, struct problems *problems)
{
	struct steps *steps = alloc_zeroed(1, sizeof *steps);
	size_t count = config->step_count + 1;
	steps->step = alloc_zeroed(count, sizeof *steps->step);
	steps->limits = alloc_zeroed(count, sizeof *steps->limits);
	steps->name = alloc_zeroed(count, sizeof *steps->name);
	steps->workers = alloc_zeroed(count, sizeof *steps->workers);
	steps->announced = alloc_zeroed(count, sizeof *steps->announced);
	atomic_init(&steps->holders, 1);
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		steps->step[i].config = step;
		steps->step[i].content = &config->content;
		steps->step[i].launch = launch;
		steps->step[i].all = steps;
		atomic_init(&steps->step[i].holders, 1);
		atomic_fetch_add(&steps->holders, 1);
		steps->count = i + 1;
		steps->name[i] = step->name;
		steps->workers[i] = step->workers;
		steps->limits[i] = limits_of(step);
		create_step(&steps->step[i], config, modules, running, problems);
		/* For the module `remote`, this event is the request itself. */
		const struct module *module = steps->step[i].module;
		steps->announced[i] = config->announce_steps && module != NULL && strcmp(module->name, "remote") != 0;
	}
	return steps;
}

static void destroy_instance(struct step *step)
{
	if (step->instance != NULL)
		step->module->table.destroy(step->instance);
	step->instance = NULL;
}

struct step *step_hold(struct step *step)
{
	if (step->all == NULL)
		return step;
	atomic_fetch_add(&step->all->holders, 1);
	atomic_fetch_add(&step->holders, 1);
	return step;
}

static void give_back(struct steps *steps)
{
	if (atomic_fetch_sub(&steps->holders, 1) == 1)
		steps->unused(steps->closure);
}

void step_release(struct step *step)
{
	struct steps *all = step->all;
	if (all == NULL)
		return;
	if (atomic_fetch_sub(&step->holders, 1) == 1)
		destroy_instance(step);
	give_back(all);
}

void steps_let_go(struct steps *steps)
{
	for (size_t i = 0; i < steps->count; i++)
		step_release(&steps->step[i]);
}

void steps_leave(struct steps *steps, void (*unused)(void *closure), void *closure)
{
	steps->unused = unused;
	steps->closure = closure;
	steps_let_go(steps);
	give_back(steps);
}

void steps_destroy(struct steps *steps)
{
	if (steps == NULL)
		return;
	for (size_t i = 0; i < steps->count; i++) {
		destroy_instance(&steps->step[i]);
		step_setup_free(steps->step[i].setup);
	}
	free(steps->step);
	free(steps->limits);
	free(steps->name);
	free(steps->workers);
	free(steps->announced);
	free(steps);
}

struct pipeline steps_pipeline(const struct pipeline_step *limits, size_t count)
{
	return (struct pipeline){
		.step = limits,
		.count = count,
		.other = {.name = "", .max_retries = 14, .retry_backoff = 5 * SECOND, .deadline = 10 * MINUTE, MAX_WAITING},
		.confirm_interval = MINUTE,
		.confirm_interval_limit = HOUR,
		.confirm_limit = 24,
	};
}
