# A module that lists the directives of all modules that httpd has loaded.
#     make -f tests/guards/directives.mk OUT=folder/mod_directives.so
include apxs.mk

$(OUT): tests/guards/directives.c mod_saas/mod_saas.h
	$(CC) $(SAAS_CPPFLAGS) -Imod_saas $(SAAS_CFLAGS) $(SAAS_LDFLAGS) -o $@ $< -ljansson
