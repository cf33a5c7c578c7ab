check_PROGRAMS += tests/quarantine/test_seal
