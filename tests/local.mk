# Unit tests (tests/test_NAME.c) use Check and link core/libcore.a; each is a program of its own, so that they run in parallel.
if HAVE_CHECK
check_PROGRAMS += tests/test_clock tests/test_config tests/test_config_env tests/test_config_example tests/test_config_memory tests/test_step_setup
TESTS += tests/test_clock tests/test_config tests/test_config_env tests/test_config_example tests/test_config_memory tests/test_step_setup
endif
tests_test_clock_SOURCES = tests/test_clock.c
tests_test_clock_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_clock_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_SOURCES = tests/test_config.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_env_SOURCES = tests/test_config_env.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_env_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_env_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_step_setup_SOURCES = tests/test_step_setup.c tests/config_fixture.c tests/config_fixture.h
tests_test_step_setup_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_step_setup_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_example_SOURCES = tests/test_config_example.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_example_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_example_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_memory_SOURCES = tests/test_config_memory.c
tests_test_config_memory_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
tests_test_config_memory_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
