check_PROGRAMS += tests/content/test_content tests/content/test_content_exact tests/content/test_copies
