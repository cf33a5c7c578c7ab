# Each module is built as plugins/.libs/NAME.so, so that one folder holds them all before they are installed.
MODULE_CPPFLAGS = $(AM_CPPFLAGS)
MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^pp_step_module$$'

# Part of the service, under a name of its own each (core/steps/builtin.c).
noinst_LIBRARIES += plugins/libdelay.a plugins/libremote.a
plugins_libdelay_a_SOURCES = plugins/delay/delay.c
plugins_libdelay_a_CPPFLAGS = $(AM_CPPFLAGS) -Dpp_step_module=delay_step_module
plugins_libremote_a_SOURCES = plugins/remote/remote.c
plugins_libremote_a_CPPFLAGS = $(AM_CPPFLAGS) -Dpp_step_module=remote_step_module

VIRUSSCAN_SOURCES = \
	plugins/virusscan/virusscan.c \
	plugins/virusscan/verdict.c plugins/virusscan/verdict.h \
	plugins/virusscan/fleet.c plugins/virusscan/fleet.h \
	plugins/virusscan/member.c plugins/virusscan/member.h \
	plugins/virusscan/lookup.c plugins/virusscan/lookup.h \
	plugins/virusscan/name_list.c plugins/virusscan/name_list.h \
	plugins/virusscan/source.c plugins/virusscan/source.h \
	plugins/virusscan/scanner.c plugins/virusscan/scanner.h \
	plugins/virusscan/clamd.c \
	plugins/virusscan/icap.c \
	plugins/virusscan/icap_answer.c plugins/virusscan/icap_answer.h \
	plugins/virusscan/icap_exchange.c plugins/virusscan/icap_exchange.h \
	plugins/virusscan/session.c plugins/virusscan/session.h \
	plugins/virusscan/connection.c plugins/virusscan/connection.h \
	plugins/virusscan/tls.c plugins/virusscan/tls.h \
	plugins/virusscan/idle.c plugins/virusscan/idle.h \
	plugins/virusscan/endpoint.c plugins/virusscan/endpoint.h \
	plugins/virusscan/cause.c plugins/virusscan/cause.h \
	plugins/virusscan/summary.c plugins/virusscan/summary.h \
	plugins/virusscan/unused.c plugins/virusscan/unused.h
plugin_LTLIBRARIES += plugins/virusscan.la
plugins_virusscan_la_SOURCES = $(VIRUSSCAN_SOURCES)
plugins_virusscan_la_CPPFLAGS = $(MODULE_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS)
plugins_virusscan_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_virusscan_la_LIBADD = $(JANSSON_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) -lpthread

EXEC_SOURCES = \
	plugins/exec/exec.c \
	plugins/exec/command.c plugins/exec/command.h \
	plugins/exec/facts.c plugins/exec/facts.h \
	plugins/exec/output.c plugins/exec/output.h \
	plugins/exec/words.c plugins/exec/words.h
plugin_LTLIBRARIES += plugins/exec.la
plugins_exec_la_SOURCES = $(EXEC_SOURCES)
plugins_exec_la_CPPFLAGS = $(MODULE_CPPFLAGS)
plugins_exec_la_LDFLAGS = $(MODULE_LDFLAGS)

HTTP_SOURCES = \
	plugins/http/http.c \
	plugins/http/endpoint.c plugins/http/endpoint.h \
	plugins/http/signature.c plugins/http/signature.h
plugin_LTLIBRARIES += plugins/http.la
plugins_http_la_SOURCES = $(HTTP_SOURCES)
plugins_http_la_CPPFLAGS = $(MODULE_CPPFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)
plugins_http_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_http_la_LIBADD = $(CURL_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) -lpthread

# libtool's descriptions of the modules are of no use where they are installed: a module is loaded by the path of its .so, and
# linked against by nobody. Without them `libtool --mode=uninstall` does not find the modules.
install-data-hook: remove-la
uninstall-hook: remove-so

remove-la:
	for module in $(plugin_LTLIBRARIES:plugins/%.la=%); do rm -f "$(DESTDIR)$(plugindir)/$$module.la"; done

remove-so:
	for module in $(plugin_LTLIBRARIES:plugins/%.la=%); do rm -f "$(DESTDIR)$(plugindir)/$$module.so"; done

.PHONY: remove-la remove-so

# A package of its own with two modules, for authors to begin with. It is not built here.
exampledir = $(datadir)/postprocessing/example
dist_example_DATA = plugins/example/configure.ac plugins/example/Makefile.am plugins/example/filetype.c plugins/example/filetype.ini \
	plugins/example/wordfilter.cc
dist_example_SCRIPTS = plugins/example/check.sh
