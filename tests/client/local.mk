check_PROGRAMS += tests/client/test_json_text tests/client/test_end_detail
