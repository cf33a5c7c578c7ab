# Each module is built as plugins/.libs/NAME.so, so that one folder holds them all before they are installed.
MODULE_CPPFLAGS = $(AM_CPPFLAGS)
MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^pp_step_module$$'

plugin_LTLIBRARIES += plugins/delay.la
plugins_delay_la_SOURCES = plugins/delay/delay.c
plugins_delay_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_delay_la_LDFLAGS = $(MODULE_LDFLAGS)

plugin_LTLIBRARIES += plugins/remote.la
plugins_remote_la_SOURCES = plugins/remote/remote.c
plugins_remote_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_remote_la_LDFLAGS = $(MODULE_LDFLAGS)

VIRUSSCAN_SOURCES = \
	plugins/virusscan/virusscan.c plugins/virusscan/scanner.h \
	plugins/virusscan/clamd.c \
	plugins/virusscan/session.c plugins/virusscan/session.h \
	plugins/virusscan/endpoint.c plugins/virusscan/endpoint.h
plugin_LTLIBRARIES += plugins/virusscan.la
plugins_virusscan_la_SOURCES = $(VIRUSSCAN_SOURCES)
plugins_virusscan_la_CPPFLAGS = $(MODULE_CPPFLAGS) $(JANSSON_CFLAGS)
plugins_virusscan_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_virusscan_la_LIBADD = $(JANSSON_LIBS) -lpthread

# libtool's descriptions of the modules are of no use where they are installed: a module is loaded by the path of its .so, and
# linked against by nobody. Without them `libtool --mode=uninstall` does not find the modules.
install-data-hook: remove-la
uninstall-hook: remove-so

remove-la:
	for module in $(plugin_LTLIBRARIES:plugins/%.la=%); do rm -f "$(DESTDIR)$(plugindir)/$$module.la"; done

remove-so:
	for module in $(plugin_LTLIBRARIES:plugins/%.la=%); do rm -f "$(DESTDIR)$(plugindir)/$$module.so"; done

.PHONY: remove-la remove-so
