/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What of a plan's limits an organization uses.  Plugins declare what can be limited, SaasPlan says how much, and the
 * database decides, in the transaction that writes: the table usage has a constraint that refuses a row with more in it
 * than there may be.  Everything that is sent for this is queued behind what is written anyway, so that a limit costs no
 * round trip.  A limit is never decided by what was read before.
 *
 * - What is counted over time has a row for each day and month, in UTC and by the database's clock, to which is added.
 *   Months are counted also where no plan limits them: a plan that begins to, or is changed to, finds what was used.
 *   Days are while a plan counts by them.
 * - What is held has one row.  The first statement locks it, the second sets it to what is there.  They are two because
 *   each sees what was committed before it began: the second one all that those have written who had the lock before.
 * - What is bounded for each request needs no row.
 */
#include "api.h"
#include "core/plan.h"
#include "core/timefmt.h"
#include "db/db.h"

#include <apr_strings.h>

/* Lengths of the texts of a month and a day in the column period. */
#define MONTH_LEN "7"
#define DAY_LEN "10"
#define DAY_PGSQL "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
#define DAY_SQLITE "substr(now(), 1, " DAY_LEN ")"

#define LOCK_TEXT \
    "INSERT INTO usage (org_id, name, period, used, most) VALUES ($1, $2, 'all', 0, NULL)" \
    " ON CONFLICT (org_id, name, period) DO UPDATE SET most = NULL"
/* $3 is the length of the period's text, $4 what is taken, $5 the limit. */
#define COUNT_TEXT(day) \
    "INSERT INTO usage (org_id, name, period, used, most)" \
    " VALUES ($1, $2, substr(" day ", 1, CAST($3 AS integer)), CAST($4 AS bigint), CAST($5 AS bigint))" \
    " ON CONFLICT (org_id, name, period) DO UPDATE SET used = usage.used + excluded.used, most = excluded.most"
/* Nobody asks for days that are over. */
#define FORGET_TEXT(day) \
    "DELETE FROM usage WHERE org_id = $1 AND name = $2 AND period < " day " AND length(period) = " DAY_LEN

enum { LOCK, COUNT, FORGET };
static saas_statement_t statements[] = {
    [LOCK] = { .name = "usage_lock", .scope = SAAS_TENANT, .sql = LOCK_TEXT },
    [COUNT] = { .name = "usage_count", .scope = SAAS_TENANT, .sql = COUNT_TEXT(DAY_PGSQL), .sqlite = COUNT_TEXT(DAY_SQLITE) },
    [FORGET] = { .name = "usage_forget", .scope = SAAS_TENANT, .sql = FORGET_TEXT(DAY_PGSQL), .sqlite = FORGET_TEXT(DAY_SQLITE) },
    { 0 }
};

/* A limit that a plugin has declared. */
typedef struct {
    const saas_limit_t *limit;
    const char *owner;
    saas_statement_t *held, *promised; /* set the row to what is there, and to that and what is promised */
} declared_t;
static apr_array_header_t *declared;
/* Now, and two columns of each limit: held and promised, or of today and of this month. */
static saas_statement_t *look;

/* What a request takes, for the answer if it is refused. */
typedef struct {
    const declared_t *what;
    const char *org_id;
    apr_int64_t most, n;
    saas_per_e per;
    int promised;
} taken_t;

static declared_t *at(int i)
{
    return &APR_ARRAY_IDX(declared, i, declared_t);
}

static declared_t *find(const char *name)
{
    int i;
    for (i = 0; i < declared->nelts; i++) {
        if (!strcmp(at(i)->limit->name, name)) {
            return at(i);
        }
    }
    return NULL;
}

/* ---------------------------------------------------------- declaration -- */

void saas_limits_begin(apr_pool_t *p)
{
    declared = apr_array_make(p, 8, sizeof(declared_t));
}

const char *saas_limits_add(apr_pool_t *p, const char *owner, const saas_limit_t *list)
{
    const saas_limit_t *limit;
    for (limit = list; limit && limit->name; limit++) {
        const char *wrong = saas_plan_check_name(p, limit->name);
        if (wrong) {
            return apr_psprintf(p, "%s: limit %s", owner, wrong);
        }
        if (find(limit->name)) {
            return apr_psprintf(p, "%s: the limit %s is %s's already", owner, limit->name, find(limit->name)->owner);
        }
        if (limit->kind < SAAS_LIMIT_HELD || limit->kind > SAAS_LIMIT_EACH
            || (limit->kind == SAAS_LIMIT_HELD) != (limit->held != NULL) || (limit->promised && !limit->held)) {
            return apr_psprintf(p, "%s: the limit %s has no kind, or no text that counts what is held where it needs one",
                                owner, limit->name);
        }
        *(declared_t *)apr_array_push(declared) = (declared_t){ .limit = limit, .owner = owner };
    }
    return NULL;
}

