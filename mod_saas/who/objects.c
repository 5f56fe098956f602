/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What belongs to an organization and stands in paths: the route of an audit is about the organization that the audit
 * belongs to.  Plugins declare which tables have such objects.
 */
#include "who.h"

#include <apr_lib.h>
#include <apr_strings.h>

static apr_array_header_t *objects;

void saas_objects_begin(apr_pool_t *p)
{
    objects = apr_array_make(p, 8, sizeof(const saas_object_t *));
}

const apr_array_header_t *saas_objects(void)
{
    return objects;
}

const char *saas_objects_add(apr_pool_t *p, const char *owner, const saas_object_t *list)
{
    const saas_object_t *object;
    const char *c;
    for (object = list; object && object->parameter; object++) {
        for (c = object->table; *c && (apr_islower(*c) || *c == '_'); c++) {
        }
        if (*c || c == object->table) {
            return apr_psprintf(p, "%s: object %s: \"%s\" is no table name ([a-z_]+)", owner, object->parameter,
                                object->table);
        }
        *(const saas_object_t **)apr_array_push(objects) = object;
    }
    return NULL;
}

int saas_objects_find(const char *parameter)
{
    int i;
    for (i = 0; i < objects->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(objects, i, const saas_object_t *)->parameter, parameter)) {
            return i;
        }
    }
    return -1;
}
