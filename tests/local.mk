# Unit tests (tests/test_NAME.c) use Check and link core/libcore.a; each is a program of its own, so that they run in parallel.