/* The statement that sets the row of what is held. */
static void compose_held(apr_pool_t *p, saas_statement_t *to, const saas_limit_t *limit, int i, int promised)
{
    *to = (saas_statement_t){
        .name = apr_psprintf(p, "usage_%s_%d", promised ? "promised" : "held", i),
        .scope = SAAS_TENANT,
        .sql = apr_psprintf(p, "UPDATE usage SET used = (%s)%s%s%s, most = CAST($2 AS bigint)"
                            " WHERE org_id = $1 AND name = '%s' AND period = 'all'", limit->held, promised ? " + (" : "",
                            promised ? limit->promised : "", promised ? ")" : "", limit->name),
    };
}

/* A column of what is used of a limit. */
static const char *column(apr_pool_t *p, const saas_limit_t *limit, int second, const char *day)
{
    const char *text = second ? limit->promised : limit->held;
    if (limit->kind == SAAS_LIMIT_COUNTED) {
        return apr_psprintf(p, ", (SELECT u.used FROM usage u WHERE u.org_id = $1 AND u.name = '%s' AND u.period ="
                            " substr(%s, 1, %s))", limit->name, day, second ? MONTH_LEN : DAY_LEN);
    }
    return text ? apr_pstrcat(p, ", (", text, ")", NULL) : ", 0";
}

static const char *compose_look(apr_pool_t *p, const char *day)
{
    const char *text = "SELECT now()";
    int i;
    for (i = 0; i < declared->nelts; i++) {
        text = apr_pstrcat(p, text, column(p, at(i)->limit, 0, day), column(p, at(i)->limit, 1, day), NULL);
    }
    return apr_pstrcat(p, text, " FROM organizations WHERE id = $1", NULL);
}

const char *saas_limits_prepare(apr_pool_t *p)
{
    saas_statement_t *composed = apr_pcalloc(p, sizeof(*composed) * ((apr_size_t)declared->nelts * 2 + 2)), *to = composed;
    const char *err = saas_statements_register(p, "mod_saas", statements);
    int i;

    look = to++;
    *look = (saas_statement_t){ .name = "usage_look", .scope = SAAS_TENANT, .sql = compose_look(p, DAY_PGSQL),
                                .sqlite = compose_look(p, DAY_SQLITE) };
    for (i = 0; i < declared->nelts; i++) {
        const saas_limit_t *limit = at(i)->limit;
        if (limit->held) {
            compose_held(p, at(i)->held = to++, limit, i, 0);
        }
        if (limit->promised) {
            compose_held(p, at(i)->promised = to++, limit, i, 1);
        }
    }
    return err ? err : saas_statements_register(p, "mod_saas", composed);
}

static const char *declared_names(apr_pool_t *p)
{
    const char *names = "";
    int i;
    for (i = 0; i < declared->nelts; i++) {
        names = apr_pstrcat(p, names, i ? ", " : "", at(i)->limit->name, NULL);
    }
    return *names ? names : "none";
}

static const char *check_limit(apr_pool_t *p, const saas_plan_t *plan, const saas_plan_limit_t *limit)
{
    const declared_t *found = find(limit->name);
    if (!found) {
        return apr_psprintf(p, "SaasPlan %s: no loaded plugin knows limit.%s; there are: %s", plan->name, limit->name,
                            declared_names(p));
    }
    if (found->limit->kind == SAAS_LIMIT_COUNTED && limit->per == SAAS_PER_ALL) {
        return apr_psprintf(p, "SaasPlan %s: limit.%s is counted over time: write /day or /month behind the number",
                            plan->name, limit->name);
    }
    if (found->limit->kind != SAAS_LIMIT_COUNTED && limit->per != SAAS_PER_ALL) {
        return apr_psprintf(p, "SaasPlan %s: limit.%s is not counted over time: leave out /%s", plan->name, limit->name,
                            saas_per_text(limit->per));
    }
    return NULL;
}

const char *saas_limits_check(apr_pool_t *p)
{
    const apr_array_header_t *plans = saas_config_plans()->list;
    const char *wrong = NULL;
    int i, j;
    for (i = 0; i < plans->nelts && !wrong; i++) {
        const saas_plan_t *plan = APR_ARRAY_IDX(plans, i, const saas_plan_t *);
        for (j = 0; j < plan->limits->nelts && !wrong; j++) {
            wrong = check_limit(p, plan, &APR_ARRAY_IDX(plan->limits, j, saas_plan_limit_t));
        }
    }
    return wrong;
}

