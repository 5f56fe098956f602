# apxs.mk - how a mod_saas plugin is built.
#
# An outside author's whole Makefile is
#
#     PLUGIN = hello
#     include $(shell apxs -q INCLUDEDIR)/mod_saas/apxs.mk
#
# and gives the targets all, install, check and clean for mod_saas_hello.so.
# The project's own Makefile includes it for the flags alone (no PLUGIN).
#
# To set: PLUGIN, and where needed SRCS (default *.c), MODULE (the module
# record's name, default saas_<plugin>_module), PLUGIN_CFLAGS, PLUGIN_LIBS,
# OPENAPI (default openapi.json if it is there).

APXS ?= $(firstword $(shell command -v apxs 2>/dev/null) $(shell command -v apxs2 2>/dev/null) apxs)
PKG_CONFIG ?= pkg-config
DESTDIR ?=

apxs_q = $(shell $(APXS) -q $(1) 2>/dev/null)
LIBEXECDIR := $(call apxs_q,LIBEXECDIR)
INCLUDEDIR := $(call apxs_q,INCLUDEDIR)
HTTPD := $(call apxs_q,sbindir)/$(call apxs_q,progname)

SAAS_WARNINGS = -Wall -Wextra -Wshadow -Werror -Wformat -Werror=format-security
SAAS_HARDENING = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC -fno-plt
SAAS_CPPFLAGS := $(call apxs_q,EXTRA_CPPFLAGS) -isystem $(INCLUDEDIR) \
    $(shell apr-1-config --includes) $(shell apu-1-config --includes) $(shell $(PKG_CONFIG) --cflags jansson)
SAAS_CFLAGS = -std=gnu11 -O2 -g $(SAAS_WARNINGS) $(SAAS_HARDENING) $(CFLAGS)
# A module uses its own record in every hook: bound at link time, without a detour.
SAAS_LDFLAGS = -shared -Wl,-z,relro -Wl,-z,now -Wl,-Bsymbolic -Wl,--as-needed $(LDFLAGS)

# A JSON file as C: the bytes of saas_openapi_text.
saas_openapi_c = { printf 'extern const char saas_openapi_text[];\nconst char saas_openapi_text[] = {\n' \
    && od -An -v -tx1 '$(1)' | sed 's/ \([0-9a-f][0-9a-f]\)/(char)0x\1,/g' && printf '0};\n'; }

ifdef PLUGIN

SRCS ?= $(filter-out %-openapi.c,$(wildcard *.c))
MODULE ?= saas_$(PLUGIN)_module
# mod_saas.h lies beside this file.
SAAS_INCLUDE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
SO = mod_saas_$(PLUGIN).so
OPENAPI ?= $(wildcard openapi.json)
GENERATED = $(if $(OPENAPI),$(PLUGIN)-openapi.c)

.PHONY: all install check clean
all: $(SO)

$(PLUGIN)-openapi.c: $(OPENAPI)
	$(call saas_openapi_c,$<) > $@

$(SO): $(SRCS) $(GENERATED) $(wildcard *.h) $(SAAS_INCLUDE)/mod_saas.h
	printf '{ global: %s; local: *; };\n' $(MODULE) > $(PLUGIN).map
	$(CC) $(SAAS_CPPFLAGS) -I$(SAAS_INCLUDE) $(SAAS_CFLAGS) $(PLUGIN_CFLAGS) $(SAAS_LDFLAGS) \
	    -Wl,--version-script=$(PLUGIN).map -o $@ $(SRCS) $(GENERATED) $(PLUGIN_LIBS) -ljansson

install: $(SO)
	install -d "$(DESTDIR)$(LIBEXECDIR)"
	install -m 644 $(SO) "$(DESTDIR)$(LIBEXECDIR)/$(SO)"

# Has httpd load the plugin beside the installed host and check both. Nothing of the system's configuration is read, and
# everything that httpd wants a place for is in this folder. The database named here is never opened: configtest does not
# connect. What a httpd has built in is not loaded again.
CHECK_MODULES = authn_core authz_core dbd
check: $(SO)
	printf '%s\n' "ServerRoot \"$(CURDIR)\"" "DefaultRuntimeDir \"$(CURDIR)\"" "PidFile \"$(CURDIR)/$(PLUGIN)-check.pid\"" \
	    "ErrorLog \"$(CURDIR)/$(PLUGIN)-check.log\"" 'ServerName localhost' 'Listen 127.0.0.1:1' \
	    '<IfModule !mpm_event_module>' '<IfModule !mpm_worker_module>' '<IfModule !mpm_prefork_module>' \
	    'LoadModule mpm_event_module "$(LIBEXECDIR)/mod_mpm_event.so"' '</IfModule>' '</IfModule>' '</IfModule>' \
	    $(foreach m,$(CHECK_MODULES),'<IfModule !$(m)_module>' 'LoadModule $(m)_module "$(LIBEXECDIR)/mod_$(m).so"' '</IfModule>') \
	    'LoadModule saas_module "$(LIBEXECDIR)/mod_saas.so"' \
	    "LoadModule $(MODULE) \"$(CURDIR)/$(SO)\"" \
	    'DBDriver sqlite3' "DBDParams \"$(CURDIR)/none.db\"" > $(PLUGIN)-check.conf
	$(HTTPD) -t -f "$(CURDIR)/$(PLUGIN)-check.conf"

clean:
	rm -f $(SO) $(PLUGIN)-openapi.c $(PLUGIN).map $(addprefix $(PLUGIN)-check.,conf log pid)

endif
