# mod_saas: make, make demo, make test; `make help` lists the rest.
# Relative paths only, so that a checkout may live in a folder with spaces.

include apxs.mk
include mod_saas/rooms.mk

BUILD = build
PORT ?= 8080
DB ?= sqlite
NODES ?= 1
PYTHON ?= /usr/bin/python3
V ?= 0
ifeq ($(V),0)
Q = @
say = @printf '  %-5s %s\n' $(1) $(2);
else
say =
endif

PLUGINS = accounts organizations audits billing webhooks export mail notify console
ENGINES = web import
LIBS_host = -lpq -lsqlite3 -ljansson -lcrypto -largon2 -lidn2
LIBS_audits = -lz -ljansson $(shell $(PKG_CONFIG) --libs glib-2.0)
LIBS_engine_import = -lcsv -lyajl -ljansson
LIBS_export = -lz -ljansson
LIBS_billing = -lcurl -ljansson
LIBS_mail = -lcurl -ljansson
LIBS_notify = -lcurl -lcrypto -ljansson
LIBS_webhooks = -lcrypto -ljansson
LIBS_engine_web = -lcurl -lssl -lcrypto -lunbound -lldns -lpsl -ljansson
LIBS_plugin = -ljansson

MODULES = $(BUILD)/modules/mod_saas.so \
    $(PLUGINS:%=$(BUILD)/modules/mod_saas_%.so) $(ENGINES:%=$(BUILD)/modules/mod_saas_engine_%.so)
SQLDIR = /usr/share/mod_saas/sql
CONSOLEDIR = /usr/share/mod_saas/console
MANDIR = /usr/share/man

PG_INCLUDE := $(shell pg_config --includedir 2>/dev/null)
CORE_CPPFLAGS := $(call apxs_q,EXTRA_CPPFLAGS) $(shell apr-1-config --includes) $(shell apu-1-config --includes) \
    $(shell $(PKG_CONFIG) --cflags jansson libcrypto libargon2 libidn2)

.PHONY: all help deps demo stop install clean sql-checksums sql-locks deb rpm \
    test check debug test-unit test-api test-ctl test-faults test-browser test-plugin test-sandbox test-guards test-fuzz test-packages test-cluster test-sanitized bench bench-quick format

all: $(MODULES) $(BUILD)/bin/saasctl $(BUILD)/bin/saaslog $(BUILD)/console/index.html

help:
	@echo 'make            build modules and saasctl into build/'
	@echo 'make deps       install what building, the demo and the tests need (Debian, npm)'
	@echo 'make demo       build, start httpd on PORT=8080 (DB=sqlite or DB=pgsql; NODES=3: behind HAProxy), seed, print what to do next'
	@echo 'make stop       end the demo'
	@echo 'make check      the inner loop: unit tests, guards, a smoke run on both databases'
	@echo 'make debug      the demo in one process under gdb; make compile_commands.json for editors'
	@echo 'make test       everything; parts: test-unit test-sandbox test-api test-ctl test-faults test-browser test-plugin test-guards test-fuzz (K=name selects)'
	@echo 'make test-cluster    three nodes and two databases, broken by chance under load for MINUTES=3; SEED=n says how'
	@echo 'make test-sanitized  the api part with AddressSanitizer and UBSan in httpd'
	@echo 'make fuzz       look for inputs that break a parser: T=event MINUTES=10; installs clang'
	@echo 'make bench      install the peers, measure against them; make bench-quick in under two minutes'
	@echo 'make install    into DESTDIR, where this httpd keeps its modules; edits no httpd.conf'
	@echo 'make deb        Debian packages into build/packages/, looked at by lintian; make rpm: RPMs, by rpmlint; make test-packages lives their life in a clean Debian'

# ------------------------------------------------------------------- core --

