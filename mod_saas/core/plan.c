/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See plan.h. */
#include "plan.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define NAME_LEN_MAX 64
#define LIMIT_PREFIX "limit."
#define FEATURES_PREFIX "features="

static const struct {
    const char *word;
    saas_per_e per;
} periods[] = { { "day", SAAS_PER_DAY }, { "month", SAAS_PER_MONTH } };

void saas_plans_begin(apr_pool_t *p, saas_plans_t *plans)
{
    plans->list = apr_array_make(p, 4, sizeof(saas_plan_t *));
}

static const saas_plan_t *at(const saas_plans_t *plans, int i)
{
    return APR_ARRAY_IDX(plans->list, i, const saas_plan_t *);
}

static int is_in(const apr_array_header_t *list, const char *text)
{
    int i;
    for (i = 0; i < list->nelts && strcmp(APR_ARRAY_IDX(list, i, const char *), text); i++) {
    }
    return i < list->nelts;
}

const char *saas_plan_check_name(apr_pool_t *p, const char *name)
{
    const char *c = name;
    if (*c >= 'a' && *c <= 'z') {
        while ((*c >= 'a' && *c <= 'z') || apr_isdigit(*c) || (*c && strchr("_.-", *c))) {
            c++;
        }
        if (!*c && c - name <= NAME_LEN_MAX) {
            return NULL;
        }
    }
    return apr_psprintf(p, "\"%s\" is no name: a letter a-z, and then up to %d of a-z, 0-9, \"_\", \".\", \"-\"", name, NAME_LEN_MAX - 1);
}

/* -------------------------------------------------------------- parsing -- */

static const char *read_features(apr_pool_t *p, const char *text, saas_plan_t *plan)
{
    char *rest = apr_pstrdup(p, text), *last, *word;
    const char *wrong;

    if (plan->features) {
        return "features= stands twice";
    }
    plan->features = apr_array_make(p, 8, sizeof(const char *));
    for (word = apr_strtok(rest, ",", &last); word; word = apr_strtok(NULL, ",", &last)) {
        if ((wrong = saas_plan_check_name(p, word))) {
            return wrong;
        }
        if (is_in(plan->features, word)) {
            return apr_psprintf(p, "the feature %s stands twice", word);
        }
        APR_ARRAY_PUSH(plan->features, const char *) = word;
    }
    return NULL;
}

static const char *read_limit(apr_pool_t *p, const char *text, saas_plan_t *plan)
{
    const char *equals = strchr(text, '='), *digits, *slash, *wrong;
    saas_plan_limit_t limit = { .name = equals ? apr_pstrmemdup(p, text, (apr_size_t)(equals - text)) : text };
    const char *value = equals ? equals + 1 : "";
    size_t i;

    if ((wrong = saas_plan_check_name(p, limit.name))) {
        return wrong;
    }
    if (saas_plan_limit(plan, limit.name)) {
        return apr_psprintf(p, "limit.%s stands twice", limit.name);
    }
    for (digits = value; apr_isdigit(*digits); digits++) {
        if (limit.most > SAAS_PLAN_LIMIT_MOST / 10) {
            limit.most = SAAS_PLAN_LIMIT_MOST + 1;
            continue;
        }
        limit.most = limit.most * 10 + (*digits - '0');
    }
    slash = digits;
    if (digits == value || (*slash && *slash != '/') || limit.most > SAAS_PLAN_LIMIT_MOST) {
        return apr_psprintf(p, "limit.%s=%s: a whole number from 0 (none) to %" APR_INT64_T_FMT ", and perhaps /day or /month",
                            limit.name, value, SAAS_PLAN_LIMIT_MOST);
    }
    if (*slash) {
        for (i = 0; i < sizeof(periods) / sizeof(*periods) && strcmp(slash + 1, periods[i].word); i++) {
        }
        if (i == sizeof(periods) / sizeof(*periods)) {
            return apr_psprintf(p, "limit.%s=%s: limits are counted by /day or /month", limit.name, value);
        }
        limit.per = periods[i].per;
    }
    APR_ARRAY_PUSH(plan->limits, saas_plan_limit_t) = limit;
    return NULL;
}

static const char *read_price(apr_pool_t *p, const saas_plans_t *plans, const char *price, saas_plan_t *plan)
{
    const saas_plan_t *other = saas_plans_of_price(plans, price);
    if (strchr(price, '=') || !*price) {
        return apr_psprintf(p, "\"%s\" is none of: a price, features=, limit.NAME=, seats", price);
    }
    if (other || is_in(plan->prices, price)) {
        return apr_psprintf(p, "the price %s belongs to the plan %s already", price, other ? other->name : plan->name);
    }
    APR_ARRAY_PUSH(plan->prices, const char *) = price;
    return NULL;
}

