# Each module is built as plugins/.libs/NAME.so, so that one folder holds them all before they are installed.
MODULE_CPPFLAGS = $(AM_CPPFLAGS)
MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^pp_step_module$$'
