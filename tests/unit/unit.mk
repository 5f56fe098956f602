# Unit tests: the core and every pure plugin file named here, with Check, under ASan and UBSan.
# Included by the top Makefile; also works alone from the top folder: make -f tests/unit/unit.mk test-unit
#
# To add tests: tests/unit/test_NAME.c with `Suite *suite_NAME(void)`, one line in tests/unit/suites.h, and, for
# code outside of the core, its files in UNIT_SRCS below. K=part-of-a-suite's-name selects.

BUILD ?= build
PKG_CONFIG ?= pkg-config

UNIT_SRCS += $(wildcard mod_saas/core/*.c)
UNIT_SRCS += plugins/console/coding.c
UNIT_SRCS += plugins/mail/message.c plugins/mail/template.c
UNIT_SRCS += $(patsubst %,plugins/audits/%.c,cron score trigrams zone)
UNIT_SRCS += plugins/billing/stripe.c $(patsubst %,plugins/webhooks/%.c,event signature skim state)
UNIT_SRCS += $(patsubst %,plugins/notify/%.c,events message schedule sign url)
UNIT_SRCS += plugins/audits/score.c $(filter-out plugins/export/export.c,$(wildcard plugins/export/*.c))
UNIT_SRCS += $(filter-out plugins/engines/web/web.c,$(wildcard plugins/engines/web/*.c))
UNIT_SRCS += $(filter-out plugins/engines/import/import.c,$(wildcard plugins/engines/import/*.c))

UNIT_LIBS += -lssl -lpthread -lcurl -lunbound -lldns -lpsl -lcsv -lyajl -lz

UNIT_TESTS = tests/unit/main.c $(wildcard tests/unit/test_*.c)
UNIT_OBJS = $(patsubst %.c,$(BUILD)/unit/obj/%.o,$(sort $(UNIT_SRCS)) $(UNIT_TESTS))

UNIT_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra -Wshadow -Werror -Wformat -Werror=format-security \
    -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
# Expanded only when something is compiled: `make help` needs none of these tools.
UNIT_CPPFLAGS = -I. -Imod_saas -Itests/unit $(shell apr-1-config --includes --cppflags) \
    $(shell apu-1-config --includes) $(shell $(PKG_CONFIG) --cflags jansson libcrypto libargon2 libidn2 glib-2.0 check)
UNIT_LINK = $(shell $(PKG_CONFIG) --libs jansson libcrypto libargon2 libidn2 glib-2.0 check) $(shell apu-1-config --link-ld --libs) \
    $(shell apr-1-config --link-ld --libs) $(UNIT_LIBS)

.PHONY: test-unit
test-unit: $(BUILD)/unit/run-unit
	@K='$(K)' '$(BUILD)/unit/run-unit'

$(BUILD)/unit/run-unit: $(UNIT_OBJS)
	@printf '  LD    %s\n' '$@'
	@$(CC) $(UNIT_CFLAGS) -o '$@' $(UNIT_OBJS) $(UNIT_LINK)

$(BUILD)/unit/obj/%.o: %.c tests/unit/unit.mk
	@mkdir -p '$(dir $@)'
	@printf '  CC    %s (unit)\n' '$<'
	@$(CC) $(UNIT_CPPFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o '$@' '$<'

# A file of tests that no line of the list names would never run.
$(BUILD)/unit/obj/tests/unit/main.o: tests/unit/suites.h | tests/unit/suites.checked
.PHONY: tests/unit/suites.checked
tests/unit/suites.checked:
	@for f in $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)); do \
	    grep -q "^SUITE($$f)" tests/unit/suites.h || { \
	        echo "tests/unit/test_$$f.c is not run: add SUITE($$f) to tests/unit/suites.h" >&2; exit 1; }; \
	done

-include $(UNIT_OBJS:.o=.d)