const char *saas_plans_add(apr_pool_t *p, saas_plans_t *plans, int words, const char *const *word)
{
    saas_plan_t *plan = apr_pcalloc(p, sizeof(*plan));
    const char *wrong = NULL;
    int i, is_free;

    if (words < 1) {
        return "takes the name of a plan, its prices, features=, limit.NAME=, seats";
    }
    plan->name = word[0];
    plan->rank = plans->list->nelts;
    plan->prices = apr_array_make(p, 2, sizeof(const char *));
    plan->limits = apr_array_make(p, 4, sizeof(saas_plan_limit_t));
    is_free = !strcmp(plan->name, SAAS_PLAN_FREE);
    if ((wrong = saas_plan_check_name(p, plan->name))) {
        return wrong;
    }
    if (saas_plans_find(plans, plan->name)) {
        return apr_psprintf(p, "there is a plan %s already", plan->name);
    }
    for (i = 1; i < words && !wrong; i++) {
        if (!strcmp(word[i], "seats")) {
            plan->seats = 1;
        }
        else if (!strncmp(word[i], FEATURES_PREFIX, sizeof(FEATURES_PREFIX) - 1)) {
            wrong = read_features(p, word[i] + sizeof(FEATURES_PREFIX) - 1, plan);
        }
        else if (!strncmp(word[i], LIMIT_PREFIX, sizeof(LIMIT_PREFIX) - 1)) {
            wrong = read_limit(p, word[i] + sizeof(LIMIT_PREFIX) - 1, plan);
        }
        else {
            wrong = read_price(p, plans, word[i], plan);
        }
    }
    if (!wrong && is_free && (plan->prices->nelts || plan->seats)) {
        wrong = "the plan free has no price and no seats";
    }
    if (!wrong && !is_free && !plan->prices->nelts) {
        wrong = apr_psprintf(p, "the plan %s has no price; only the plan free needs none", plan->name);
    }
    if (wrong) {
        return wrong;
    }
    if (is_free && !plan->features) {
        plan->features = apr_array_make(p, 1, sizeof(const char *));
    }
    APR_ARRAY_PUSH(plans->list, saas_plan_t *) = plan;
    return NULL;
}

/* -------------------------------------------------------------- finding -- */

const saas_plan_t *saas_plans_find(const saas_plans_t *plans, const char *name)
{
    int i;
    for (i = 0; i < plans->list->nelts && strcmp(at(plans, i)->name, name); i++) {
    }
    return i < plans->list->nelts ? at(plans, i) : NULL;
}

const saas_plan_t *saas_plans_of_price(const saas_plans_t *plans, const char *price)
{
    int i;
    for (i = 0; i < plans->list->nelts && !is_in(at(plans, i)->prices, price); i++) {
    }
    return i < plans->list->nelts ? at(plans, i) : NULL;
}

const saas_plan_t *saas_plans_of(const saas_plans_t *plans, int has_access, const char *price)
{
    const saas_plan_t *plan = NULL;
    int i;

    if (has_access && price) {
        plan = saas_plans_of_price(plans, price);
    }
    else if (has_access) {
        for (i = 0; i < plans->list->nelts && !plan; i++) {
            plan = at(plans, i)->prices->nelts ? at(plans, i) : NULL;
        }
    }
    return plan ? plan : saas_plans_find(plans, SAAS_PLAN_FREE);
}

int saas_plan_has(const saas_plan_t *plan, const char *feature)
{
    return plan && (!plan->features || is_in(plan->features, feature));
}

apr_array_header_t *saas_plans_with(apr_pool_t *p, const saas_plans_t *plans, const char *feature)
{
    apr_array_header_t *names = apr_array_make(p, 4, sizeof(const char *));
    int i;
    for (i = 0; i < plans->list->nelts; i++) {
        if (saas_plan_has(at(plans, i), feature)) {
            APR_ARRAY_PUSH(names, const char *) = at(plans, i)->name;
        }
    }
    return names;
}

const saas_plan_limit_t *saas_plan_limit(const saas_plan_t *plan, const char *name)
{
    int i;
    for (i = 0; plan && i < plan->limits->nelts; i++) {
        const saas_plan_limit_t *limit = &APR_ARRAY_IDX(plan->limits, i, saas_plan_limit_t);
        if (!strcmp(limit->name, name)) {
            return limit;
        }
    }
    return NULL;
}

/* --------------------------------------------------------------- limits -- */

const saas_plan_limit_t *saas_plans_limit(const saas_plans_t *plans, const saas_plan_t *plan, const char *name)
{
    const saas_plan_limit_t *limit = saas_plan_limit(plan, name);
    int i;
    for (i = 0; !plan && !limit && i < plans->list->nelts; i++) {
        limit = saas_plan_limit(at(plans, i), name);
    }
    return limit;
}

int saas_plans_count_by(const saas_plans_t *plans, const char *name, saas_per_e per)
{
    const saas_plan_limit_t *limit;
    int i;
    for (i = 0; i < plans->list->nelts; i++) {
        if ((limit = saas_plan_limit(at(plans, i), name)) && limit->per == per) {
            return 1;
        }
    }
    return 0;
}

const char *saas_per_text(saas_per_e per)
{
    size_t i;
    for (i = 0; i < sizeof(periods) / sizeof(*periods); i++) {
        if (periods[i].per == per) {
            return periods[i].word;
        }
    }
    return NULL;
}

apr_time_t saas_per_next(saas_per_e per, apr_time_t t)
{
    apr_time_exp_t when;
    apr_time_t next;

    if (per == SAAS_PER_ALL || apr_time_exp_gmt(&when, t) != APR_SUCCESS) {
        return 0;
    }
    when.tm_usec = when.tm_sec = when.tm_min = when.tm_hour = 0;
    if (per == SAAS_PER_MONTH) {
        when.tm_mday = 1;
        when.tm_year += when.tm_mon == 11;
        when.tm_mon = (when.tm_mon + 1) % 12;
    }
    if (apr_time_exp_gmt_get(&next, &when) != APR_SUCCESS) {
        return 0;
    }
    return per == SAAS_PER_DAY ? next + apr_time_from_sec(24 * 60 * 60) : next;
}
