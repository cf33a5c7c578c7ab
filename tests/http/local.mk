check_PROGRAMS += tests/http/test_listener tests/http/test_http tests/http/test_file_server
