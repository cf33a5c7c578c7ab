# Each test is a program of its own, so that they run in parallel: tests/LAYER/test_NAME.c, with Check, on core/libcore.a. The
# folders are those of core/; beside them are scenario, torture and sim (the whole service, real or simulated), plugins, bench
# and fuzz, and what tests have in common: harness, modules, harmful, data.
# A test's limit in seconds, for a machine that has much else to do.
# And no variable of the service that its administrator has exported: they win over the tests' configurations.
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
	TSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/tsan.supp $$TSAN_OPTIONS"; export TSAN_OPTIONS; \
	unset `env | sed -n 's/^\(\(POSTPROCESSING\|ANTIVIRUS\|OCIS\|OC\)_[A-Za-z0-9_]*\)=.*/\1/p'` NO_SUCH_VARIABLE;

dist_check_SCRIPTS += tests/walls tests/steps/manual_example tests/example

if HAVE_CHECK
include tests/harness/local.mk

TEST_LIBS = tests/libharness.a $(SSL_LIBS) $(CORE_LIBS) $(CHECK_LIBS)
LDADD = $(TEST_LIBS)

# Programs that run out of memory where the test wants it.
SCARCITY = tests/harness/scarcity.c tests/harness/scarcity.h
SCARCITY_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup \
	-Wl,--wrap=realpath,--wrap=open_memstream,--wrap=free

EXTRA_DIST += tests/data/storage-events.jsonl tests/data/wire-2026.jsonl

include tests/modules/local.mk
include tests/harmful/local.mk

# What takes longest begins first.
include tests/scenario/local.mk
include tests/torture/local.mk
include tests/sim/local.mk
include tests/plugins/local.mk
include tests/nats/local.mk
include tests/jetstream/local.mk
include tests/steps/local.mk
include tests/abi/local.mk
include tests/broker/local.mk
include tests/http/local.mk
include tests/base/local.mk
include tests/content/local.mk
include tests/quarantine/local.mk
include tests/config/local.mk
include tests/upload/local.mk
include tests/coordinator/local.mk
include tests/server/local.mk
include tests/client/local.mk
include tests/cli/local.mk

include tests/bench/local.mk
endif
