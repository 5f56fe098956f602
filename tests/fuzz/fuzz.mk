# Fuzz targets: one per parser of what strangers send. Included by the top Makefile, after tests/unit/unit.mk, whose flags and
# objects it shares.
#
# tests/fuzz/fuzz_NAME.c holds libFuzzer's LLVMFuzzerTestOneInput(); what it needs beside the core is in FUZZ_SRCS_NAME; its
# inputs are in tests/fuzz/corpus/NAME/, with words that help it in tests/fuzz/NAME.dict. `make test` runs the inputs, built by
# the ordinary compiler with ASan and UBSan; `make fuzz` looks for more of them, with clang's libFuzzer.

FUZZ_TARGETS = signature event cron import_generic import_prowler import_ocsf import_sarif import_trivy web_dns
FUZZ_SRCS_signature = plugins/webhooks/signature.c
FUZZ_SRCS_event = plugins/webhooks/event.c plugins/webhooks/skim.c plugins/webhooks/state.c
FUZZ_SRCS_cron = plugins/audits/cron.c
FUZZ_SRCS_web_dns = $(filter-out plugins/engines/web/web.c,$(wildcard plugins/engines/web/*.c))
IMPORT_SRCS = mod_saas/core/timefmt.c $(filter-out plugins/engines/import/import.c,$(wildcard plugins/engines/import/*.c))
$(foreach f,generic prowler ocsf sarif trivy,$(eval FUZZ_SRCS_import_$(f) = $(IMPORT_SRCS)))

# make fuzz T=event MINUTES=10
T ?= $(FUZZ_TARGETS)
MINUTES ?= 1
FUZZ_CC ?= clang

FUZZ_REPLAYS = $(FUZZ_TARGETS:%=$(BUILD)/fuzz/replay-%)

.PHONY: fuzz fuzz-search test-fuzz

# $(1) name of the target
define fuzz_rules
$$(BUILD)/fuzz/replay-$(1): $$(patsubst %.c,$$(BUILD)/unit/obj/%.o,tests/fuzz/fuzz_$(1).c tests/fuzz/replay.c $$(FUZZ_SRCS_$(1)))
	@mkdir -p '$$(dir $$@)'
	@printf '  LD    %s\n' '$$@'
	@$$(CC) $$(UNIT_CFLAGS) -o '$$@' $$^ $$(UNIT_LINK)

$$(BUILD)/fuzz/search-$(1): tests/fuzz/fuzz_$(1).c $$(FUZZ_SRCS_$(1)) $$(wildcard plugins/webhooks/*.h plugins/audits/*.h plugins/engines/import/*.h plugins/engines/web/*.h tests/unit/*.h tests/fuzz/*.h)
	@mkdir -p '$$(dir $$@)'
	@printf '  LD    %s\n' '$$@'
	@$$(FUZZ_CC) $$(UNIT_CPPFLAGS) $$(UNIT_CFLAGS) -fsanitize=fuzzer -o '$$@' tests/fuzz/fuzz_$(1).c $$(FUZZ_SRCS_$(1)) $$(UNIT_LINK)

-include $$(BUILD)/unit/obj/tests/fuzz/fuzz_$(1).d
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_rules,$(t))))

# An input that a target fails on is left in build/fuzz/ and named at the end; new ones that reach further are in build/fuzz/found/.
fuzz:
	@sh tools/deps.sh clang libclang-rt-dev
	@$(MAKE) --no-print-directory fuzz-search T='$(T)' MINUTES='$(MINUTES)'

fuzz-search: $(T:%=$(BUILD)/fuzz/search-%)
	@for t in $(T); do \
	    mkdir -p "$(BUILD)/fuzz/found/$$t"; \
	    "$(BUILD)/fuzz/search-$$t" -max_total_time=$$(($(MINUTES) * 60)) -max_len=16384 -timeout=10 -print_final_stats=1 \
	        -dict="tests/fuzz/$$t.dict" -artifact_prefix="$(BUILD)/fuzz/$$t-" \
	        "$(BUILD)/fuzz/found/$$t" "tests/fuzz/corpus/$$t" || exit 1; \
	done
