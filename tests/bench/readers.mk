# The readers of the engine import with the program that times them, compiled as the engine is. OUT is set by the caller.
PKG_CONFIG ?= pkg-config
SRCS = tests/bench/readers.c $(filter-out plugins/engines/import/import.c,$(wildcard plugins/engines/import/*.c)) mod_saas/core/timefmt.c

$(OUT): $(SRCS) $(wildcard plugins/engines/import/*.h)
	$(CC) -std=gnu11 -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -I. -Imod_saas $(shell apr-1-config --includes --cppflags) -o $@ $(SRCS) \
	    -lcsv -lyajl $(shell apr-1-config --link-ld)
