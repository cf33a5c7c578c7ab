check_PROGRAMS += tests/config/test_config tests/config/test_config_broker tests/config/test_config_env \
	tests/config/test_config_warnings tests/config/test_config_effective tests/config/test_config_example \
	tests/config/test_reference tests/config/test_step_order tests/config/test_step_setup tests/config/test_config_changes

CONFIG_FIXTURE = tests/config/config_fixture.c tests/config/config_fixture.h
tests_config_test_config_SOURCES = tests/config/test_config.c $(CONFIG_FIXTURE)
tests_config_test_config_broker_SOURCES = tests/config/test_config_broker.c $(CONFIG_FIXTURE)
tests_config_test_config_env_SOURCES = tests/config/test_config_env.c $(CONFIG_FIXTURE)
tests_config_test_config_warnings_SOURCES = tests/config/test_config_warnings.c $(CONFIG_FIXTURE)
tests_config_test_config_effective_SOURCES = tests/config/test_config_effective.c $(CONFIG_FIXTURE)
tests_config_test_config_example_SOURCES = tests/config/test_config_example.c $(CONFIG_FIXTURE)
tests_config_test_config_changes_SOURCES = tests/config/test_config_changes.c $(CONFIG_FIXTURE)
tests_config_test_step_order_SOURCES = tests/config/test_step_order.c $(CONFIG_FIXTURE)
tests_config_test_step_setup_SOURCES = tests/config/test_step_setup.c $(CONFIG_FIXTURE)

# The tables with the folders' names in place of the folders. (The first @ stands alone, or configure would fill it in.)
tests_config_test_reference_SOURCES = tests/config/test_reference.c conf/reference.c conf/reference.h core/config/config_keys.c \
	tests/steps/worker_fixture.c tests/steps/worker_fixture.h
tests_config_test_reference_CPPFLAGS = -I$(top_srcdir) -I$(top_srcdir)/include $(CHECK_CFLAGS) \
	-DPLUGINS='"$(abs_top_builddir)/plugins/.libs"' \
	-DPLUGIN_DIR='"@" "plugindir@"' -DCONFIG_DIR='"@" "pkgsysconfdir@"' -DSTATE_DIR='"@" "statedir@"' -DWORKER_PROGRAM='"@" "workerdir@/postprocessing-worker"' \
	-DWORKER='"$(abs_top_builddir)/postprocessing-worker"'

reference: tests/config/test_reference
	srcdir=$(srcdir) tests/config/test_reference -w
