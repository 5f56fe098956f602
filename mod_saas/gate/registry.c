/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The gates that there are: the host's own, and those that plugins add.  Each has a name, by which route tables and
 * Require lines call it, and a number, by which it is counted; the host's own come first.
 */
#include "registry.h"

#include <apr_hash.h>
#include <apr_strings.h>

static apr_hash_t *gates;
static apr_array_header_t *gate_list;

const saas_gate_t *saas_gate_find(const char *name)
{
    return apr_hash_get(gates, name, APR_HASH_KEY_STRING);
}

SAAS_WARM int saas_gates_count(void)
{
    return gate_list->nelts;
}

const saas_gate_t *saas_gate_at(int number)
{
    return APR_ARRAY_IDX(gate_list, number, const saas_gate_t *);
}

int saas_gate_number(const saas_gate_t *gate)
{
    int i;
    for (i = 0; i < gate_list->nelts && saas_gate_at(i) != gate; i++) {
    }
    return i;
}

int saas_gate_is_host(const saas_gate_t *gate)
{
    const saas_gate_t *own;
    for (own = saas_host_gates; own->name && own != gate; own++) {
    }
    return own->name != NULL;
}

const char *const *saas_gates_names(apr_pool_t *p)
{
    const char **names = apr_pcalloc(p, sizeof(*names) * (apr_size_t)(saas_gates_count() + 1));
    int i;
    for (i = 0; i < saas_gates_count(); i++) {
        names[i] = saas_gate_at(i)->name;
    }
    return names;
}

const char *saas_gates_add(apr_pool_t *p, const char *owner, const saas_gate_t *list)
{
    const saas_gate_t *gate;
    for (gate = list; gate && gate->name; gate++) {
        if (!gate->decide) {
            return apr_psprintf(p, "%s: gate %s has no function", owner, gate->name);
        }
        if (saas_gate_find(gate->name)) {
            return apr_psprintf(p, "%s: there is a gate \"saas-%s\" already; rename it", owner, gate->name);
        }
        apr_hash_set(gates, gate->name, APR_HASH_KEY_STRING, gate);
        APR_ARRAY_PUSH(gate_list, const saas_gate_t *) = gate;
    }
    return NULL;
}

void saas_gates_begin(apr_pool_t *p)
{
    gates = apr_hash_make(p);
    gate_list = apr_array_make(p, 8, sizeof(const saas_gate_t *));
    saas_gates_add(p, "mod_saas", saas_host_gates);
}
