/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The statements that there are.  Each is in a table of the host's or of a plugin's, declared for a tenant or for the
 * system; a table that is wrong refuses the start.  A statement's number says where its prepared form is kept.
 */
#include "db.h"

#include <apr_lib.h>
#include <apr_strings.h>

static int count;
static apr_array_header_t *all; /* of const saas_statement_t *, by number */

void saas_statements_begin(apr_pool_t *pconf)
{
    count = 0;
    all = apr_array_make(pconf, 256, sizeof(const saas_statement_t *));
}

const saas_statement_t *saas_statements_at(int number)
{
    return APR_ARRAY_IDX(all, number, const saas_statement_t *);
}

int saas_statements_count(void)
{
    return count;
}

/* True when text has $1 outside string literals. */
static int binds_organization(const char *text)
{
    int quoted = 0;
    for (; *text; text++) {
        if (*text == '\'') {
            quoted = !quoted;
        }
        else if (!quoted && text[0] == '$' && text[1] == '1' && !apr_isdigit(text[2])) {
            return 1;
        }
    }
    return 0;
}

const char *saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list)
{
    saas_statement_t *st;
    for (st = list; st && st->name; st++) {
        if ((st->scope != SAAS_TENANT && st->scope != SAAS_SYSTEM) || !st->sql) {
            return apr_psprintf(p, "%s: statement %s has no scope or no text", owner, st->name);
        }
        if (st->scope == SAAS_TENANT
            && (!binds_organization(st->sql) || (st->sqlite && !binds_organization(st->sqlite)))) {
            return apr_psprintf(p, "%s: statement %s is SAAS_TENANT but does not use $1, the organization", owner,
                                st->name);
        }
        st->number = count++;
        APR_ARRAY_PUSH(all, const saas_statement_t *) = st;
    }
    return NULL;
}