/* --------------------------------------------------------------- taking -- */

/* Kept once for each limit, however often the transaction is tried. */
static void note(saas_request_t *rq, const taken_t *taken)
{
    saas_call_t *call = (saas_call_t *)rq;
    taken_t *entry;
    int i;

    if (!call) {
        return;
    }
    if (!call->taken) {
        call->taken = apr_array_make(rq->pool, 2, sizeof(taken_t));
    }
    for (i = 0; i < call->taken->nelts && APR_ARRAY_IDX(call->taken, i, taken_t).what != taken->what; i++) {
    }
    entry = i < call->taken->nelts ? &APR_ARRAY_IDX(call->taken, i, taken_t) : apr_array_push(call->taken);
    *entry = *taken;
    entry->org_id = taken->org_id ? apr_pstrdup(rq->pool, taken->org_id) : NULL;
}

static const char *number(char *to, apr_size_t size, apr_int64_t n)
{
    apr_snprintf(to, size, "%" APR_INT64_T_FMT, n);
    return to;
}

/* Days first, always: who takes at the same time waits here, and for nothing that we wait for. */
static apr_status_t take_counted(saas_db_t *db, const char *name, const saas_plan_limit_t *limit, apr_int64_t n)
{
    char taken[24], most[24];
    saas_per_e per = limit ? limit->per : SAAS_PER_ALL;
    apr_status_t rv = APR_SUCCESS;

    number(taken, sizeof(taken), n);
    number(most, sizeof(most), limit ? limit->most : 0);
    if (saas_plans_count_by(saas_config_plans(), name, SAAS_PER_DAY)
        && (rv = saas_db_queue_impl(db, &statements[COUNT], SAAS_ARGS(name, DAY_LEN, taken, per == SAAS_PER_DAY ? most : NULL)))
               == APR_SUCCESS) {
        rv = saas_db_queue_impl(db, &statements[FORGET], SAAS_ARGS(name));
    }
    return rv == APR_SUCCESS
               ? saas_db_queue_impl(db, &statements[COUNT],
                                    SAAS_ARGS(name, MONTH_LEN, taken, per == SAAS_PER_MONTH ? most : NULL))
               : rv;
}

static apr_status_t take_held(saas_db_t *db, const declared_t *what, const saas_plan_limit_t *limit, int promised)
{
    char most[24];
    apr_status_t rv;

    if (!limit) {
        return APR_SUCCESS;
    }
    rv = saas_db_queue_impl(db, &statements[LOCK], SAAS_ARGS(what->limit->name));
    return rv == APR_SUCCESS ? saas_db_queue_impl(db, promised && what->promised ? what->promised : what->held,
                                                  SAAS_ARGS(number(most, sizeof(most), limit->most)))
                             : rv;
}

apr_status_t saas_limit_take_impl(saas_request_t *rq, saas_db_t *db, const saas_standing_t *standing, const char *name,
                                  apr_int64_t n, int promised)
{
    const declared_t *what = find(name);
    const saas_plan_t *plan = saas_plans_of(saas_config_plans(), standing->has_access, standing->price);
    const saas_plan_limit_t *limit = saas_plans_limit(saas_config_plans(), plan, name);

    if (!what || !n) {
        return APR_SUCCESS;
    }
    if (n < 0 || n > SAAS_PLAN_LIMIT_MOST) {
        return APR_EINVAL;
    }
    if (limit) {
        const taken_t taken = { what, db ? saas_db_organization(db) : NULL, limit->most, n, limit->per, promised };
        note(rq, &taken);
    }
    switch (what->limit->kind) {
    case SAAS_LIMIT_COUNTED:
        return take_counted(db, name, limit, n);
    case SAAS_LIMIT_HELD:
        return take_held(db, what, limit, promised);
    case SAAS_LIMIT_EACH:
        break;
    }
    return limit && n > limit->most ? SAAS_ELIMIT : APR_SUCCESS;
}

/* -------------------------------------------------------------- telling -- */

static apr_status_t look_up(saas_request_t *rq, const char *org_id, saas_rows_t **rows)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open_impl(&db, rq->pool, rq->r->server, org_id);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query_impl(db, look, rows, SAAS_NO_ARGS);
        saas_db_close_impl(db);
    }
    return rv;
}

/* What is used of a limit, in a row of what was looked up. */
static apr_int64_t used(const saas_rows_t *rows, const declared_t *what, saas_per_e per, int promised)
{
    int first = 1 + 2 * (int)(what - at(0));
    if (what->limit->kind == SAAS_LIMIT_COUNTED) {
        return saas_cell_int(rows, 0, per == SAAS_PER_DAY ? first : first + 1);
    }
    return saas_cell_int(rows, 0, first) + (promised ? saas_cell_int(rows, 0, first + 1) : 0);
}

