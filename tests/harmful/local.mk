# Step modules that do harm when they are loaded. They have a folder of their own, so that nobody loads them by accident.

check_LTLIBRARIES += tests/harmful/crashes.la
tests_harmful_crashes_la_SOURCES = tests/harmful/crashes.c tests/modules/fixture.h
tests_harmful_crashes_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/exits.la
tests_harmful_exits_la_SOURCES = tests/harmful/exits.c tests/modules/fixture.h
tests_harmful_exits_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/hangs.la
tests_harmful_hangs_la_SOURCES = tests/harmful/hangs.c tests/modules/fixture.h
tests_harmful_hangs_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/leaves_child.la
tests_harmful_leaves_child_la_SOURCES = tests/harmful/leaves_child.c tests/modules/fixture.h
tests_harmful_leaves_child_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/mute.la
tests_harmful_mute_la_SOURCES = tests/harmful/mute.c tests/modules/fixture.h
tests_harmful_mute_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/talks.la
tests_harmful_talks_la_SOURCES = tests/harmful/talks.c tests/modules/fixture.h
tests_harmful_talks_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/harmful/wild_name.la
tests_harmful_wild_name_la_SOURCES = tests/harmful/wild_name.c tests/modules/fixture.h
tests_harmful_wild_name_la_LDFLAGS = $(FIXTURE_LDFLAGS)
