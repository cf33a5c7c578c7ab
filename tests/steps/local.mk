check_PROGRAMS += tests/steps/test_step_health tests/steps/test_checker tests/steps/test_longest_wait \
	tests/steps/test_modules tests/steps/test_module_files tests/steps/test_workers \
	tests/steps/test_host tests/steps/test_pool tests/steps/test_misdeeds tests/steps/test_cgroup tests/steps/test_bytes \
	tests/steps/test_replace tests/steps/test_cache_flights

WORKER_FIXTURE = tests/steps/worker_fixture.c tests/steps/worker_fixture.h
FIXTURES = -DWORKER='"$(abs_top_builddir)/postprocessing-worker"' -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"' -DHARMFUL='"$(abs_top_builddir)/tests/harmful/.libs"'
tests_steps_test_modules_SOURCES = tests/steps/test_modules.c $(WORKER_FIXTURE) tests/config/config_fixture.c tests/config/config_fixture.h
tests_steps_test_modules_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_module_files_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_module_files_SOURCES = tests/steps/test_module_files.c $(WORKER_FIXTURE)
POOL_FIXTURE = tests/steps/pool_fixture.c tests/steps/pool_fixture.h tests/config/config_fixture.c tests/config/config_fixture.h $(WORKER_FIXTURE)
tests_steps_test_pool_SOURCES = tests/steps/test_pool.c $(POOL_FIXTURE)
tests_steps_test_pool_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_replace_SOURCES = tests/steps/test_replace.c $(POOL_FIXTURE)
tests_steps_test_replace_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_misdeeds_SOURCES = tests/steps/test_misdeeds.c $(POOL_FIXTURE)
tests_steps_test_misdeeds_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_bytes_SOURCES = tests/steps/test_bytes.c tests/config/config_fixture.c tests/config/config_fixture.h $(WORKER_FIXTURE)
tests_steps_test_bytes_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
