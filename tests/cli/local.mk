check_PROGRAMS += tests/cli/test_json_text tests/cli/test_config_commands
