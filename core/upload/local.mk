core_libcore_a_SOURCES += \
	core/upload/envelope.c core/upload/envelope.h \
	core/upload/event.c core/upload/event.h \
	core/upload/event_encode.c \
	core/upload/event_payload.c core/upload/event_payload.h \
	core/upload/history.c core/upload/history.h \
	core/upload/loaded.h \
	core/upload/lookup.c core/upload/lookup.h \
	core/upload/message_id.c core/upload/message_id.h \
	core/upload/pipeline.c core/upload/pipeline.h \
	core/upload/pipeline_moves.c \
	core/upload/pipeline_private.h \
	core/upload/pipeline_wait.c \
	core/upload/record.c core/upload/record.h \
	core/upload/record_decode.c \
	core/upload/upload.c core/upload/upload.h
