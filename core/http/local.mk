core_libcore_a_SOURCES += \
	core/http/connections.c core/http/connections.h \
	core/http/file_server.c core/http/file_server.h \
	core/http/http.c core/http/http.h \
	core/http/listener.c core/http/listener.h
