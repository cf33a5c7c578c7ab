# Step modules for test_modules, each with one thing wrong. -rpath makes libtool build shared objects of what is not installed.
FIXTURE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

check_LTLIBRARIES += tests/modules/good.la
tests_modules_good_la_SOURCES = tests/modules/good.c tests/modules/fixture.h
tests_modules_good_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/narrow_keys.la
tests_modules_narrow_keys_la_SOURCES = tests/modules/narrow_keys.c tests/modules/fixture.h
tests_modules_narrow_keys_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/newer_minor.la
tests_modules_newer_minor_la_SOURCES = tests/modules/newer_minor.c tests/modules/fixture.h
tests_modules_newer_minor_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/no_run.la
tests_modules_no_run_la_SOURCES = tests/modules/no_run.c tests/modules/fixture.h
tests_modules_no_run_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/no_symbol.la
tests_modules_no_symbol_la_SOURCES = tests/modules/no_symbol.c
tests_modules_no_symbol_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/cacher.la
tests_modules_cacher_la_SOURCES = tests/modules/cacher.c tests/modules/fixture.h
tests_modules_cacher_la_LDFLAGS = $(FIXTURE_LDFLAGS)
check_LTLIBRARIES += tests/modules/mortal.la
tests_modules_mortal_la_SOURCES = tests/modules/mortal.c tests/modules/fixture.h
tests_modules_mortal_la_LDFLAGS = $(FIXTURE_LDFLAGS)
check_LTLIBRARIES += tests/modules/keeps.la
tests_modules_keeps_la_SOURCES = tests/modules/keeps.c tests/modules/fixture.h
tests_modules_keeps_la_LDFLAGS = $(FIXTURE_LDFLAGS)
check_LTLIBRARIES += tests/modules/notes.la
tests_modules_notes_la_SOURCES = tests/modules/notes.c tests/modules/fixture.h
tests_modules_notes_la_LDFLAGS = $(FIXTURE_LDFLAGS)
check_LTLIBRARIES += tests/modules/nothing.la
tests_modules_nothing_la_SOURCES = tests/modules/nothing.c tests/modules/fixture.h
tests_modules_nothing_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/other_major.la
tests_modules_other_major_la_SOURCES = tests/modules/other_major.c tests/modules/fixture.h
tests_modules_other_major_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/rejects.la
tests_modules_rejects_la_SOURCES = tests/modules/rejects.c tests/modules/fixture.h
tests_modules_rejects_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/short_table.la
tests_modules_short_table_la_SOURCES = tests/modules/short_table.c tests/modules/fixture.h
tests_modules_short_table_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/tiny_table.la
tests_modules_tiny_table_la_SOURCES = tests/modules/tiny_table.c tests/modules/fixture.h
tests_modules_tiny_table_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/torn_table.la
tests_modules_torn_table_la_SOURCES = tests/modules/torn_table.c tests/modules/fixture.h
tests_modules_torn_table_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/unresolved.la
tests_modules_unresolved_la_SOURCES = tests/modules/unresolved.c tests/modules/fixture.h
tests_modules_unresolved_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/wide_keys.la
tests_modules_wide_keys_la_SOURCES = tests/modules/wide_keys.c tests/modules/fixture.h
tests_modules_wide_keys_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/wrong_magic.la
tests_modules_wrong_magic_la_SOURCES = tests/modules/wrong_magic.c tests/modules/fixture.h
tests_modules_wrong_magic_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/wrong_name.la
tests_modules_wrong_name_la_SOURCES = tests/modules/wrong_name.c tests/modules/fixture.h
tests_modules_wrong_name_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/moody.la
tests_modules_moody_la_SOURCES = tests/modules/moody.c tests/modules/fixture.h
tests_modules_moody_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/spawns.la
tests_modules_spawns_la_SOURCES = tests/modules/spawns.c tests/modules/fixture.h
tests_modules_spawns_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/wicked.la
tests_modules_wicked_la_SOURCES = tests/modules/wicked.c tests/modules/fixture.h
tests_modules_wicked_la_LDFLAGS = $(FIXTURE_LDFLAGS)

check_LTLIBRARIES += tests/modules/reader.la
tests_modules_reader_la_SOURCES = tests/modules/reader.c tests/modules/fixture.h
tests_modules_reader_la_LDFLAGS = $(FIXTURE_LDFLAGS)

# Two versions of one module, for a package that is upgraded while the service runs.
check_LTLIBRARIES += tests/modules/versions.la tests/modules/versions2.la
tests_modules_versions_la_SOURCES = tests/modules/versions.c tests/modules/fixture.h
tests_modules_versions_la_LDFLAGS = $(FIXTURE_LDFLAGS)
tests_modules_versions2_la_SOURCES = tests/modules/versions.c tests/modules/fixture.h
tests_modules_versions2_la_CPPFLAGS = $(AM_CPPFLAGS) -DEDITION=2
tests_modules_versions2_la_LDFLAGS = $(FIXTURE_LDFLAGS)