CORE_SRCS = $(wildcard mod_saas/core/*.c)
CORE_OBJS = $(CORE_SRCS:%.c=$(BUILD)/obj/%.o)

$(BUILD)/libsaas_core.a: $(CORE_OBJS)
	$(call say,AR,$@) rm -f $@ && ar rcs $@ $(CORE_OBJS)

# The host is optimized as a whole, where the compiler can: what every request passes are small functions in many files.
LTO := $(shell echo | $(CC) -flto=auto -ffat-lto-objects -Werror -x c -c -o /dev/null - 2>/dev/null && echo -flto=auto -ffat-lto-objects)

# Core and drivers have no httpd header on their include path.
$(BUILD)/obj/mod_saas/core/%.o: mod_saas/core/%.c $(wildcard mod_saas/core/*.h)
	@mkdir -p $(dir $@)
	$(call say,CC,$<) $(CC) $(CORE_CPPFLAGS) $(SAAS_CFLAGS) $(LTO) -c -o $@ $<

DRIVER_SRCS = $(wildcard mod_saas/drivers/*.c)

$(BUILD)/obj/mod_saas/drivers/%.o: mod_saas/drivers/%.c $(wildcard mod_saas/drivers/*.h mod_saas/core/*.h)
	@mkdir -p $(dir $@)
	$(call say,CC,$<) $(CC) $(CORE_CPPFLAGS) -I$(PG_INCLUDE) -Imod_saas $(SAAS_CFLAGS) $(LTO) -c -o $@ $<

# ---------------------------------------------------------------- openapi --
# docs/openapi/common.json goes into the host, docs/openapi/<plugin>.json into
# that plugin; the host puts those of the loaded plugins together.

$(BUILD)/obj/openapi/%.c: docs/openapi/%.json apxs.mk
	@mkdir -p $(dir $@)
	$(Q)$(call saas_openapi_c,$<) > $@

$(BUILD)/obj/openapi/%.o: $(BUILD)/obj/openapi/%.c
	$(Q)$(CC) $(SAAS_CFLAGS) -c -o $@ $<

.SECONDARY: $(patsubst docs/openapi/%.json,$(BUILD)/obj/openapi/%.c,$(wildcard docs/openapi/*.json))

# ------------------------------------------------------------------- host --

HOST_SRCS = $(wildcard $(patsubst %,mod_saas/%/*.c,$(filter-out core,$(ROOMS))))
HOST_HDRS = $(wildcard mod_saas/*.h mod_saas/*/*.h)
HOST_OBJS = $(HOST_SRCS:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/openapi/common.o

$(BUILD)/obj/mod_saas/%.o: mod_saas/%.c $(HOST_HDRS)
	@mkdir -p $(dir $@)
	$(call say,CC,$<) $(CC) $(SAAS_CPPFLAGS) -I$(PG_INCLUDE) -Imod_saas $(SAAS_CFLAGS) $(LTO) -c -o $@ $<

# But what requests pass that are none of ours stays small: nothing is taken into it.
$(BUILD)/obj/mod_saas/module/hooks.o: LTO =

$(BUILD)/modules/mod_saas.so: $(HOST_OBJS) $(CORE_OBJS)
	@mkdir -p $(dir $@)
	@printf '{ global: saas_module; local: *; };\n' > $(BUILD)/obj/mod_saas.map
	$(call say,LD,$@) $(CC) $(SAAS_CFLAGS) $(LTO) $(SAAS_LDFLAGS) -Wl,--version-script=$(BUILD)/obj/mod_saas.map -o $@ $(HOST_OBJS) $(CORE_OBJS) $(LIBS_host)

# ---------------------------------------------------------------- plugins --
# A plugin sees mod_saas.h and its own folder, nothing else of the project.

$(BUILD)/include/mod_saas.h: mod_saas/mod_saas.h
	@mkdir -p $(dir $@)
	$(Q)cp $< $@

# $(1) name of the .so and the module record, $(2) folder
define plugin_rules
PLUGIN_OBJS_$(1) = $$(patsubst %.c,$$(BUILD)/obj/%.o,$$(wildcard $(2)/*.c)) \
    $$(patsubst docs/%.json,$$(BUILD)/obj/%.o,$$(wildcard docs/openapi/$(1).json))
$$(BUILD)/obj/$(2)/%.o: $(2)/%.c $$(wildcard $(2)/*.h) $$(BUILD)/include/mod_saas.h
	@mkdir -p $$(dir $$@)
	$$(call say,CC,$$<) $$(CC) $$(SAAS_CPPFLAGS) -I$$(BUILD)/include -I$(2) $$(SAAS_CFLAGS) -c -o $$@ $$<
$$(BUILD)/modules/mod_saas_$(1).so: $$(PLUGIN_OBJS_$(1))
	@mkdir -p $$(dir $$@)
	@printf '{ global: saas_$(1)_module; local: *; };\n' > $$(BUILD)/obj/$(1).map
	$$(call say,LD,$$@) $$(CC) $$(SAAS_LDFLAGS) -Wl,--version-script=$$(BUILD)/obj/$(1).map -o $$@ $$(PLUGIN_OBJS_$(1)) $$(or $$(LIBS_$(1)),$$(LIBS_plugin))
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rules,$(p),plugins/$(p))))
$(foreach e,$(ENGINES),$(eval $(call plugin_rules,engine_$(e),plugins/engines/$(e))))
# Time zones alone need GLib.
$(BUILD)/obj/plugins/audits/zone.o: SAAS_CPPFLAGS += $(shell $(PKG_CONFIG) --cflags glib-2.0)

# ---------------------------------------------------------------- console --
# The files that the plugin console serves. Without npm they are left out, and all else is built.

WEB = plugins/console/web
$(BUILD)/console/index.html: $(wildcard $(WEB)/*.* $(WEB)/src/*.* $(WEB)/src/*/*.* docs/openapi/*.json)
	@mkdir -p $(dir $@)
	$(Q)sh $(WEB)/build.sh $(BUILD)

# ---------------------------------------------------------------- saasctl --

CTL_SRCS = $(wildcard tools/saasctl/*.c) $(DRIVER_SRCS)
$(BUILD)/bin/saasctl: $(CTL_SRCS) $(wildcard tools/saasctl/*.h) $(HOST_HDRS) $(BUILD)/libsaas_core.a
	@mkdir -p $(dir $@)
	$(call say,LD,$@) $(CC) $(CORE_CPPFLAGS) -I$(PG_INCLUDE) -Imod_saas -Itools/saasctl -DSAAS_SQLDIR='"$(SQLDIR)"' \
	    $(filter-out -fPIC,$(SAAS_CFLAGS)) $(LDFLAGS) -o $@ $(CTL_SRCS) $(BUILD)/libsaas_core.a $(LIBS_host) \
	    -lz $(shell apu-1-config --link-ld) $(shell apr-1-config --link-ld) -lpthread

$(BUILD)/bin/saaslog: tools/saaslog/saaslog.c
	@mkdir -p $(dir $@)
	$(call say,LD,$@) $(CC) $(filter-out -fPIC,$(SAAS_CFLAGS)) $(LDFLAGS) -o $@ $<

# ---------------------------------------------------------------- install --

MODCONF = $(DESTDIR)$(call apxs_q,SYSCONFDIR)/mods-available
# Debian keeps LoadModule lines in mods-available; elsewhere conf goes beside the rest of share/.
CONFDIR = $(if $(wildcard $(call apxs_q,SYSCONFDIR)/mods-available),$(MODCONF),$(DESTDIR)/usr/share/mod_saas/conf)

install: all
	install -d "$(DESTDIR)$(LIBEXECDIR)" "$(DESTDIR)$(INCLUDEDIR)/mod_saas" "$(DESTDIR)/usr/bin" \
	    "$(CONFDIR)" "$(DESTDIR)$(SQLDIR)/pgsql" "$(DESTDIR)$(SQLDIR)/sqlite" "$(DESTDIR)/usr/share/doc/mod_saas/examples/proxies" \
	    "$(DESTDIR)/usr/share/doc/mod_saas/examples/hardening" \
	    "$(DESTDIR)/usr/share/doc/mod_saas/docs/openapi" "$(DESTDIR)$(MANDIR)/man8" "$(DESTDIR)/usr/share/mod_saas/monitoring"
	install -m 644 $(MODULES) "$(DESTDIR)$(LIBEXECDIR)/"
	install -m 644 mod_saas/mod_saas.h apxs.mk "$(DESTDIR)$(INCLUDEDIR)/mod_saas/"
	install -m 755 $(BUILD)/bin/saasctl $(BUILD)/bin/saaslog "$(DESTDIR)/usr/bin/"
	install -m 644 sql/pgsql/*.sql "$(DESTDIR)$(SQLDIR)/pgsql/"
	install -m 644 sql/sqlite/*.sql "$(DESTDIR)$(SQLDIR)/sqlite/"
	install -m 644 sql/locks "$(DESTDIR)$(SQLDIR)/locks"
	rm -rf "$(DESTDIR)$(CONSOLEDIR)"
	if [ -f $(BUILD)/console/index.html ]; then \
	    install -d "$(DESTDIR)$(CONSOLEDIR)/assets" && \
	    install -m 644 $(BUILD)/console/index.html "$(DESTDIR)$(CONSOLEDIR)/" && \
	    install -m 644 $(BUILD)/console/assets/* "$(DESTDIR)$(CONSOLEDIR)/assets/"; \
	else echo 'install: the console was not built and is not installed; leave out its SaasConsole On'; fi
	install -m 644 conf/saas.load conf/saas.conf conf/saas_console.load "$(CONFDIR)/"
	install -m 644 conf/monitoring/* "$(DESTDIR)/usr/share/mod_saas/monitoring/"
	install -m 644 conf/examples/*.conf conf/examples/nodes.cfg "$(DESTDIR)/usr/share/doc/mod_saas/examples/"
	install -m 644 conf/examples/proxies/* "$(DESTDIR)/usr/share/doc/mod_saas/examples/proxies/"
	install -m 644 conf/examples/hardening/* "$(DESTDIR)/usr/share/doc/mod_saas/examples/hardening/"
	install -m 644 README.md CHANGELOG.md LICENSE "$(DESTDIR)/usr/share/doc/mod_saas/"
	install -m 644 docs/*.md docs/*.png "$(DESTDIR)/usr/share/doc/mod_saas/docs/"
	install -m 644 docs/openapi/*.json "$(DESTDIR)/usr/share/doc/mod_saas/docs/openapi/"
	install -m 644 docs/man/*.8 "$(DESTDIR)$(MANDIR)/man8/"

clean:
	rm -rf $(BUILD)/obj $(BUILD)/modules $(BUILD)/bin $(BUILD)/console $(BUILD)/unit $(BUILD)/include $(BUILD)/libsaas_core.a

# --------------------------------------------------------------- packages --

deb:
	@sh tools/deps.sh debhelper fakeroot lintian
	@sh tools/packages/deb.sh $(BUILD)

rpm:
	@sh tools/deps.sh rpm rpmlint
	@sh tools/packages/rpm.sh $(BUILD)

# Takes new migrations into the list of checksums. What is in it never changes: a change is a new file.
sql-checksums:
	@cd sql && sha256sum --check --quiet --strict checksums || { \
	    echo "sql/checksums: a migration that has landed is never changed: restore it, and write a new one" >&2; exit 1; }
	@cd sql && for f in pgsql/*.sql sqlite/*.sql; do \
	    grep -q "  $$f\$$" checksums || sha256sum "$$f" | tee -a checksums; done

# Measures which locks the migrations take, on a PostgreSQL of its own.
sql-locks:
	@$(PYTHON) tests/guards/locks.py

# ------------------------------------------------------------------- demo --
# Each of these installs what is missing first, then starts make anew: the
# paths above come from programs that a fresh machine does not have yet.

deps:
	@sh tools/deps.sh

demo:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory all
	@$(PYTHON) tools/demo/demo.py start --db $(DB) --port $(PORT) --nodes $(NODES) --build $(BUILD)

# The demo's configuration in one process under gdb, built for it; DB and PORT as for the demo. What gdb is told first:
# GDB='gdb -q -ex "break saas_router_serve" -ex run'.
GDB ?= gdb -q
debug:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory -j2 BUILD=$(BUILD)/debug CFLAGS='-Og -g3' LTO= all
	@$(PYTHON) tools/demo/demo.py debug --db $(DB) --port $(PORT) --build $(BUILD)/debug --gdb '$(subst ','\'',$(GDB))'

stop:
	@$(PYTHON) tools/demo/demo.py stop --build $(BUILD)

# ------------------------------------------------------------------ tests --

-include tests/unit/unit.mk
-include tests/fuzz/fuzz.mk

test:
	@sh tools/deps.sh
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/unit/run-unit $(FUZZ_REPLAYS)
	@sh tests/run.sh

# The inner loop: under a minute on two cores.
check:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory -j2 all $(BUILD)/unit/run-unit
	@sh tests/run.sh check

PYTEST = $(PYTHON) -m pytest -p no:cacheprovider -q $(if $(K),-k '$(K)')

# The Debian packages, their life in a clean Debian that is made of the registry's; root alone can.
test-packages:
	@sh tools/deps.sh apparmor debhelper fakeroot lintian mmdebstrap rpm rpmlint shellcheck systemd
	@$(MAKE) -s --no-print-directory -j2 all
	$(PYTEST) tests/packages

# Three nodes and two databases under load, broken in an order of chance for as long as is wanted: make test-cluster MINUTES=10
# SEED=… (of which it prints what it took).
test-cluster:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory -j2 all
	SAAS_CLUSTER_SECONDS=$$(( $(or $(MINUTES),3) * 60 )) SAAS_CLUSTER_SEED='$(SEED)' $(PYTEST) -s tests/faults/test_cluster.py -k by_chance

# One part, of it what K selects: make test-api K=export. Installs and builds what is missing first.
test-sandbox test-api test-ctl test-faults test-browser test-plugin test-guards test-fuzz:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory -j2 all $(if $(filter test-fuzz,$@),$(FUZZ_REPLAYS))
	$(PYTEST) tests/$(patsubst plugin,plugins,$(@:test-%=%))

# The modules with AddressSanitizer and UBSan, in the same httpd; no search for leaks, since all memory is of pools. The
# demo starts a httpd of its own, without the sanitizers' libraries.
SANITIZED = $(BUILD)/sanitized
SANITIZE = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

test-sanitized:
	@$(MAKE) -s --no-print-directory -j2 BUILD=$(SANITIZED) CFLAGS='$(SANITIZE)' LDFLAGS='$(SANITIZE)' all
	SAAS_BUILD='$(SANITIZED)' ASAN_OPTIONS=detect_leaks=0 \
	    SAAS_HTTPD_PRELOAD="$$($(CC) -print-file-name=libasan.so):$$($(CC) -print-file-name=libubsan.so)" \
	    $(PYTEST) -n 4 --dist loadgroup tests/api --ignore=tests/api/test_demo.py

bench bench-quick:
	@sh tools/deps.sh
	@$(MAKE) -s --no-print-directory all
	@$(PYTHON) tests/bench/bench.py $(if $(filter bench-quick,$@),--quick)

# What editors and linters want to know of how each file is compiled.
compile_commands.json: $(MAKEFILE_LIST)
	@$(MAKE) -nB V=1 all $(BUILD)/unit/run-unit | $(PYTHON) tools/compile_commands.py > $@.new && mv $@.new $@

format:
	clang-format -i $(wildcard mod_saas/*.[ch] mod_saas/*/*.[ch] plugins/*/*.[ch] plugins/engines/*/*.[ch] tools/*/*.[ch])
