/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file organizations.h
 * What the files of the organizations plugin share.
 */
#ifndef ORGANIZATIONS_H
#define ORGANIZATIONS_H

#include "mod_saas.h"

extern module AP_MODULE_DECLARE_DATA saas_organizations_module;
APLOG_USE_MODULE(saas_organizations);

/** Indices into organizations_statements. */
enum {
    ORGANIZATION_LIST,
    ORGANIZATION_INSERT,
    ORGANIZATION_MEMBERSHIP,
    ORGANIZATION_DETAIL,
    ORGANIZATION_LOCK,
    ORGANIZATION_UPDATE,
    ORGANIZATIONS_STATEMENTS
};

extern saas_statement_t organizations_statements[];

/** Longest name, in code points. */
#define ORGANIZATIONS_NAME_MAX 200

#define ORGANIZATIONS_SLUG_TAKEN "An organization with this slug already exists."

/** What a transaction's body returns to have it rolled back because the input
 *  asks for something that cannot be, as against a failure. */
#define ORGANIZATIONS_REFUSED APR_EACCES

/** The slug of the JSON body, or NULL; what is wrong with it is noted. */
const char *organizations_slug_field(saas_request_t *rq, unsigned flags);

/** An organization as its own page shows it, from a row of
 *  ORGANIZATION_DETAIL; a new reference. */
json_t *organizations_detail_json(apr_pool_t *p, const saas_rows_t *rows, saas_role_e role);

saas_handler_fn organizations_list;
saas_handler_fn organizations_create;
saas_handler_fn organizations_detail;
saas_handler_fn organizations_replace;
saas_handler_fn organizations_update;

#endif
