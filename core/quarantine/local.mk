core_libcore_a_SOURCES += \
	core/quarantine/folder.c core/quarantine/folder.h \
	core/quarantine/note.c core/quarantine/note.h \
	core/quarantine/quarantine.c core/quarantine/quarantine.h \
	core/quarantine/seal.h core/quarantine/seal_private.h core/quarantine/seal_cipher.c core/quarantine/seal_keys.c \
	core/quarantine/sealer.c core/quarantine/unsealer.c
