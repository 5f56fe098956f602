/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Writes down every SQL statement that a configuration has, plugins' and the host's, those that are composed at
 * start included, as the databases get them: one JSON object a line, into the file that the environment names.
 * Linked over the host's registration of statements (ld --wrap) by statements.mk; no part of the product.
 */
#include "db/db.h"
#include "drivers/sqltext.h"

#include <stdio.h>
#include <stdlib.h>

const char *__real_saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list);
const char *__wrap_saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list);

static void write_down(apr_pool_t *p, FILE *out, const char *owner, const saas_statement_t *list)
{
    const saas_statement_t *st;
    for (st = list; st && st->name; st++) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s}", "owner", owner, "name", st->name, "scope",
                                 st->scope == SAAS_TENANT ? "tenant" : "system", "pgsql", st->sql, "sqlite",
                                 saas_sqltext_for_sqlite(p, st->sqlite ? st->sqlite : st->sql));
        char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        fprintf(out, "%s\n", text ? text : "a statement that is not UTF-8");
        free(text);
        json_decref(line);
    }
}

const char *__wrap_saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list)
{
    const char *path = getenv("STATEMENTS_FILE");
    FILE *out = path ? fopen(path, "a") : NULL;
    if (!out) {
        return "STATEMENTS_FILE names no file that can be written";
    }
    write_down(p, out, owner, list);
    fclose(out);
    return __real_saas_statements_register(p, owner, list);
}
