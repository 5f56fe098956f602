#ifndef SAAS_CORE_PLAN_H
#define SAAS_CORE_PLAN_H

/*
 * Plans: what an organization may do for what it pays.  A plan is a line of SaasPlan; their order is their rank.  Pure:
 * no clock, no request, no database.
 *
 * An organization has one plan: that of its subscription's price while it has access, else the free one.  Who has access
 * by a price that no plan names, has the free one too; whose price is not known yet (a paid checkout, before the
 * subscription's own event), the least of those that are sold.  Without any plan an active subscription has everything,
 * and nothing is limited.
 */

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

/** What a limit is counted over. */
typedef enum { SAAS_PER_ALL = 0, SAAS_PER_DAY, SAAS_PER_MONTH } saas_per_e;

/** The largest limit that can be written. */
#define SAAS_PLAN_LIMIT_MOST APR_INT64_C(1000000000000000000)
/** The plan of whoever has no other. */
#define SAAS_PLAN_FREE "free"

typedef struct saas_plan_limit_t {
    const char *name;
    apr_int64_t most; /**< 0: none at all */
    saas_per_e per;
} saas_plan_limit_t;

typedef struct saas_plan_t {
    const char *name;
    int rank;                     /**< from 0 on; the later line is the higher plan */
    int seats;                    /**< it is paid for each member */
    apr_array_header_t *prices;   /**< const char * */
    apr_array_header_t *features; /**< const char *; NULL: all of them */
    apr_array_header_t *limits;   /**< saas_plan_limit_t */
} saas_plan_t;

/** All plans, saas_plan_t *, in the order of their rank; empty: there are none. */
typedef struct saas_plans_t {
    apr_array_header_t *list;
} saas_plans_t;

void saas_plans_begin(apr_pool_t *p, saas_plans_t *plans);

/** Adds a plan from the words of its line: name, then prices, "features=a,b", "limit.members=25", "limit.audits=100/month",
 *  "seats", in any order.  A plan without features= has all of them, but for the free one, which has none.  NULL, or what
 *  is wrong. */
const char *saas_plans_add(apr_pool_t *p, saas_plans_t *plans, int words, const char *const *word);

/** The plan of an organization; NULL: there are no plans, or it has none (no access, and no free plan). */
const saas_plan_t *saas_plans_of(const saas_plans_t *plans, int has_access, const char *price);
const saas_plan_t *saas_plans_find(const saas_plans_t *plans, const char *name);
/** The plan that a price belongs to, or NULL. */
const saas_plan_t *saas_plans_of_price(const saas_plans_t *plans, const char *price);

int saas_plan_has(const saas_plan_t *plan, const char *feature);
/** Names of the plans that have a feature, const char *, in the order of their rank. */
apr_array_header_t *saas_plans_with(apr_pool_t *p, const saas_plans_t *plans, const char *feature);
/** A plan's limit, or NULL: there is none of this name. */
const saas_plan_limit_t *saas_plan_limit(const saas_plan_t *plan, const char *name);

/** The limit of an organization that has this plan, or NULL: none.  Who has no plan (NULL) where there are some has those of
 *  the lowest plan that names them: never more than somebody who pays. */
const saas_plan_limit_t *saas_plans_limit(const saas_plans_t *plans, const saas_plan_t *plan, const char *name);
/** Is there a plan that counts this limit by day, or by month? */
int saas_plans_count_by(const saas_plans_t *plans, const char *name, saas_per_e per);

/** "day", "month", or NULL for what is not counted over time. */
const char *saas_per_text(saas_per_e per);
/** When the day or month that t is in ends, in UTC: the first moment of the next one.  0 for what is not counted over time. */
apr_time_t saas_per_next(saas_per_e per, apr_time_t t);

/** NULL, or why it can be no name of a plan, feature or limit: [a-z] and up to 63 more of [a-z0-9_.-]. */
const char *saas_plan_check_name(apr_pool_t *p, const char *name);

#endif
