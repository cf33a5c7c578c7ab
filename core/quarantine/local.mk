core_libcore_a_SOURCES += \
	core/quarantine/seal.h core/quarantine/seal_private.h core/quarantine/seal_cipher.c core/quarantine/seal_keys.c \
	core/quarantine/sealer.c core/quarantine/unsealer.c
