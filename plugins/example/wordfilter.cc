// SPDX-License-Identifier: Apache-2.0
// Aborts uploads that contain a word. A module in C++17: no exception may leave a function that the host calls.
#include <postprocessing/step.h>

#include <exception>
#include <string>

namespace {

struct WordFilter {
	const pp_host &host;
	std::string word;

	bool contains(pp_run *run, bool &failed) const
	{
		std::string text; // what is left of the bytes before, which may end within the word
		const void *bytes = nullptr;
		ssize_t count = 0;
		while ((count = host.read(run, &bytes)) > 0) {
			text.append(static_cast<const char *>(bytes), static_cast<std::size_t>(count));
			if (text.find(word) != std::string::npos)
				return true;
			if (text.size() >= word.size())
				text.erase(0, text.size() - word.size() + 1);
		}
		failed = count < 0;
		return false;
	}
};

// The members in their order: C++17 has no designated initializers.
const pp_key keys[] = {
	{"word", nullptr, nullptr, nullptr, "Uploads that contain it are aborted.", 0, 0, PP_KEY_STRING, 1},
	{},
};

int create(const pp_host *host, pp_setup *setup, void **instance)
{
	try {
		*instance = new WordFilter{*host, host->string(setup, "word")};
		return 0;
	} catch (const std::exception &error) {
		host->reject(setup, nullptr, "%s", error.what());
		return -1;
	}
}

uint32_t run(void *instance, pp_run *run)
{
	const auto &filter = *static_cast<const WordFilter *>(instance);
	try {
		bool failed = false;
		if (filter.contains(run, failed)) {
			filter.host.set_reason(run, "the file contains \"%s\"", filter.word.c_str());
			return PP_ABORT;
		}
		if (!failed)
			return PP_CONTINUE;
		filter.host.set_reason(run, "%s", filter.host.read_error(run));
	} catch (const std::exception &error) {
		filter.host.set_reason(run, "%s", error.what());
	}
	return PP_RETRY; // an error is not a verdict
}

void destroy(void *instance)
{
	delete static_cast<WordFilter *>(instance);
}

} // namespace

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD_VALUES, "wordfilter", "1.0", "aborts uploads that contain a word", keys, create, run, destroy,
	nullptr /* check */, nullptr /* needs */, nullptr /* check_run */,
};
