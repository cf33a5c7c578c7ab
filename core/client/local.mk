core_libcore_a_SOURCES += \
	core/client/client.c core/client/client.h \
	core/client/end_detail.c core/client/end_detail.h \
	core/client/json_text.c core/client/json_text.h \
	core/client/options.c core/client/options.h \
	core/client/service_http.c core/client/service_http.h \
	core/client/service_match.c core/client/service_match.h \
	core/client/service_steps.c core/client/service_steps.h \
	core/client/standard_streams.c core/client/standard_streams.h \
	core/client/submission.c core/client/submission.h
