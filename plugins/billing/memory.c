/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Memory of libcurl's.  It copies the headers of a request, the key among them, wherever it needs them, and gives the copies
 * back as they are: the next core dump would have them.  So what it gives back is wiped first.  While a call is under way
 * the copies are there.
 *
 * libcurl has one set of such functions for the process, those of whoever initializes it first.
 */
#include "stripe.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <malloc.h>

static void wipe(void *block)
{
    if (block) {
        OPENSSL_cleanse(block, malloc_usable_size(block));
        free(block);
    }
}

/* realloc() would leave the old bytes where they were. */
static void *resize(void *block, size_t size)
{
    size_t old = block ? malloc_usable_size(block) : 0;
    void *bigger;

    if (block && size <= old) {
        return block;
    }
    bigger = malloc(size);
    if (bigger && block) {
        memcpy(bigger, block, old);
        wipe(block);
    }
    return bigger;
}

int saas_stripe_global_init(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe, resize, strdup, calloc) == CURLE_OK;
}
#else
int saas_stripe_global_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}
#endif