static json_t *resets_at(apr_pool_t *p, const saas_rows_t *rows, saas_per_e per)
{
    apr_time_t now, next;
    char *text = apr_palloc(p, SAAS_TIME_ISO_SIZE);

    return per != SAAS_PER_ALL && saas_cell(rows, 0, 0) && saas_time_parse(saas_cell(rows, 0, 0), &now) == APR_SUCCESS
                   && (next = saas_per_next(per, now)) && saas_time_iso(text, next) == APR_SUCCESS
               ? json_string(text) : json_null();
}

static int reply(saas_request_t *rq, const taken_t *taken, const saas_rows_t *rows)
{
    const saas_limit_t *limit = taken->what->limit;
    const char *per = saas_per_text(taken->per);
    int each = limit->kind == SAAS_LIMIT_EACH;

    SAAS_RLOG(rq->r, APLOG_INFO, 0, "SAAS1405",
              "organization %s: the limit %s of its plan, %" APR_INT64_T_FMT "%s%s, refuses %s %s; a higher plan allows more",
              taken->org_id ? taken->org_id : rq->who->org_id ? rq->who->org_id : "(none)", limit->name, taken->most,
              per ? " a " : "", per ? per : "", rq->r->method, rq->route ? rq->route->path : rq->r->uri);
    return saas_reply_json_impl(
        rq, HTTP_FORBIDDEN,
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "detail",
                  apr_psprintf(rq->pool, "The plan allows no more: its limit of %s%s%s is %" APR_INT64_T_FMT ".", limit->name,
                               per ? " a " : "", per ? per : "", taken->most),
                  "code", "limit_reached", "name", limit->name, "limit", (json_int_t)taken->most, "used",
                  (json_int_t)(each ? taken->n : used(rows, taken->what, taken->per, taken->promised)), "resets_at",
                  resets_at(rq->pool, rows, taken->per)));
}

/* The first that refuses still; if none does any more, the last one that was asked. */
int saas_limits_reply(saas_request_t *rq)
{
    const apr_array_header_t *all = ((saas_call_t *)rq)->taken;
    static const saas_rows_t nothing;
    const taken_t *last = NULL;
    saas_rows_t *rows = NULL;
    int i;

    for (i = 0; all && i < all->nelts; i++) {
        const taken_t *taken = &APR_ARRAY_IDX(all, i, taken_t);
        if (taken->what->limit->kind == SAAS_LIMIT_EACH) {
            if (taken->n > taken->most) {
                return reply(rq, taken, &nothing);
            }
            continue;
        }
        last = taken;
        if (!rows && look_up(rq, taken->org_id, &rows) != APR_SUCCESS) {
            return saas_reply_verdict_impl(rq, SAAS_UNAVAILABLE);
        }
        if (used(rows, taken->what, taken->per, taken->promised) > taken->most - taken->n) {
            break;
        }
    }
    return last ? reply(rq, last, rows)
                : saas_reply_error_impl(rq, HTTP_FORBIDDEN, "limit_reached", "The plan allows no more.");
}

apr_status_t saas_limits_usage_impl(saas_request_t *rq, json_t **usage)
{
    const saas_plan_t *plan = saas_plans_of(saas_config_plans(), rq->who->has_active_subscription, rq->who->price);
    json_t *list = json_array();
    saas_rows_t *rows;
    apr_status_t rv = look_up(rq, rq->who->org_id, &rows);
    int i;

    if (rv != APR_SUCCESS) {
        json_decref(list);
        return rv;
    }
    for (i = 0; i < declared->nelts; i++) {
        const saas_limit_t *what = at(i)->limit;
        const saas_plan_limit_t *limit = saas_plans_limit(saas_config_plans(), plan, what->name);
        saas_per_e per = limit ? limit->per : what->kind == SAAS_LIMIT_COUNTED ? SAAS_PER_MONTH : SAAS_PER_ALL;
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s?, s:o}", "name", what->name, "limit",
                                              limit ? json_integer((json_int_t)limit->most) : json_null(), "used",
                                              what->kind == SAAS_LIMIT_EACH
                                                  ? json_null() : json_integer((json_int_t)used(rows, at(i), per, 0)),
                                              "per", saas_per_text(per), "resets_at", resets_at(rq->pool, rows, per)));
    }
    *usage = json_pack("{s:s?, s:o}", "plan", plan ? plan->name : NULL, "limits", list);
    return *usage ? APR_SUCCESS : APR_ENOMEM;
}
