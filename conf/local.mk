# What the steps' own packages would bring; it enables nothing.
stepsddir = $(pkgsysconfdir)/steps.d
dist_stepsd_DATA = conf/steps.d/policies.ini

# An administrator's file is left alone, whatever is installed over it.
EXTRA_DIST += conf/postprocessing.ini

install-data-local: install-conf
uninstall-local: uninstall-conf

install-conf:
	$(MKDIR_P) '$(DESTDIR)$(pkgsysconfdir)'
	test -e '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini' || \
		$(INSTALL_DATA) $(srcdir)/conf/postprocessing.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'

uninstall-conf:
	if cmp -s $(srcdir)/conf/postprocessing.ini '$(DESTDIR)$(pkgsysconfdir)/postprocessing.ini'; then \
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
