/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The principal told to others: variables for CGI, PHP and LogFormat, headers
 * for a backend - and headers of these names that a client sends are taken off
 * every request, in whatever spelling CGI would take for them.
 */
#include "who.h"

#include <apr_lib.h>
#include <apr_strings.h>

/* How a principal is told to others: by variable, by header. */
static const struct {
    const char *variable, *header;
} exports[] = {
    { "SAAS_USER", "X-Saas-User" },
    { "SAAS_EMAIL", "X-Saas-Email" },
    { "SAAS_ORG", "X-Saas-Organization" },
    { "SAAS_ROLE", "X-Saas-Role" },
    { "SAAS_SUBSCRIPTION", "X-Saas-Subscription" },
};
#define N_EXPORTS (sizeof(exports) / sizeof(*exports))

/* Is there a key that begins so?  A table is short, and setting a key compares it with each of its like. */
SAAS_WARM static int has_like(const apr_table_t *table, const char *prefix)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)elts->elts;
    int i;
    for (i = 0; i < elts->nelts && strncasecmp(entry[i].key, prefix, strlen(prefix)); i++) {
    }
    return i < elts->nelts;
}

/* What is not known is taken away: a subrequest or redirect may be about
 * another organization than the request it came from, or about none. */
SAAS_WARM static void export_to(apr_table_t *table, const saas_principal_t *who, int as_headers)
{
    const char *values[N_EXPORTS] = { who->user_id, who->email };
    int taken = has_like(table, as_headers ? "X-Saas-" : "SAAS_");
    size_t i;
    if (who->org_id) {
        values[2] = who->org_id;
        values[3] = saas_role_text(who->role);
        values[4] = who->subscription;
    }
    for (i = 0; i < N_EXPORTS; i++) {
        const char *key = as_headers ? exports[i].header : exports[i].variable;
        if (taken) {
            apr_table_unset(table, key);
        }
        if (values[i]) {
            apr_table_addn(table, key, values[i]);
        }
    }
}

SAAS_WARM void saas_identity_export(request_rec *r, const saas_principal_t *who)
{
    export_to(r->subprocess_env, who, 0);
}

SAAS_WARM static void write_log_notes(request_rec *r, const saas_context_t *ctx)
{
    if (ctx->loaded == SAAS_GRANTED) {
        if (!apr_table_get(r->subprocess_env, exports[0].variable)) {
            saas_identity_export(r, &ctx->who);
        }
        /* Nobody else sets them. */
        apr_table_addn(r->notes, "saas-user", ctx->who.user_id);
        if (ctx->who.org_id) {
            apr_table_addn(r->notes, "saas-org", ctx->who.org_id);
        }
    }
    if (!apr_table_get(r->notes, SAAS_VERDICT_NOTE)) {
        const char *before = r->prev ? apr_table_get(r->prev->notes, SAAS_VERDICT_NOTE) : NULL;
        apr_table_addn(r->notes, SAAS_VERDICT_NOTE, before ? before : "granted");
    }
}

SAAS_WARM void saas_identity_log(request_rec *r)
{
    /* Most of LogFormat looks at the last request of a chain of redirects. */
    for (; r; r = r->next) {
        const saas_context_t *ctx = saas_context_get(r);
        if (ctx) {
            write_log_notes(r, ctx);
        }
    }
}

/* CGI turns '-' and '_' of a header's name into the same variable. */
static int is_identity_header(const char *name)
{
    static const char prefix[] = "x-saas-";
    apr_size_t i;
    for (i = 0; prefix[i]; i++) {
        char c = name[i] == '_' ? '-' : (char)apr_tolower(name[i]);
        if (c != prefix[i]) {
            return 0;
        }
    }
    return 1;
}

/* "Connection: X-Saas-Role" would have mod_proxy drop a header that we set. */
static void scrub_connection(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Connection");
    const char *kept = "";
    char *rest, *last, *word;
    int found = 0;
    if (!header || !ap_strcasestr(header, "saas")) {
        return;
    }
    rest = apr_pstrdup(r->pool, header);
    for (word = apr_strtok(rest, ", \t", &last); word; word = apr_strtok(NULL, ", \t", &last)) {
        if (is_identity_header(word)) {
            found = 1;
        }
        else {
            kept = apr_pstrcat(r->pool, kept, *kept ? ", " : "", word, NULL);
        }
    }
    if (found && *kept) {
        apr_table_setn(r->headers_in, "Connection", kept);
    }
    else if (found) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

static void scrub(request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)headers->elts;
    int i, found = 0;
    for (i = 0; i < headers->nelts && !found; i++) {
        found = is_identity_header(entry[i].key);
    }
    if (found) {
        apr_table_t *kept = apr_table_make(r->pool, headers->nelts);
        for (i = 0; i < headers->nelts; i++) {
            if (!is_identity_header(entry[i].key)) {
                apr_table_addn(kept, entry[i].key, entry[i].val);
            }
        }
        r->headers_in = kept;
    }
}

void saas_identity_scrub(request_rec *r)
{
    scrub(r);
    scrub_connection(r);
}

void saas_identity_tell(apr_table_t *headers, const saas_principal_t *who)
{
    export_to(headers, who, 1);
}

void saas_identity_headers(request_rec *r, const saas_principal_t *who)
{
    scrub(r);
    export_to(r->headers_in, who, 1);
}
