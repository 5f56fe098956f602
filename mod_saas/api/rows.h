/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file rows.h
 * Rows of a result as JSON, as a plugin's table of members describes them.
 */
#ifndef SAAS_API_ROWS_H
#define SAAS_API_ROWS_H

#include "api.h"
#include "core/jsontext.h"

/** Adds so many rows from the first one on, separated by commas. */
void saas_rows_put(saas_jsontext_t *out, saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows,
                   int first, int count);

#endif
