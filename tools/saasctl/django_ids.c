/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * New ids for old primary keys: UUIDv7 (RFC 9562, section 5.7) whose time is that of the row's making, so that they
 * sort as they would have if the rows had been made here.  The bits that are random elsewhere are those of a SHA-256
 * of kind and key: the same dump gives the same ids, which a trial run and references from elsewhere can rely on.  A
 * primary key that is a UUID is kept.
 */
#include "django.h"

#include "core/id.h"
#include "core/token.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

static int by_creation(const void *a, const void *b)
{
    const django_thing_t *x = *(const django_thing_t *const *)a, *y = *(const django_thing_t *const *)b;
    return x->created != y->created ? (x->created > y->created) - (x->created < y->created) : x->place - y->place;
}

/* 48 bits of milliseconds and 12 of what is below them. */
static apr_uint64_t clock_of(apr_time_t t)
{
    apr_uint64_t us = t > 0 ? (apr_uint64_t)t : 0;
    return us / 1000 << 12 | us % 1000 * 4096 / 1000;
}

static const char *make_id(apr_pool_t *p, apr_uint64_t clock, const char *kind, const char *key)
{
    static const char variants[] = "89ab";
    char hex[SAAS_HASH_LEN + 1];
    apr_uint64_t ms = clock >> 12;
    const char *text = apr_pstrcat(p, kind, " ", key, NULL);
    if (saas_sha256_hex(hex, text, strlen(text)) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(p, "%08x-%04x-7%03x-%c%.3s-%.12s", (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
                        (unsigned)(clock & 0xfff), variants[hex[0] & 3], hex + 1, hex + 4);
}

void django_assign_ids(django_dump_t *dump, django_kind_e kind)
{
    apr_array_header_t *things = dump->things[kind];
    apr_uint64_t clock, last = 0;
    int i;

    qsort(things->elts, (size_t)things->nelts, sizeof(void *), by_creation);
    for (i = 0; i < things->nelts; i++) {
        django_thing_t *thing = APR_ARRAY_IDX(things, i, django_thing_t *);
        if (thing->key && saas_uuid_is(thing->key)) {
            thing->id = thing->key;
            continue;
        }
        clock = clock_of(thing->created);
        last = clock > last ? clock : last + 1;
        if (!(thing->id = make_id(dump->p, last, django_kinds[kind], thing->key ? thing->key : thing->pk))) {
            django_problem_of(dump, thing, "pk", "cannot be hashed");
        }
    }
}
