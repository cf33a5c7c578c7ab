core_libcore_a_SOURCES += \
	core/content/content.c core/content/content.h \
	core/content/content_file.c core/content/content_file.h \
	core/content/content_head.c core/content/content_head.h \
	core/content/content_http.c core/content/content_http.h \
	core/content/copies.c core/content/copies.h \
	core/content/copy.c core/content/copy.h
