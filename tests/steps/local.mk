check_PROGRAMS += tests/steps/test_step_health tests/steps/test_checker tests/steps/test_longest_wait \
	tests/steps/test_memory tests/steps/test_modules tests/steps/test_module_probe tests/steps/test_workers \
	tests/steps/test_host

FIXTURES = -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"' -DHARMFUL='"$(abs_top_builddir)/tests/harmful/.libs"'
tests_steps_test_memory_SOURCES = tests/steps/test_memory.c $(SCARCITY)
tests_steps_test_memory_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_memory_LDFLAGS = $(SCARCITY_WRAPS)
tests_steps_test_modules_SOURCES = tests/steps/test_modules.c tests/config/config_fixture.c tests/config/config_fixture.h
tests_steps_test_modules_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
tests_steps_test_module_probe_CPPFLAGS = $(AM_CPPFLAGS) $(FIXTURES)
