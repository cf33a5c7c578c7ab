worker_PROGRAMS += postprocessing-worker
postprocessing_worker_SOURCES = \
	core/worker/main.c \
	core/worker/incoming.c core/worker/incoming.h \
	core/worker/offspring.c core/worker/offspring.h \
	core/worker/sandbox.c core/worker/sandbox.h core/worker/sandbox_private.h \
	core/worker/sandbox_calls.c \
	core/worker/sandbox_files.c \
	core/worker/session.c core/worker/session.h
postprocessing_worker_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
postprocessing_worker_LDADD = core/libcore.a $(LTDL_LIBS) $(SECCOMP_LIBS) $(CRYPTO_LIBS)
