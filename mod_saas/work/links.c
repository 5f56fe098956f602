/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Links that messages carry.  A row of the queue names a link; its secret is made by the plugin that knows what it is for,
 * at the moment the message is sent.  So neither a waiting nor a dead message, nor a copy of the database, holds a link
 * that would work: kept is what recognizes it.
 */
#include "jobs.h"

#include <apr_strings.h>

static apr_array_header_t *links;

void saas_links_begin(apr_pool_t *p)
{
    links = apr_array_make(p, 4, sizeof(const saas_link_t *));
}

void saas_links_add(const saas_link_t *list)
{
    for (; list && list->name; list++) {
        APR_ARRAY_PUSH(links, const saas_link_t *) = list;
    }
}

static const saas_link_t *find(const char *name)
{
    int i;
    for (i = 0; i < links->nelts; i++) {
        const saas_link_t *link = APR_ARRAY_IDX(links, i, const saas_link_t *);
        if (!strcmp(link->name, name)) {
            return link;
        }
    }
    return NULL;
}

typedef struct making_t {
    saas_job_t *job;
    const saas_link_t *link;
    const char *object_id;
    const char *token;
} making_t;

/* The fence comes last: whoever changes what a link is for locks that, and then the message that is to be stopped. */
static apr_status_t make(saas_db_t *db, void *baton)
{
    making_t *making = baton;
    apr_status_t rv = making->link->make(making->job, db, making->object_id, &making->token);
    return rv == APR_SUCCESS ? saas_job_fence_impl(making->job, db) : rv;
}

apr_status_t saas_link_make_impl(saas_job_t *job, const char *name, const char *object_id, const char *url,
                                 const char **link)
{
    making_t making = { .job = job, .link = find(name), .object_id = object_id };
    const char *place = ap_strstr_c(url, SAAS_LINK_TOKEN);
    saas_db_t *db;
    apr_status_t rv;

    if (!making.link || !place) {
        return APR_ENOTIMPL;
    }
    if ((rv = saas_db_open_impl(&db, job->pool, job->server, job->org_id)) == APR_SUCCESS) {
        rv = saas_db_transaction_impl(db, make, &making);
        saas_db_close_impl(db);
    }
    if (rv == APR_SUCCESS) {
        *link = apr_pstrcat(job->pool, apr_pstrmemdup(job->pool, url, (apr_size_t)(place - url)), making.token,
                            place + strlen(SAAS_LINK_TOKEN), NULL);
    }
    return rv;
}
