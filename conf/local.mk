# What the packages of steps bring: NAME.ini for the module NAME. It enables nothing.
stepsddir = $(pkgsysconfdir)/steps.d
dist_stepsd_DATA = conf/steps.d/exec.ini conf/steps.d/http.ini conf/steps.d/policies.ini conf/steps.d/virusscan.ini

# The folders that were compiled in, written into the files that name them.
SET_FOLDERS = sed -e 's|@plugindir[@]|$(plugindir)|g' -e 's|@workerdir[@]|$(workerdir)|g' -e 's|@pkgsysconfdir[@]|$(pkgsysconfdir)|g' \
	-e 's|@statedir[@]|$(statedir)|g'

EXTRA_DIST += conf/postprocessing.ini.in
CLEANFILES += conf/postprocessing.ini
noinst_DATA = conf/postprocessing.ini
conf/postprocessing.ini: conf/postprocessing.ini.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && $(SET_FOLDERS) $(srcdir)/conf/postprocessing.ini.in >$@

# An administrator's file is left alone, whatever is installed over it. It can hold passwords and tokens.
install-data-local: install-conf
uninstall-local: uninstall-conf

install-conf: conf/postprocessing.ini
	$(MKDIR_P) '$(DESTDIR)$(pkgsysconfdir)'
	test -e '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini' || \
		$(INSTALL) -m 640 conf/postprocessing.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'

uninstall-conf: conf/postprocessing.ini
	if cmp -s conf/postprocessing.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'; then \
		rm -f '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'; fi

.PHONY: install-conf uninstall-conf

# systemd's unit: an example beside the documentation, or installed where --with-systemdsystemunitdir says. A line of the
# template that begins with @static-user@ is for a unit with --with-service-user, one with @dynamic-user@ for a unit without.
if HAVE_SERVICE_USER
SET_USER = -e '/^@dynamic-user[@]/d' -e 's|^@static-user[@]||' -e 's|@service_user[@]|$(service_user)|g'
else
SET_USER = -e '/^@static-user[@]/d' -e 's|^@dynamic-user[@]||'
endif
EXTRA_DIST += conf/postprocessing.service.in
CLEANFILES += conf/postprocessing.service
conf/postprocessing.service: conf/postprocessing.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && $(SET_FOLDERS) $(SET_USER) -e 's|@bindir[@]|$(bindir)|g' \
		$(srcdir)/conf/postprocessing.service.in >$@

if HAVE_SYSTEMD_DIR
systemdsystemunit_DATA = conf/postprocessing.service
else
doc_DATA = conf/postprocessing.service
endif

# Debian's packages. That of a step adds NAME.install here and a paragraph to debian/control.
EXTRA_DIST += \
	debian/changelog debian/control debian/copyright debian/rules \
	debian/source/format \
	debian/postprocessing.README.Debian debian/postprocessing.install debian/postprocessing.lintian-overrides \
	debian/postprocessing.logrotate debian/postprocessing.postinst debian/postprocessing.postrm \
	debian/postprocessing-bench.install \
	debian/postprocessing-dev.install \
	debian/postprocessing-step-exec.install \
	debian/postprocessing-step-http.install \
	debian/postprocessing-step-virusscan.install \
	debian/tests/control debian/tests/module debian/tests/service

# RPM packages, split in the same way.
EXTRA_DIST += conf/postprocessing.spec
