/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Time zones by GLib, which reads the system's tzdata with no state that threads share: libc knows but one zone, by an
 * environment variable that no threaded server may change.
 *
 * A name comes from a stranger and becomes that of a file, and what is no file GLib reads as a rule ("ABC5").  So a name is
 * looked at first, and so is the file.
 */
#include "zone.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <glib.h>

#include <stdio.h>
#include <string.h>

#define FOLDER "/usr/share/zoneinfo"     /* where GLib looks, unless TZDIR says otherwise */
#define FAR (APR_INT64_C(400) * 366 * 86400)

struct saas_zone_t {
    GTimeZone *tz;                       /* NULL: UTC */
};

/** Words of letters, digits, "_", "-" and "+", which begin with a capital, between slashes: all names of IANA's database and
 *  no other files of the folder, such as posix/UTC, right/UTC or localtime. */
static int is_name(const char *name)
{
    const char *c = name;

    if (strlen(name) > SAAS_ZONE_MAX) {
        return 0;
    }
    do {
        if (*c < 'A' || *c > 'Z') {
            return 0;
        }
        while (apr_isalnum(*c) || *c == '_' || *c == '-' || *c == '+') {
            c++;
        }
    } while (*c == '/' && *++c);
    return !*c && c[-1] != '/';
}

static int is_compiled(apr_pool_t *p, const char *name)
{
    const char *folder = g_getenv("TZDIR");
    char magic[4] = "";
    FILE *file = fopen(apr_pstrcat(p, folder && *folder ? folder : FOLDER, "/", name, NULL), "re");
    int is = file && fread(magic, 1, sizeof(magic), file) == sizeof(magic) && !memcmp(magic, "TZif", sizeof(magic));

    if (file) {
        fclose(file);
    }
    return is;
}

static apr_status_t release(void *tz)
{
    g_time_zone_unref(tz);
    return APR_SUCCESS;
}

const saas_zone_t *saas_zone_find(apr_pool_t *p, const char *name)
{
    saas_zone_t *zone = apr_pcalloc(p, sizeof(*zone));

    if (!strcmp(name, "UTC")) {
        return zone;
    }
    if (!is_name(name) || !is_compiled(p, name) || !(zone->tz = g_time_zone_new_identifier(name))) {
        return NULL;
    }
    apr_pool_cleanup_register(p, zone->tz, release, apr_pool_cleanup_null);
    return zone;
}

static int span_at(const saas_zone_t *zone, apr_int64_t t)
{
    return g_time_zone_find_interval(zone->tz, G_TIME_TYPE_UNIVERSAL, t);
}

/* GLib numbers the spans and does not say where they end: that is found by halves. */
void saas_zone_offset(const void *baton, apr_int64_t t, int *offset, apr_int64_t *until)
{
    const saas_zone_t *zone = baton;
    apr_int64_t in = t, out, step = APR_INT64_C(31) * 86400, middle;
    int span;

    *offset = 0;
    *until = APR_INT64_MAX;
    if (!zone->tz) {
        return;
    }
    span = span_at(zone, t);
    *offset = g_time_zone_get_offset(zone->tz, span);
    for (out = t + step; span_at(zone, out) == span; out = t + step) {
        in = out;
        step *= 2;
        if (step > FAR) {
            return;
        }
    }
    while (out - in > 1) {
        middle = in + (out - in) / 2;
        if (span_at(zone, middle) == span) {
            in = middle;
        }
        else {
            out = middle;
        }
    }
    *until = out;
}
