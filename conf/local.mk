# What the steps' own packages would bring; it enables nothing.
stepsddir = $(pkgsysconfdir)/steps.d
dist_stepsd_DATA = conf/steps.d/policies.ini

# The file that is installed names the folders that this build has.
EXTRA_DIST += conf/postprocessing.ini
CLEANFILES += conf/installed.ini
noinst_DATA = conf/installed.ini
conf/installed.ini: conf/postprocessing.ini Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && sed \
		-e 's|/usr/lib/postprocessing|$(plugindir)|g' \
		-e 's|/var/lib/postprocessing|$(localstatedir)/lib/postprocessing|g' $(srcdir)/conf/postprocessing.ini >$@

# An administrator's file is left alone, whatever is installed over it.
install-data-local: install-conf
uninstall-local: uninstall-conf

install-conf: conf/installed.ini
	$(MKDIR_P) '$(DESTDIR)$(pkgsysconfdir)'
	test -e '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini' || \
		$(INSTALL_DATA) conf/installed.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'

uninstall-conf: conf/installed.ini
	if cmp -s conf/installed.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'; then \
		rm -f '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'; fi

.PHONY: install-conf uninstall-conf

# systemd's unit: an example beside the documentation, or installed where --with-systemdsystemunitdir says.
EXTRA_DIST += conf/postprocessing.service.in
CLEANFILES += conf/postprocessing.service
conf/postprocessing.service: conf/postprocessing.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && sed 's|@bindir[@]|$(bindir)|g' $(srcdir)/conf/postprocessing.service.in >$@

if HAVE_SYSTEMD_DIR
systemdsystemunit_DATA = conf/postprocessing.service
else
doc_DATA = conf/postprocessing.service
endif
