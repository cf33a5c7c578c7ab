check_PROGRAMS += tests/cli/test_config_commands tests/cli/test_try tests/cli/test_quarantine_commands
