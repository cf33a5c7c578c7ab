// SPDX-License-Identifier: Apache-2.0
// A module in C++17 that lets an exception out of one of its functions, which it must not.
#include <postprocessing/step.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace {

struct Instance {
	const pp_host &host;
	std::string where;
};

void throw_in(const Instance &instance, const char *where)
{
	if (instance.where == where)
		throw std::runtime_error("out of " + instance.where);
}

#ifdef IN_CONSTRUCTOR
#define NAME "throws_early"
struct Early {
	Early() { throw std::runtime_error("out of the constructor"); }
} early;
#else
#define NAME "throws"
#endif

const pp_key keys[] = {
	{"where", "nowhere", nullptr, nullptr, "The function that throws.", 0, 0, PP_KEY_STRING, 0},
	{},
};

int create(const pp_host *host, pp_setup *setup, void **instance)
{
	auto made = new Instance{*host, host->string(setup, "where")};
	*instance = made;
	throw_in(*made, "create");
	return 0;
}

uint32_t run(void *instance, pp_run *run)
{
	const auto &made = *static_cast<const Instance *>(instance);
	if (std::strcmp(made.host.filename(run), "bad") == 0)
		throw_in(made, "run");
	return PP_CONTINUE;
}

int check(void *instance, char *, size_t)
{
	throw_in(*static_cast<const Instance *>(instance), "check");
	return 0;
}

void destroy(void *instance)
{
	throw_in(*static_cast<const Instance *>(instance), "destroy");
	delete static_cast<Instance *>(instance);
}

} // namespace

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD_VALUES, NAME, "1.0", "throws", keys, create, run, destroy, check, nullptr /* needs */,
	nullptr /* check_run */,
};
