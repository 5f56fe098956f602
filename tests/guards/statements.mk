# The host once more, from the objects of the build, with statements.c between it and its list of statements.
#     make -f tests/guards/statements.mk OUT=folder/mod_saas.so
include apxs.mk
include mod_saas/rooms.mk

BUILD ?= build
OBJS = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(patsubst %,mod_saas/%/*.c,$(filter-out core,$(ROOMS))))) $(BUILD)/obj/openapi/common.o

$(OUT): tests/guards/statements.c $(OBJS) $(BUILD)/libsaas_core.a
	printf '{ global: saas_module; local: *; };\n' > $@.map
	$(CC) $(SAAS_CPPFLAGS) -Imod_saas $(SAAS_CFLAGS) -fno-lto $(SAAS_LDFLAGS) -Wl,--version-script=$@.map \
	    -Wl,--wrap=saas_statements_register -o $@ $^ -lpq -lsqlite3 -ljansson -lcrypto -largon2 -lidn2
