check_PROGRAMS += tests/quarantine/test_seal tests/quarantine/test_quarantine
