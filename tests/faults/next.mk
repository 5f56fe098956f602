# The host and saasctl once more, as the release after this one has them: made for the next version of the schema.
#     make -f tests/faults/next.mk OUT=folder
include apxs.mk
include mod_saas/rooms.mk

BUILD ?= build
# What asks for the version.
ASKS = mod_saas/db/borrow.c mod_saas/db/examine.c
SRCS = $(filter-out $(ASKS),$(wildcard $(patsubst %,mod_saas/%/*.c,$(filter-out core,$(ROOMS)))))
OBJS = $(SRCS:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/openapi/common.o
NEXT = -DSAAS_SCHEMA_VERSION=$(shell expr $$(sed -n 's/^\#define SAAS_SCHEMA_VERSION //p' mod_saas/core/schema.h) + 1)
PG_INCLUDE := $(shell pg_config --includedir)
LIBS = -lpq -lsqlite3 -ljansson -lcrypto -largon2 -lidn2

all: $(OUT)/mod_saas.so $(OUT)/saasctl

$(OUT)/mod_saas.so: $(ASKS) $(OBJS) $(BUILD)/libsaas_core.a
	printf '{ global: saas_module; local: *; };\n' > $@.map
	$(CC) $(SAAS_CPPFLAGS) -I$(PG_INCLUDE) -Imod_saas $(SAAS_CFLAGS) $(NEXT) -fno-lto $(SAAS_LDFLAGS) -Wl,--version-script=$@.map -o $@ $^ $(LIBS)

CTL = $(wildcard tools/saasctl/*.c) $(wildcard mod_saas/drivers/*.c)
$(OUT)/saasctl: $(CTL) $(BUILD)/libsaas_core.a
	$(CC) $(shell apr-1-config --includes) $(shell apu-1-config --includes) -I$(PG_INCLUDE) -Imod_saas -Itools/saasctl \
	    $(filter-out -fPIC,$(SAAS_CFLAGS)) $(NEXT) -o $@ $^ $(LIBS) -lz \
	    $(shell apu-1-config --link-ld) $(shell apr-1-config --link-ld) -lpthread
