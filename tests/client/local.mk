check_PROGRAMS += tests/client/test_json_text
