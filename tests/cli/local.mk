check_PROGRAMS += tests/cli/test_config_commands
