/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file mod_saas.h
 * The only header a mod_saas plugin needs.
 *
 * A plugin is an ordinary httpd module.  In its register_hooks function it
 * calls saas_plugin_register() with one declarative table: statements, routes,
 * gates, jobs.  The host (mod_saas.so) finds the table through httpd's provider
 * registry, checks its version, mounts the routes and hands out its services;
 * the inline functions below are the whole of them.  LoadModule order is free.
 *
 * Conventions, unless a function says otherwise: strings are UTF-8 and
 * NUL-terminated; results live in the pool given, or in rq->pool; functions
 * that can fail return apr_status_t, and "not found" is never an error status.
 */
#ifndef MOD_SAAS_H
#define MOD_SAAS_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_expr.h>
#include <ap_provider.h>
#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_network_io.h>
#include <apr_optional.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <apr_uri.h>
#include <jansson.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- version -- */

/** Provider group of plugins. */
#define SAAS_PLUGIN_GROUP "saas-plugin"
/** Provider group of audit engines. */
#define SAAS_ENGINE_GROUP "saas-audit-engine"
/** Layout version of everything in this header.  A plugin built for another
 *  one is refused at configtest and has to be rebuilt. */
#define SAAS_PLUGIN_ABI "1"
/** Grows when a member is appended to a table; an older plugin keeps working. */
#define SAAS_PLUGIN_MINOR 6

typedef struct saas_request_t saas_request_t;
typedef struct saas_db_t saas_db_t;
typedef struct saas_job_t saas_job_t;
typedef struct saas_stream_t saas_stream_t;

/* ----------------------------------------------------------- principal -- */

/** Roles in an organization; a larger value may do all that a smaller may. */
typedef enum {
    SAAS_ROLE_NONE = 0,
    SAAS_ROLE_VIEWER = 1,
    SAAS_ROLE_MEMBER = 2,
    SAAS_ROLE_ADMIN = 3
} saas_role_e;

/** How the caller proved who they are. */
typedef enum {
    SAAS_BY_NOTHING = 0,
    SAAS_BY_TOKEN,    /**< Authorization: Bearer saas_… */
    SAAS_BY_SESSION,  /**< session cookie */
    SAAS_BY_SERVER    /**< another httpd module authenticated the user */
} saas_credential_e;

/** Who calls, for which organization, in which role, on which subscription.
 *  Read-only, loaded once a request. */
typedef struct saas_principal_t {
    saas_credential_e by;
    const char *credential_id;  /**< id of the token or session; NULL for others */
    const char *user_id;        /**< NULL: nobody */
    const char *email;
    const char *name;
    const char *org_id;         /**< NULL: no organization chosen, or not a member */
    const char *org_slug;
    const char *org_name;
    saas_role_e role;           /**< in org_id, already capped by the token's role */
    const char *subscription;   /**< free, active, expired or canceled */
    int has_active_subscription;
    apr_time_t subscription_ends_at; /**< 0: open-ended */
    int email_verified;         /**< since minor 3: the address has been proven to be theirs */
    const char *price;          /**< since minor 4: of the subscription that gives access; NULL: none, or not known */
    const char *entitled;       /**< since minor 4: Stripe's lookup keys, a blank on both sides of each; NULL: none */
    int in_trial;               /**< since minor 4: the access is a trial's, ours or Stripe's */
} saas_principal_t;

/** Text of a role ("ADMIN"), and back; an unknown text is SAAS_ROLE_NONE. */
static inline const char *saas_role_text(saas_role_e role)
{
    static const char *const text[] = { "", "VIEWER", "MEMBER", "ADMIN" };
    return text[role];
}

static inline saas_role_e saas_role_parse(const char *text)
{
    saas_role_e role;
    for (role = SAAS_ROLE_ADMIN; text && role > SAAS_ROLE_NONE; role--) {
        if (!strcmp(text, saas_role_text(role))) {
            return role;
        }
    }
    return SAAS_ROLE_NONE;
}

/* --------------------------------------------------------------- gates -- */

/** What a gate says, in the order of refusal: when several gates of a request
 *  refuse, the smallest value is what the client is told. */
typedef enum {
    SAAS_GRANTED = 0,
    SAAS_UNAVAILABLE,         /**< could not be decided: 503 */
    SAAS_NO_USER,             /**< 401 */
    SAAS_CHOOSE_ORGANIZATION, /**< member of several, none chosen: 400 */
    SAAS_OUTSIDER,            /**< 404, as if the object did not exist */
    SAAS_WRONG_ROLE,          /**< 403 permission_denied */
    SAAS_NO_SUBSCRIPTION,     /**< 403 subscription_required */
    SAAS_UNVERIFIED,          /**< since minor 3: 403 email_not_verified */
    SAAS_NO_FEATURE,          /**< since minor 4: 403 feature_required */
    SAAS_NO_PLAN              /**< since minor 4: 403 plan_required */
} saas_verdict_e;

/** A gate: usable in route tables and, as "Require saas-<name> args…", in
 *  httpd.conf. */
typedef struct saas_gate_t {
    const char *name;  /**< without the "saas-" prefix */
    /** Checks one argument at configtest: NULL, or what is wrong with it. */
    const char *(*check_arg)(apr_pool_t *p, const char *arg);
    /** Fewest and most arguments; most < 0: any number. */
    int min_args, max_args;
    /** Decides; called only with a user present (who->user_id != NULL). */
    saas_verdict_e (*decide)(const saas_principal_t *who, int argc, const char *const *argv);
} saas_gate_t;

/** Gates of the host, as route tables name them: the text is exactly what
 *  follows Require in httpd.conf. */
#define saas_is_user "saas-user"
#define saas_is_account "saas-account"   /* proven or not: see SaasVerifyEmail */
#define saas_is_verified "saas-verified"
#define saas_is_member "saas-member"
#define saas_may_write "saas-role MEMBER ADMIN"
#define saas_is_admin "saas-role ADMIN"
#define saas_has_active_subscription "saas-subscription active"
#define saas_has_feature(name) "saas-feature " name /* since minor 4; without any SaasPlan as the line above */
#define saas_in_trial "saas-trial"       /* since minor 4 */
/** A route's gates, all of which must grant. */
#define SAAS_GATES(...) .gates = { __VA_ARGS__ }
#define SAAS_GATES_MAX 4

/* ------------------------------------------------------------ database -- */

/** Whose rows a statement may touch. */
typedef enum {
    SAAS_TENANT = 1, /**< one organization's: $1 is bound by the gateway, and on
                          PostgreSQL row-level security confines the statement */
    SAAS_SYSTEM      /**< across organizations: log-in, job queue, webhooks */
} saas_scope_e;

/**
 * One SQL statement.  Parameters are $1, $2, …; in a SAAS_TENANT statement $1
 * is the organization and is bound by the gateway: the caller's arguments begin
 * at $2.  One text serves both databases: for SQLite the gateway drops casts
 * (::uuid) and row locks (FOR UPDATE …) and provides now() and
 * saas_now_plus(seconds); `sqlite` is a text of its own where that is not
 * enough.  Parameters are sent as text, the server infers their types.
 */
typedef struct saas_statement_t {
    const char *name;   /**< unique in the plugin: [a-z0-9_]+ */
    saas_scope_e scope;
    const char *sql;
    const char *sqlite; /**< NULL: the same as sql */
    int number;         /**< set by the host */
} saas_statement_t;

/** What a database call may return besides APR_SUCCESS. */
#define SAAS_EUNIQUE (APR_OS_START_USERERR + 4201)        /**< a unique constraint refused the row */
#define SAAS_ESERIALIZATION (APR_OS_START_USERERR + 4202) /**< roll back and try the transaction again */
#define SAAS_EUNAVAILABLE (APR_OS_START_USERERR + 4203)   /**< no connection, pool exhausted, deadline: 503 */
#define SAAS_EDATABASE (APR_OS_START_USERERR + 4204)      /**< any other refusal of the database; logged */
#define SAAS_ELIMIT (APR_OS_START_USERERR + 4205)         /**< since minor 4: the organization's plan allows no more */

/** A result: count rows of columns cells; NULL cells are SQL NULL. */
typedef struct saas_rows_t {
    int count;
    int columns;
    apr_int64_t affected;      /**< rows changed by INSERT, UPDATE, DELETE */
    const char *const *cells;  /**< row by row */
} saas_rows_t;

/** A cell; NULL for SQL NULL and for what lies outside the result. */
static inline const char *saas_cell(const saas_rows_t *rows, int row, int column)
{
    return row < rows->count && column < rows->columns ? rows->cells[row * rows->columns + column] : NULL;
}

/** A cell as an integer; 0 for NULL. */
static inline apr_int64_t saas_cell_int(const saas_rows_t *rows, int row, int column)
{
    const char *text = saas_cell(rows, row, column);
    return text ? apr_atoi64(text) : 0;
}

/** A cell as a truth value ("t" of PostgreSQL, "1" of SQLite). */
static inline int saas_cell_bool(const saas_rows_t *rows, int row, int column)
{
    const char *text = saas_cell(rows, row, column);
    return text && (*text == 't' || *text == '1');
}

/** Arguments of a statement: SAAS_ARGS(id, name, NULL). */
#define SAAS_ARGS(...) \
    ((const char *const[]){ __VA_ARGS__ }), \
    ((int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)))
#define SAAS_NO_ARGS ((const char *const *)NULL), 0

typedef enum { SAAS_READ = 1, SAAS_WRITE } saas_transaction_e;

/* -------------------------------------------------------------- routes -- */

typedef enum { SAAS_GET = 1, SAAS_POST, SAAS_PUT, SAAS_PATCH, SAAS_DELETE } saas_method_e;

/** What the host does with a request body before the handler is called. */
typedef enum {
    SAAS_BODY_NONE = 0, /**< none is expected; what comes is discarded */
    SAAS_BODY_JSON,     /**< one JSON object, in rq->body; an empty body is {} */
    SAAS_BODY_RAW,      /**< the bytes, in rq->raw */
    SAAS_BODY_UNREAD    /**< since minor 5: the handler reads it, by saas_request_read(); what it leaves ends the connection */
} saas_body_e;

/** Whether the caller is looked up on a route without gates. */
typedef enum {
    SAAS_IDENTITY_BY_GATES = 0, /**< a route without gates has rq->who of nobody */
    SAAS_IDENTITY_OPTIONAL      /**< rq->who is the caller, if there is a valid credential; the handler decides.
                                     A cookie from another site is refused as behind a gate */
} saas_identity_e;

/** Answers a request; returns what saas_reply_* returned. */
typedef int saas_handler_fn(saas_request_t *rq);

/**
 * A route below a mount point (SaasAPI On).  Path templates have literal
 * segments and parameters in braces and end in '/'.  A parameter that is
 * declared as an object (saas_object_t), or is "org", also chooses the
 * organization: its own.  HEAD, OPTIONS, 405 and the slash redirect are the
 * host's work.
 */
typedef struct saas_route_t {
    saas_method_e method;
    const char *path;
    saas_handler_fn *handler;
    const char *gates[SAAS_GATES_MAX]; /**< none: the route is public */
    const char *denied;  /**< text of the subscription refusal; NULL: the general one */
    saas_body_e body;
    saas_identity_e identity;
} saas_route_t;

/** A path parameter that names a row of a tenant table with columns org_id and
 *  id (both uuid): the row's organization is the one the request acts on. */
typedef struct saas_object_t {
    const char *parameter;
    const char *table;
} saas_object_t;

/** A request to a route. */
struct saas_request_t {
    request_rec *r;
    apr_pool_t *pool;               /**< r->pool */
    const saas_route_t *route;
    const saas_principal_t *who;    /**< never NULL; who->user_id is NULL for nobody */
    json_t *body;                   /**< SAAS_BODY_JSON: borrowed, lives as long as the request */
    const char *raw;                /**< SAAS_BODY_RAW: raw_len bytes and a NUL */
    apr_size_t raw_len;
    json_t *errors;                 /**< field errors collected so far, or NULL */
};

/** How a field of a JSON body is read. */
#define SAAS_FIELD_REQUIRED 1u  /**< absent: "This field is required." */
#define SAAS_FIELD_NULLABLE 2u  /**< null is as absent */
#define SAAS_FIELD_BLANK 4u     /**< may be empty */
#define SAAS_FIELD_RAW 8u       /**< not trimmed, control characters allowed: passwords, tokens */

/** One page of a list, from ?page= and ?page_size=. */
typedef struct saas_page_t {
    int page;        /**< from 1 */
    int size;
    const char *limit;   /**< both as text, to bind */
    const char *offset;
} saas_page_t;

/** How a member of a row's JSON object is written. */
typedef enum {
    SAAS_JSON_TEXT = 1,       /**< a string; NULL is null */
    SAAS_JSON_INTEGER,        /**< NULL is null */
    SAAS_JSON_BOOL,           /**< as saas_cell_bool() reads it: NULL is false */
    SAAS_JSON_TIME,           /**< in the API's form; NULL is null */
    SAAS_JSON_RAW,            /**< JSON that is stored as such (jsonb, text) */
    SAAS_JSON_OBJECT,         /**< begins an object of the members behind it, up to SAAS_JSON_END */
    SAAS_JSON_OBJECT_OR_NULL, /**< the same, but null when the cell is NULL */
    SAAS_JSON_END
} saas_json_kind_e;

/** Since minor 2.  A member of the objects in a list, in the order of the reply;
 *  tables of them end with an all-zero element. */
typedef struct saas_json_member_t {
    const char *key;
    saas_json_kind_e kind;
    int column;
    /** SAAS_JSON_RAW: JSON text in place of NULL, of an empty object or array,
     *  and of what is no JSON.  NULL: null, and what is empty stays. */
    const char *otherwise;
    /** Gives the text of the cell where it is no column's; NULL: column. */
    const char *(*cell)(saas_request_t *rq, const saas_rows_t *rows, int row);
} saas_json_member_t;

/** An entry of an organization's activity trail. */
typedef struct saas_activity_t {
    const char *action;       /**< "member.role_changed": <object>.<past participle> */
    const char *target_type;
    const char *target_id;
    const char *target_label; /**< what a person calls it, at that time; may be NULL */
    json_t *old_value;        /**< borrowed; may be NULL */
    json_t *new_value;
    const char *actor_type;   /**< NULL: the request's principal; else "system" or "stripe" */
    const char *actor_id;     /**< with actor_type: what acted (event id, job id) */
} saas_activity_t;

/* ------------------------------------------------------------- findings -- */

/** Which findings of an audit a query means; NULL: any.  Whoever lists, exports or decides about findings reads the query
 *  by saas_finding_filter() and asks the database by SAAS_FINDING_FILTER, so that all of them mean the same. */
typedef struct saas_finding_filter_t {
    const char *status;      /**< PASS, FAIL, MANUAL or ERROR */
    const char *severity;    /**< critical, high, medium, low or informational */
    const char *check;       /**< exactly this */
    const char *search;      /**< text in resource, check or comment, letter case ignored, as the query has it */
    const char *pattern;     /**< the same for LIKE */
    const char *resource;    /**< exactly this */
    const char *muted;       /**< "true" or "false" */
} saas_finding_filter_t;

/** Whether a row of triage, as the statement calls it, mutes now: a mute that has ended is none. */
#define SAAS_FINDING_MUTED(t) "(" t "muted AND (" t "muted_until IS NULL OR " t "muted_until > now()))"

/** The condition of a filter on rows of the table evidence, of a statement with the arguments
 *  SAAS_FINDING_FILTER_ARGS() as $3 to $8 ($1 is the organization, $2 the audit).  No index fits it: a statement that is
 *  to find its rows by one says so besides. */
#define SAAS_FINDING_FILTER \
    "(status = $3) IS NOT FALSE AND (severity = $4) IS NOT FALSE AND (check_name = $5) IS NOT FALSE" \
    " AND ($6::text IS NULL OR lower(resource_id) LIKE (SELECT lower($6)) ESCAPE '\\'" \
    " OR lower(check_name) LIKE (SELECT lower($6)) ESCAPE '\\' OR lower(comment) LIKE (SELECT lower($6)) ESCAPE '\\')" \
    " AND (resource_id = $7) IS NOT FALSE AND ($8::text IS NULL OR ($8 = 'true') = EXISTS (SELECT 1 FROM triage m" \
    " WHERE m.org_id = $1 AND m.resource_id = evidence.resource_id AND m.check_name = evidence.check_name" \
    " AND " SAAS_FINDING_MUTED("m.") "))"
#define SAAS_FINDING_FILTER_ARGS(f) (f)->status, (f)->severity, (f)->check, (f)->pattern, (f)->resource, (f)->muted

/* ---------------------------------------------------------------- jobs -- */

/** A claimed row of background work. */
struct saas_job_t {
    apr_pool_t *pool;          /**< lives for this attempt */
    server_rec *server;
    const char *id;
    const char *kind;
    const char *org_id;        /**< NULL: no organization's */
    const char *object_id;     /**< what it is about, the plugin's own key */
    const char *payload;       /**< JSON text or NULL */
    int attempt;               /**< from 1 */
    const char *lease_owner;   /**< fencing token of this claim */
    void *host;                /**< the host's own */
};

/** A kind of background work.  Rows are claimed by any node, run on a
 *  mod_watchdog thread, and carry a lease which saas_job_stopped() renews; a
 *  node that dies loses it and another one runs the job again. */
typedef struct saas_job_kind_t {
    const char *kind;
    /** APR_SUCCESS: done, the row is removed.  APR_EINTR: the server goes down
     *  or the lease is lost, another node shall take over at once.  Anything
     *  else: again after a backoff, at most max_attempts times. */
    apr_status_t (*run)(saas_job_t *job);
    /** The last attempt failed or was lost: settle the object.  May be NULL. */
    void (*gave_up)(saas_job_t *job, const char *why);
    int max_attempts;
    int per_organization;  /**< running at once for one organization; 0: no cap */
    int per_node;          /**< running at once on one node; 0: no cap */
} saas_job_kind_t;

/** Since minor 3.  A kind of work that comes back: about every so many seconds
 *  one run of it, on whichever node, also after one that failed or was given
 *  up.  Its row has no organization, no object and no payload. */
typedef struct saas_periodic_t {
    const char *kind;     /**< one of the plugin's jobs */
    int every;            /**< seconds from the end of a run to the next one, at least 1 */
} saas_periodic_t;

/* ------------------------------------------------------------ counters -- */

/** Most values of a counter's label. */
#define SAAS_COUNTER_VALUES_MAX 32

/** Something that a plugin counts: the family saas_<name> of /saas/metrics, one
 *  counter for each value of its label.  Values are fixed here, so that nothing
 *  a client sends makes a new series. */
typedef struct saas_counter_t {
    const char *name;   /**< [a-z][a-z0-9_]*, without "saas_" and "_total"; begin it with the plugin's */
    const char *help;   /**< one sentence for an operator: what is counted, and when */
    const char *label;  /**< NULL: one counter without a label */
    const char *const *values; /**< of the label, [a-z][a-z0-9_.-]*; ends with NULL */
    int number;         /**< set by the host */
} saas_counter_t;

/** Since minor 4.  Something that is to be seen in the database: the gauge
 *  saas_<name> of /saas/metrics, read by each request for it.  Tables end with an
 *  all-zero element. */
typedef struct saas_gauge_t {
    const char *name;            /**< as a counter's */
    const char *help;
    saas_statement_t *statement; /**< one of the plugin's, SAAS_SYSTEM, without parameters: one row, one whole number */
} saas_gauge_t;

/* --------------------------------------------------------------- links -- */

/** Since minor 3.  The secret of a link that a message carries, made while the
 *  message is sent, so that no row of the queue holds one.  A message of the job
 *  kind "mail" names it:
 *
 *      "link": {"name": "invite", "object": id, "url": "https://…{token}"}
 *
 *  and what is made stands in the place of {token}, in the template's {{url}}. */
typedef struct saas_link_t {
    const char *name;      /**< unique among all plugins */
    /** Makes a token in job->pool and keeps what recognizes it, in db's
     *  transaction, which is for the job's organization.  Called again when the
     *  message is tried again: what an attempt has made before may have arrived.
     *  APR_NOTFOUND: there is nothing to follow a link for any more, and no
     *  message is sent. */
    apr_status_t (*make)(saas_job_t *job, saas_db_t *db, const char *object_id, const char **token);
} saas_link_t;

/** What the token stands for in a link's URL. */
#define SAAS_LINK_TOKEN "{token}"

/* ------------------------------------------------------------- claims -- */

/** Since minor 3.  The owner of an address has come by another httpd module, and
 *  somebody has set up this user under it without proving that it is theirs:
 *  removes the user with all that came of the claim, in db's transaction, and
 *  makes another one, who begins anew, unless somebody else has the mailbox.
 *  email is as it was given, email_key the key it is looked up by.  Called again
 *  when the transaction is tried again. */
typedef apr_status_t saas_claimed_fn(request_rec *r, saas_db_t *db, const char *user_id, const char *email,
                                     const char *email_key);

/* -------------------------------------------------------------- limits -- */

/** Since minor 4.  What the number of a plan's limit bounds. */
typedef enum {
    SAAS_LIMIT_HELD = 1, /**< what an organization has: its members */
    SAAS_LIMIT_COUNTED,  /**< what it has begun since the day or month did, whatever became of it: its audits */
    SAAS_LIMIT_EACH      /**< what is asked for at once: the targets of an audit */
} saas_limit_kind_e;

/** Since minor 4.  Something that plans may limit (SaasPlan, limit.<name>=).  A plan that limits what no loaded plugin
 *  has declared refuses the start.  Tables end with an all-zero element. */
typedef struct saas_limit_t {
    const char *name;        /**< unique among all plugins: [a-z][a-z0-9_.-]*, 64 characters at most */
    saas_limit_kind_e kind;
    /** For SAAS_LIMIT_HELD: the SELECT of one whole number, how many the organization, $1, has; and, or NULL, how many
     *  it has promised besides, such as by an invite.  Both databases run them. */
    const char *held, *promised;
} saas_limit_t;

/** Since minor 4.  What decides an organization's plan. */
typedef struct saas_standing_t {
    int has_access;
    const char *price;       /**< of what gives it; NULL: not known */
} saas_standing_t;

/** Since minor 4.  The two columns of organizations that saas_cells_standing() reads; o is what the statement calls the
 *  table. */
#define SAAS_STANDING_COLUMNS(o) \
    "CASE WHEN " o ".subscription_status = 'active' AND (" o ".subscription_ends_at IS NULL OR " o \
    ".subscription_ends_at > now()) THEN TRUE ELSE FALSE END, " o ".subscription_price"

static inline saas_standing_t saas_cells_standing(const saas_rows_t *rows, int row, int column)
{
    const saas_standing_t standing = { saas_cell_bool(rows, row, column), saas_cell(rows, row, column + 1) };
    return standing;
}

/* --------------------------------------------------------- examination -- */

/** Since minor 6.  How something stands that saasctl doctor looks at. */
typedef enum {
    SAAS_FOUND_WELL,     /**< as it should be */
    SAAS_FOUND_DOUBTFUL, /**< it works, and is likely not what is wanted */
    SAAS_FOUND_WRONG     /**< it does not work, or will not for long */
} saas_found_e;

/** Since minor 6.  One run of saasctl doctor, in a process that has read the configuration and nothing more: there is no
 *  child, no database and no other thread. */
typedef struct saas_examination_t {
    apr_pool_t *p;
    server_rec *s; /**< the main server; the others follow it */
    void (*found)(struct saas_examination_t *e, saas_found_e how, const char *check, const char *fact,
                  const char *way_out);
    void *baton;   /**< the host's */
} saas_examination_t;

/** Since minor 6.  Tells what was found.  check: of which of the plugin's checks, such as "relay"; fact: one line, never
 *  with a secret in it; way_out: what to do, NULL only where all is well.  The texts must live as long as e->p. */
static inline void saas_found(saas_examination_t *e, saas_found_e how, const char *check, const char *fact,
                              const char *way_out)
{
    e->found(e, how, check, fact, way_out);
}

/* -------------------------------------------------------------- plugin -- */

/** What a plugin registers.  Arrays end with an all-zero element; any may be
 *  NULL. */
typedef struct saas_plugin_t {
    unsigned size;   /**< sizeof(saas_plugin_t): SAAS_PLUGIN_INIT sets both */
    unsigned minor;
    const char *name;
    saas_statement_t *statements;
    const saas_route_t *routes;
    const saas_object_t *objects;
    const saas_gate_t *gates;
    const saas_job_kind_t *jobs;
    /** Last check of the configuration, once all modules have read theirs; a
     *  message refuses the start and is shown by configtest.  May be NULL. */
    const char *(*check_config)(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server);
    /** Since minor 1.  The routes as a part of an OpenAPI 3.1 document: a JSON
     *  object with "paths", and where needed "tags" and "components".  The host
     *  puts the parts of all plugins together; a text that is none, or that
     *  describes what is no route of the plugin, refuses the start.  NULL: the
     *  document says of the routes what the route table says. */
    const char *openapi;
    /** Since minor 2.  What saas_count() counts. */
    saas_counter_t *counters;
    /** Since minor 3. */
    const saas_link_t *links;
    const saas_periodic_t *periodic;
    saas_claimed_fn *claimed;
    /** Since minor 4. */
    const saas_gauge_t *gauges;
    const saas_limit_t *limits;
    /** Since minor 6.  Looks at what the plugin depends on - a key, a peer, files - and tells with saas_found() how each
     *  of them stands, the good news too.  It may ask the network, for seconds at most. */
    void (*examine)(saas_examination_t *e);
} saas_plugin_t;

/** What apxs.mk makes of an openapi.json beside the sources: the value for
 *  saas_plugin_t.openapi. */
extern const char saas_openapi_text[];

#define SAAS_PLUGIN_INIT(plugin_name) \
    .size = sizeof(saas_plugin_t), .minor = SAAS_PLUGIN_MINOR, .name = plugin_name

/* -------------------------------------------------------- audit engines -- */

typedef enum { SAAS_PASS, SAAS_FAIL, SAAS_MANUAL, SAAS_ERROR } saas_finding_status_e;
typedef enum {
    SAAS_CRITICAL, SAAS_HIGH, SAAS_MEDIUM, SAAS_LOW, SAAS_INFORMATIONAL
} saas_severity_e;

/** One piece of evidence. */
typedef struct saas_finding_t {
    const char *resource_id;
    const char *check_name;
    saas_finding_status_e status;
    saas_severity_e severity;
    apr_time_t time;
    const char *comment;
} saas_finding_t;

typedef struct saas_audit_run_t saas_audit_run_t;

/** Since minor 5.  A host that the organization has named as its own, and the token that proves it when it is found there:
 *  until the engine has found it, in this run, it asks the host nothing that one does not ask a stranger. */
typedef struct saas_audit_claim_t {
    const char *host;             /**< as in the canonical URL of a target */
    const char *token;
} saas_audit_claim_t;

/** What a running engine is given. */
struct saas_audit_run_t {
    apr_pool_t *pool;             /**< lives for the run */
    server_rec *server;
    const char *audit_id;
    const char *const *targets;   /**< canonical, as validate() gave them */
    int ntargets;
    /** Adds a finding (copied).  Non-success: end the run, return it. */
    apr_status_t (*report)(saas_audit_run_t *run, const saas_finding_t *finding);
    /** Tells how far the run is.  Non-success: end the run, return it. */
    apr_status_t (*progress)(saas_audit_run_t *run, int done, int total);
    /** True: canceled, over its deadline, or the server goes down; return
     *  APR_EINTR soon.  Call it at least every 100 ms. */
    int (*stopped)(saas_audit_run_t *run);
    void *baton;
    /** Since minor 5, as what follows. */
    const saas_audit_claim_t *claims;
    int nclaims;
    /** Notes that the proof for a host of the claims was found. */
    void (*proved)(saas_audit_run_t *run, const char *host);
};

/** Since minor 5.  A file of findings, as the engine sees it that reads it. */
typedef struct saas_audit_file_t saas_audit_file_t;
struct saas_audit_file_t {
    apr_pool_t *pool;             /**< lives for the reading */
    server_rec *server;
    const char *audit_id;
    const char *format;
    /** Gives the next bytes, which live until the next call.  APR_EOF: there are no more.  Anything else: end, return it. */
    apr_status_t (*next)(saas_audit_file_t *file, const char **data, apr_size_t *len);
    /** Has next() begin anew. */
    void (*rewind)(saas_audit_file_t *file);
    /** Adds a finding (copied).  Non-success: end, return it. */
    apr_status_t (*report)(saas_audit_file_t *file, const saas_finding_t *finding);
    /** Counts a record that is none, and keeps the first of them: where it is ("line 7"), what is wrong (both copied; no
     *  more of the file than the word in question). */
    void (*bad)(saas_audit_file_t *file, const char *where, const char *what);
    /** Counts a record that is well-formed and no finding. */
    void (*skipped)(saas_audit_file_t *file);
    const char *error;            /**< set by the engine, in pool: a sentence for the person who sent the file */
    void *baton;
};

/** Since minor 5.  A check that an engine makes, as people are told of it: plain text. */
typedef struct saas_check_t {
    unsigned size;                         /**< of this structure */
    const char *name;                      /**< of findings: check_name */
    saas_severity_e severity;              /**< of a failure, unless the finding says another */
    const char *title;                     /**< what is so when it passes */
    const char *meaning, *remediation;     /**< sentences */
    const char *reference;                 /**< URL */
    const char *httpd, *nginx;             /**< lines of a configuration that mend a failure; NULL: none do */
    int penalty, bonus;                    /**< points that a failure costs, and that a pass earns from 90 points on */
    const char *test;                      /**< of the score: of its failed checks the dearest counts; NULL: its own */
    const char *dns;                       /**< Since minor 6.  Lines of a zone that mend a failure; NULL: none do */
} saas_check_t;

/** An audit engine, registered with saas_engine_register(); docs/engines.md. */
typedef struct saas_engine_t {
    unsigned size, minor;
    const char *name;
    /** NULL and the canonical form of a target, or a message for the person
     *  who named it. */
    const char *(*validate)(apr_pool_t *p, server_rec *s, const char *target, const char **canonical);
    /** Runs to the end, on a background thread. */
    apr_status_t (*run)(saas_audit_run_t *run);
    /** Since minor 5.  Names of the formats of files that the engine reads findings from, unique among all engines:
     *  [a-z0-9-]+; ends with NULL.  NULL: it reads none. */
    const char *const *formats;
    /** Since minor 5.  Reads a file of one of them to its end, on a background thread, with memory that does not grow with
     *  it.  APR_EINVAL with file->error set: it is no such file, or not all of it; nothing of it is stored then. */
    apr_status_t (*read)(saas_audit_file_t *file);
    /** Since minor 5.  The n-th check that the engine makes, from 0; NULL past the last.  NULL: it has no such list. */
    const saas_check_t *(*check)(int n);
} saas_engine_t;

/** Since minor 5. */
#define SAAS_ENGINE_INIT(engine_name) \
    .size = sizeof(saas_engine_t), .minor = SAAS_PLUGIN_MINOR, .name = engine_name

/* ------------------------------------------------------ address guard -- */

/** Since minor 4.  Whether this server may connect to an address that a stranger has named. */
typedef enum {
    SAAS_ADMITTED = 0,     /**< globally routable, on one of the guard's ports: the web's, and what it opens besides */
    SAAS_ADMITTED_LISTED,  /**< in one of the guard's ranges, on any port */
    SAAS_REFUSED_ADDRESS,  /**< not globally routable, or one of this machine's own */
    SAAS_REFUSED_PORT      /**< routable, on another port */
} saas_admission_e;

/** Which addresses are opened besides those; immutable, for any thread. */
typedef struct saas_guard_t saas_guard_t;

/* ------------------------------------------------------- host services -- */

/** Shortest and longest slug of an organization, in characters. */
#define SAAS_SLUG_SHORTEST 3
#define SAAS_SLUG_LONGEST 50

/** Since minor 6.  An organization that is being founded. */
typedef struct saas_founding_t {
    const char *id, *name;
    const char *asked_slug;   /**< NULL: one is made of the name */
    const char *user_id;      /**< who founds it: its first ADMIN */
    const char *slug;         /**< set: what it is known by */
} saas_founding_t;

/** The services behind the inline functions.  Members are only appended. */
typedef struct saas_host_t {
    unsigned size, minor;

    apr_status_t (*db_open)(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id);
    void (*db_close)(saas_db_t *db);
    apr_status_t (*db_begin)(saas_db_t *db, saas_transaction_e mode);
    apr_status_t (*db_query)(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows,
                             const char *const *args, int nargs);
    apr_status_t (*db_queue)(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs);
    apr_status_t (*db_commit)(saas_db_t *db);
    void (*db_rollback)(saas_db_t *db);
    apr_status_t (*db_stream)(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                              apr_status_t (*sink)(void *baton, const char *data, apr_size_t len),
                              void *baton);
    apr_status_t (*db_transaction)(saas_db_t *db, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);
    apr_status_t (*db_set_organization)(saas_db_t *db, const char *org_id);

    const char *(*request_parameter)(saas_request_t *rq, const char *name);
    const char *(*request_query)(saas_request_t *rq, const char *name);
    const char *(*request_field)(saas_request_t *rq, const char *name, unsigned flags, int max);
    void (*request_error)(saas_request_t *rq, const char *field, const char *message);
    int (*request_page)(saas_request_t *rq, saas_page_t *page);
    const char *(*request_base_url)(saas_request_t *rq);
    const char *(*request_choice)(saas_request_t *rq, const char *name, const char *const *choices);

    int (*reply_json)(saas_request_t *rq, int status, json_t *body);
    int (*reply_error)(saas_request_t *rq, int status, const char *code, const char *detail);
    int (*reply_errors)(saas_request_t *rq);
    int (*reply_failure)(saas_request_t *rq, apr_status_t rv);
    int (*reply_page)(saas_request_t *rq, const saas_page_t *page, apr_int64_t count, json_t *results);
    int (*reply_throttled)(saas_request_t *rq, int seconds);
    int (*reply_verdict)(saas_request_t *rq, saas_verdict_e verdict);

    apr_status_t (*stream_begin)(saas_request_t *rq, const char *content_type, saas_stream_t **stream);
    apr_status_t (*stream_write)(saas_stream_t *stream, const char *data, apr_size_t len);
    apr_status_t (*stream_flush)(saas_stream_t *stream);
    int (*stream_end)(saas_stream_t *stream, apr_status_t rv);

    apr_status_t (*activity)(saas_db_t *db, saas_request_t *rq, const saas_activity_t *what);
    apr_status_t (*session_start)(saas_request_t *rq, saas_db_t *db, const char *user_id);
    void (*session_cookie)(saas_request_t *rq);
    apr_status_t (*session_end)(saas_request_t *rq, saas_db_t *db);
    int (*throttle)(const char *bucket, const char *key, int limit, int window_seconds);

    apr_status_t (*job_enqueue)(saas_db_t *db, const char *kind, const char *org_id,
                                const char *object_id, json_t *payload, int delay_seconds);
    apr_status_t (*job_cancel)(saas_db_t *db, const char *kind, const char *object_id);
    int (*job_stopped)(saas_job_t *job);
    int (*job_canceled)(saas_job_t *job);
    apr_status_t (*job_fence)(saas_job_t *job, saas_db_t *db);
    void (*jobs_wake)(void);

    const char *(*uuid)(apr_pool_t *p);
    apr_status_t (*token_make)(apr_pool_t *p, const char *prefix, const char **token);
    const char *(*token_hash)(apr_pool_t *p, const char *token);
    apr_status_t (*password_hash)(apr_pool_t *p, const char *password, const char **stored);
    apr_status_t (*password_verify)(apr_pool_t *p, const char *password, const char *stored, int *rehash);
    const char *(*password_check)(apr_pool_t *p, const char *password, const char *email);
    const char *(*email_parse)(apr_pool_t *p, const char *text, const char **folded);
    const char *(*slug_make)(apr_pool_t *p, const char *name, int attempt);
    int (*slug_is)(const char *text);
    const char *(*uuid_parse)(apr_pool_t *p, const char *text);
    const char *(*time_text)(apr_pool_t *p, apr_time_t t);
    apr_status_t (*time_parse)(const char *text, apr_time_t *t);
    apr_size_t (*csv_put)(char *to, const char *text, apr_size_t len);
    const char *(*secret_read)(apr_pool_t *p, const char *value, const char **secret);
    int (*throttle_peek)(const char *bucket, const char *key, int limit, int window_seconds);
    int (*job_known)(const char *kind);
    void (*job_fail)(saas_job_t *job, int final, const char *why);
    void (*count)(const saas_counter_t *counter, int value, apr_uint64_t amount);
    int (*reply_list)(saas_request_t *rq, const saas_json_member_t *members, saas_statement_t *st,
                      const char *const *args, int nargs);
    int (*reply_rows)(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int shown,
                      apr_int64_t count, const char *next, const char *previous);
    json_t *(*row_json)(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int row);
    const char *(*request_canonical_url)(saas_request_t *rq);
    int (*request_is_browser)(saas_request_t *rq);
    apr_status_t (*link_make)(saas_job_t *job, const char *name, const char *object_id, const char *url,
                              const char **link);
    const char *(*cookie_get)(saas_request_t *rq, const char *name);
    void (*cookie_set)(saas_request_t *rq, const char *name, const char *value, int seconds);
    apr_uint64_t (*db_stream_blanks)(const saas_db_t *db);
    const char *(*guard_check)(apr_pool_t *p, const char *range);
    const saas_guard_t *(*guard_make)(apr_pool_t *p, const apr_array_header_t *ranges);
    const saas_guard_t *(*guard_here)(apr_pool_t *p, const saas_guard_t *guard);
    saas_admission_e (*guard_ask)(const saas_guard_t *guard, const struct sockaddr *peer);
    int (*guard_port)(const saas_guard_t *guard, int port);
    apr_status_t (*limit_take)(saas_request_t *rq, saas_db_t *db, const saas_standing_t *standing, const char *name,
                               apr_int64_t n, int promised);
    apr_status_t (*limits_usage)(saas_request_t *rq, json_t **usage);
    json_t *(*plans)(void);
    apr_status_t (*db_load)(saas_db_t *db, saas_statement_t *st, const saas_rows_t *rows, const char *const *args,
                            int nargs, apr_int64_t *affected);
    apr_status_t (*job_beside)(saas_job_t *job, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);
    int (*request_read)(saas_request_t *rq, char *to, apr_size_t room, apr_size_t *len);
    apr_status_t (*temporary_file)(apr_file_t **file, apr_pool_t *p, server_rec *s);
    apr_status_t (*db_queue_rows)(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows, const char *const *args,
                                  int nargs);
    apr_status_t (*db_stream_cells)(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                    apr_status_t (*sink)(void *baton, const char *const *cells, const apr_size_t *lengths),
                                    void *baton);
    apr_size_t (*json_quote)(char *to, const char *text, apr_size_t len);
    const char *(*guard_check_port)(apr_pool_t *p, const char *port);
    const saas_guard_t *(*guard_make_ports)(apr_pool_t *p, const apr_array_header_t *ranges,
                                            const apr_array_header_t *ports);
    const char *(*guard_ports)(apr_pool_t *p, const saas_guard_t *guard);
    apr_status_t (*organization_found)(saas_request_t *rq, saas_db_t *db, saas_founding_t *founding);
    int (*db_to_replica)(saas_db_t *db);
} saas_host_t;

APR_DECLARE_OPTIONAL_FN(const saas_host_t *, saas_host_services, (const char *abi, unsigned minor));

/** One per plugin: SAAS_PLUGIN_MODULE defines it in the file with the table. */
extern const saas_host_t *saas_host_table __attribute__((visibility("hidden")));
#define SAAS_PLUGIN_DEFINE const saas_host_t *saas_host_table

/** The host's services; NULL when mod_saas.so is not loaded or speaks another
 *  version.  Usable from directive handlers on, whatever the LoadModule order. */
static inline const saas_host_t *saas_host(void)
{
    if (!saas_host_table) {
        APR_OPTIONAL_FN_TYPE(saas_host_services) *get = APR_RETRIEVE_OPTIONAL_FN(saas_host_services);
        saas_host_table = get ? get(SAAS_PLUGIN_ABI, SAAS_PLUGIN_MINOR) : NULL;
    }
    return saas_host_table;
}

/* A plugin without its host would leave its routes unmounted and its gates
 * unknown without a word: refuse, at configtest already. */
static inline int saas_plugin_check_host(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf, (void)plog, (void)ptemp;
    if (!saas_host()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "SAAS1004: a plugin of mod_saas is loaded, but no mod_saas.so that "
                     "speaks ABI " SAAS_PLUGIN_ABI ": add LoadModule saas_module, or rebuild the plugin");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/** Registers a plugin; call it in register_hooks.  The table is not copied. */
static inline void saas_plugin_register(apr_pool_t *p, const saas_plugin_t *plugin)
{
    saas_host_table = NULL;
    ap_hook_check_config(saas_plugin_check_host, NULL, NULL, APR_HOOK_FIRST);
    ap_register_provider(p, SAAS_PLUGIN_GROUP, plugin->name, SAAS_PLUGIN_ABI, plugin);
}

/** Registers an audit engine; call it in register_hooks.  The table is not copied.  Checked at configtest: its minor and
 *  size, its name ([a-z][a-z0-9-]*, 64 characters at most), and that it has validate() and run(). */
static inline void saas_engine_register(apr_pool_t *p, const saas_engine_t *engine)
{
    saas_host_table = NULL;
    ap_hook_check_config(saas_plugin_check_host, NULL, NULL, APR_HOOK_FIRST);
    ap_register_provider(p, SAAS_ENGINE_GROUP, engine->name, SAAS_PLUGIN_ABI, engine);
}

/* ---------------------------------------------------------- directives -- */

/*
 * A module's directives are one list: a macro that is given another one, X, and the name of what comes of it.
 *
 *     #define HELLO_DIRECTIVES(X, of) \
 *         X(of, NUMBER, times, "SaasHelloTimes", SAAS_VHOST, "1", SAAS_RANGE(1, 10), "how often hello is said") \
 *         X(of, TEXT, word, "SaasHelloWord", SAAS_VHOST, NULL, SAAS_ANY, "what is said instead of hello")
 *
 *     SAAS_DIRECTIVES_DECLARE(hello_config, saas_hello_module, HELLO_DIRECTIVES)
 *     SAAS_DIRECTIVES_DEFINE(hello_config, saas_hello_module, HELLO_DIRECTIVES)
 *
 * The first makes the struct hello_config_t, with a member of each line, hello_config_of(s), a server's struct, and a
 * getter of each line that fills in the default, hello_config_times(s); it may stand in a header.  The second, once in a
 * module, makes what the module record wants: hello_config_create, hello_config_merge, and the command table
 * hello_config_commands.
 *
 * The columns: kind, member, name, where it may stand, default as it would be written (NULL: none), what is allowed, help.
 *
 *     FLAG        int                   On or Off
 *     NUMBER      int                   SAAS_RANGE(least, most), least not below 0
 *     SIZE        apr_off_t             bytes, or with K, M or G behind; SAAS_RANGE, SAAS_RANGE_OR_0
 *     INTERVAL    apr_interval_time_t   5, 5s, 500ms, 2mi, 1h, 14d; SAAS_RANGE in microseconds
 *     WORD        int                   one of SAAS_WORDS("off", "try"), as its number; letter case is ignored
 *     TEXT        const char *          SAAS_ANY, or SAAS_CHECKED(function)
 *     EXPRESSION  ap_expr_info_t *      one of httpd's expressions that makes a text
 *     LIST        apr_array_header_t *  of const char *, arguments of one line or of several; as TEXT
 *     OWN, OWN_NUMBER, OWN_FLAG, OWN_LIST, OWN_2_OR_3, OWN_RAW   a pointer, int, int, array, pointer, int: in place of
 *                                       what is allowed a function of the module's, as httpd wants it for TAKE1, TAKE1,
 *                                       FLAG, ITERATE, TAKE23, RAW_ARGS; the default is told, not parsed
 *     KEPT        any pointer           no directive but something that such functions keep: the rest is NULL, 0
 *
 * What nobody has said is SAAS_UNSET or NULL in the struct, or an empty array: so a value wins over an inherited one also
 * when it is the default.  Wrong values refuse the start with a message that names the directive and what is allowed.
 */
#define SAAS_UNSET (-1)

/** Where a directive may stand: in the main server alone, also in virtual hosts, in sections, there and in servers, and
 *  also in .htaccess. */
#define SAAS_GLOBAL (RSRC_CONF | 0x10000)
#define SAAS_VHOST RSRC_CONF
#define SAAS_SECTION ACCESS_CONF
#define SAAS_ANYWHERE (RSRC_CONF | ACCESS_CONF)
#define SAAS_HTACCESS (RSRC_CONF | OR_AUTHCFG)

typedef enum {
    SAAS_KIND_FLAG, SAAS_KIND_NUMBER, SAAS_KIND_SIZE, SAAS_KIND_INTERVAL, SAAS_KIND_WORD, SAAS_KIND_TEXT,
    SAAS_KIND_EXPRESSION, SAAS_KIND_LIST, SAAS_KIND_OWN, SAAS_KIND_OWN_NUMBER, SAAS_KIND_OWN_FLAG,
    SAAS_KIND_OWN_LIST, SAAS_KIND_OWN_2_OR_3, SAAS_KIND_KEPT, SAAS_KIND_OWN_RAW
} saas_kind_e;

/** Judges the text of a directive, and may put another one into *value, which is arg before.  NULL, or what is wrong,
 *  without the directive's name and never with a secret in it. */
typedef const char *saas_check_fn(apr_pool_t *p, const char *arg, const char **value);

/** A line of the list. */
typedef struct saas_directive_t {
    const char *name;
    saas_kind_e kind;
    apr_size_t at;          /**< offset of the member */
    int where;
    const char *standard;   /**< the default, as it would be written */
    apr_int64_t least, most;
    int or_0;
    const char *const *words;
    saas_check_fn *check;
} saas_directive_t;

/** All lines. */
typedef struct saas_directives_t {
    module *of;
    int section;            /**< the struct is a section's, else a server's */
    const saas_directive_t *lines;
    int count;
} saas_directives_t;

#define SAAS_ANY .least = 0
#define SAAS_RANGE(lowest, highest) .least = (lowest), .most = (highest)
#define SAAS_RANGE_OR_0(lowest, highest) SAAS_RANGE(lowest, highest), .or_0 = 1
#define SAAS_WORDS(...) .words = (const char *const[]){ __VA_ARGS__, NULL }
#define SAAS_CHECKED(function) .check = (function)

static inline const char *saas_directive_size_text(apr_pool_t *p, apr_int64_t size)
{
    static const char units[] = "KMG";
    int unit = -1;
    while (unit < 2 && size && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT "%.*s", size, unit >= 0, unit >= 0 ? units + unit : units);
}

static inline const char *saas_directive_number(const saas_directive_t *line, apr_pool_t *p, const char *arg,
                                                apr_int64_t *value)
{
    static const char units[] = "KMG";
    const char *unit;
    char *end;
    *value = apr_strtoi64(arg, &end, 10);
    if (line->kind == SAAS_KIND_SIZE && end != arg && *end && !end[1] && (unit = strchr(units, *end & ~0x20)) && *unit
        && *value >= 0 && *value <= APR_INT64_MAX >> 40) {
        *value <<= 10 * (unit - units + 1);
        end++;
    }
    if (end != arg && !*end && ((*value >= line->least && *value <= line->most) || (line->or_0 && !*value))) {
        return NULL;
    }
    return line->kind == SAAS_KIND_SIZE
               ? apr_psprintf(p, "\"%s\" is %s size from %s to %s", arg, line->or_0 ? "neither 0 nor a" : "no",
                              saas_directive_size_text(p, line->least), saas_directive_size_text(p, line->most))
               : apr_psprintf(p, "\"%s\" is no number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT, arg, line->least,
                              line->most);
}

/** Most days that an interval may be told in: ten thousand years. */
#define SAAS_DAYS_MAX 3652425

static inline const char *saas_directive_interval(const saas_directive_t *line, apr_pool_t *p, const char *arg,
                                                  apr_interval_time_t *value)
{
    char *end;
    apr_int64_t days = apr_strtoi64(arg, &end, 10);
    if (end != arg && (*end == 'd' || *end == 'D') && !end[1] && days >= 0 && days <= SAAS_DAYS_MAX) {
        *value = days * 86400 * APR_USEC_PER_SEC;
    }
    else if (ap_timeout_parameter_parse(arg, value, "s") != APR_SUCCESS) {
        return apr_psprintf(p, "\"%s\" is no time; write 5, 5s, 500ms or 14d", arg);
    }
    return *value >= line->least && *value <= line->most
               ? NULL
               : apr_psprintf(p, "\"%s\" is out of range, %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT " ms", arg,
                              line->least / 1000, line->most / 1000);
}

static inline const char *saas_directive_word(const saas_directive_t *line, apr_pool_t *p, const char *arg, int *value)
{
    const char *all = "";
    int i;
    for (i = 0; line->words[i]; i++) {
        if (!strcasecmp(arg, line->words[i])) {
            *value = i;
            return NULL;
        }
        all = apr_pstrcat(p, all, i ? ", " : "", line->words[i], NULL);
    }
    return apr_psprintf(p, "\"%s\" is none of %s", arg, all);
}

/** Reads an argument into the member; NULL, or what is wrong. */
static inline const char *saas_directive_read(const saas_directive_t *line, apr_pool_t *p, const char *arg, void *conf)
{
    void *at = (char *)conf + line->at;
    const char *err = NULL, *text = arg;
    apr_int64_t number;
    switch (line->kind) {
    case SAAS_KIND_FLAG:
        *(int *)at = !strcasecmp(arg, "On");
        break;
    case SAAS_KIND_NUMBER:
        if (!(err = saas_directive_number(line, p, arg, &number))) {
            *(int *)at = (int)number;
        }
        break;
    case SAAS_KIND_SIZE:
        if (!(err = saas_directive_number(line, p, arg, &number))) {
            *(apr_off_t *)at = number;
        }
        break;
    case SAAS_KIND_INTERVAL: {
        apr_interval_time_t interval;
        if (!(err = saas_directive_interval(line, p, arg, &interval))) {
            *(apr_interval_time_t *)at = interval;
        }
        break;
    }
    case SAAS_KIND_WORD:
        err = saas_directive_word(line, p, arg, at);
        break;
    case SAAS_KIND_TEXT:
    case SAAS_KIND_LIST:
        if (!line->check || !(err = line->check(p, arg, &text))) {
            if (line->kind == SAAS_KIND_TEXT) {
                *(const char **)at = text;
            }
            else {
                APR_ARRAY_PUSH(*(apr_array_header_t **)at, const char *) = text;
            }
        }
        break;
    default:
        break;
    }
    return err;
}

static inline const saas_directive_t *saas_directive_find(cmd_parms *cmd)
{
    const saas_directives_t *all = cmd->cmd->cmd_data;
    const saas_directive_t *line = all->lines;
    while (!line->name || strcasecmp(line->name, cmd->cmd->name)) {
        line++; /* it is there: the command was made of it */
    }
    return line;
}

static inline void *saas_directive_struct(cmd_parms *cmd, void *section)
{
    const saas_directives_t *all = cmd->cmd->cmd_data;
    return all->section ? section : ap_get_module_config(cmd->server->module_config, all->of);
}

static inline const char *saas_directive_take(cmd_parms *cmd, void *section, const char *arg)
{
    const saas_directive_t *line = saas_directive_find(cmd);
    const char *err = line->where == SAAS_GLOBAL ? ap_check_cmd_context(cmd, GLOBAL_ONLY) : NULL;
    void *conf = saas_directive_struct(cmd, section);
    if (err) {
        return err;
    }
    if (line->kind == SAAS_KIND_EXPRESSION) {
        *(ap_expr_info_t **)((char *)conf + line->at)
            = ap_expr_parse_cmd(cmd, arg, AP_EXPR_FLAG_STRING_RESULT, &err, NULL);
        return err ? apr_psprintf(cmd->pool, "%s: \"%s\" is no expression: %s", line->name, arg, err) : NULL;
    }
    err = saas_directive_read(line, cmd->pool, arg, conf);
    return err ? apr_pstrcat(cmd->pool, line->name, ": ", err, NULL) : NULL;
}

static inline const char *saas_directive_flag(cmd_parms *cmd, void *section, int on)
{
    return saas_directive_take(cmd, section, on ? "On" : "Off");
}

/* What the defaults say: the list's own, so nothing can be wrong with them once the module has been started. */
static inline void saas_directives_standard(const saas_directives_t *all, apr_pool_t *p, void *conf)
{
    int i;
    for (i = 0; i < all->count; i++) {
        const saas_directive_t *line = &all->lines[i];
        ap_assert(!line->standard || !saas_directive_read(line, p, line->standard, conf));
    }
}

/* What one line becomes, by its kind: member, unset member, merged member, getter, command, allowed values. */
#define SAAS_TYPE_FLAG int
#define SAAS_TYPE_NUMBER int
#define SAAS_TYPE_SIZE apr_off_t
#define SAAS_TYPE_INTERVAL apr_interval_time_t
#define SAAS_TYPE_WORD int
#define SAAS_TYPE_TEXT const char *
#define SAAS_TYPE_EXPRESSION ap_expr_info_t *
#define SAAS_TYPE_LIST apr_array_header_t *
#define SAAS_TYPE_OWN void *
#define SAAS_TYPE_OWN_NUMBER int
#define SAAS_TYPE_OWN_FLAG int
#define SAAS_TYPE_OWN_LIST apr_array_header_t *
#define SAAS_TYPE_OWN_2_OR_3 void *
#define SAAS_TYPE_OWN_RAW int
#define SAAS_TYPE_KEPT void *
#define SAAS_MEMBER_(of, kind, member, ...) SAAS_TYPE_##kind member;

#define SAAS_UNSET_FLAG(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_NUMBER(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_SIZE(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_INTERVAL(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_WORD(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_TEXT(member)
#define SAAS_UNSET_EXPRESSION(member)
#define SAAS_UNSET_LIST(member) conf->member = apr_array_make(p, 2, sizeof(const char *));
#define SAAS_UNSET_OWN(member)
#define SAAS_UNSET_OWN_NUMBER(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_OWN_FLAG(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_OWN_LIST(member) conf->member = apr_array_make(p, 2, sizeof(void *));
#define SAAS_UNSET_OWN_2_OR_3(member)
#define SAAS_UNSET_OWN_RAW(member) conf->member = SAAS_UNSET;
#define SAAS_UNSET_KEPT(member)
#define SAAS_UNSET_(of, kind, member, ...) SAAS_UNSET_##kind(member)

#define SAAS_SAID_NUMBER(conf, member) ((conf)->member != SAAS_UNSET)
#define SAAS_SAID_TEXT(conf, member) ((conf)->member != NULL)
#define SAAS_SAID_LIST(conf, member) ((conf)->member->nelts > 0)
#define SAAS_SAID_FLAG SAAS_SAID_NUMBER
#define SAAS_SAID_SIZE SAAS_SAID_NUMBER
#define SAAS_SAID_INTERVAL SAAS_SAID_NUMBER
#define SAAS_SAID_WORD SAAS_SAID_NUMBER
#define SAAS_SAID_EXPRESSION SAAS_SAID_TEXT
#define SAAS_SAID_OWN SAAS_SAID_TEXT
#define SAAS_SAID_OWN_NUMBER SAAS_SAID_NUMBER
#define SAAS_SAID_OWN_FLAG SAAS_SAID_NUMBER
#define SAAS_SAID_OWN_LIST SAAS_SAID_LIST
#define SAAS_SAID_OWN_2_OR_3 SAAS_SAID_TEXT
#define SAAS_SAID_OWN_RAW SAAS_SAID_NUMBER
#define SAAS_SAID_KEPT SAAS_SAID_TEXT
#define SAAS_MERGED_(of, kind, member, ...) merged->member = SAAS_SAID_##kind(add, member) ? add->member : base->member;

#define SAAS_GETTER_(of, kind, member, ...) \
    static inline SAAS_TYPE_##kind of##_##member(const server_rec *s) \
    { \
        const of##_t *conf = of##_of(s); \
        return SAAS_SAID_##kind(conf, member) ? conf->member : of##_standard.member; \
    }

#define SAAS_BITS(where) ((where) & 0xffff)
#define SAAS_TAKES_1(of, name, where, help) \
    AP_INIT_TAKE1(name, saas_directive_take, (void *)&of##_directives, SAAS_BITS(where), help),
#define SAAS_COMMAND_FLAG(of, name, where, help, ...) \
    AP_INIT_FLAG(name, saas_directive_flag, (void *)&of##_directives, SAAS_BITS(where), help),
#define SAAS_COMMAND_NUMBER(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_SIZE(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_INTERVAL(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_WORD(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_TEXT(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_EXPRESSION(of, name, where, help, ...) SAAS_TAKES_1(of, name, where, help)
#define SAAS_COMMAND_LIST(of, name, where, help, ...) \
    AP_INIT_ITERATE(name, saas_directive_take, (void *)&of##_directives, SAAS_BITS(where), help),
#define SAAS_COMMAND_OWN(of, name, where, help, function) AP_INIT_TAKE1(name, function, NULL, SAAS_BITS(where), help),
#define SAAS_COMMAND_OWN_NUMBER SAAS_COMMAND_OWN
#define SAAS_COMMAND_OWN_FLAG(of, name, where, help, function) AP_INIT_FLAG(name, function, NULL, SAAS_BITS(where), help),
#define SAAS_COMMAND_OWN_LIST(of, name, where, help, function) \
    AP_INIT_ITERATE(name, function, NULL, SAAS_BITS(where), help),
#define SAAS_COMMAND_OWN_2_OR_3(of, name, where, help, function) \
    AP_INIT_TAKE23(name, function, NULL, SAAS_BITS(where), help),
#define SAAS_COMMAND_OWN_RAW(of, name, where, help, function) \
    AP_INIT_RAW_ARGS(name, function, NULL, SAAS_BITS(where), help),
#define SAAS_COMMAND_KEPT(of, name, where, help, ...)
#define SAAS_COMMAND_(of, kind, member, name, where, standard, allowed, help) \
    SAAS_COMMAND_##kind(of, name, where, help, allowed)

#define SAAS_ALLOWED_FLAG(...) __VA_ARGS__
#define SAAS_ALLOWED_NUMBER(...) __VA_ARGS__
#define SAAS_ALLOWED_SIZE(...) __VA_ARGS__
#define SAAS_ALLOWED_INTERVAL(...) __VA_ARGS__
#define SAAS_ALLOWED_WORD(...) __VA_ARGS__
#define SAAS_ALLOWED_TEXT(...) __VA_ARGS__
#define SAAS_ALLOWED_EXPRESSION(...) __VA_ARGS__
#define SAAS_ALLOWED_LIST(...) __VA_ARGS__
#define SAAS_ALLOWED_OWN(...) SAAS_ANY
#define SAAS_ALLOWED_OWN_NUMBER(...) SAAS_ANY
#define SAAS_ALLOWED_OWN_FLAG(...) SAAS_ANY
#define SAAS_ALLOWED_OWN_LIST(...) SAAS_ANY
#define SAAS_ALLOWED_OWN_2_OR_3(...) SAAS_ANY
#define SAAS_ALLOWED_OWN_RAW(...) SAAS_ANY
#define SAAS_ALLOWED_KEPT(...) SAAS_ANY
#define SAAS_LINE_(of, kind_, member, name_, where_, standard_, allowed, help) \
    { .name = (name_), .kind = SAAS_KIND_##kind_, .at = APR_OFFSETOF(of##_t, member), .where = (where_), \
      .standard = (standard_), SAAS_ALLOWED_##kind_(allowed) },

/* What DEFINE makes for servers and sections alike. */
#define SAAS_DIRECTIVES_COMMON_(name, module_, LIST_, section_) \
    static const saas_directive_t name##_lines[] = { LIST_(SAAS_LINE_, name) }; \
    static const saas_directives_t name##_directives \
        = { &module_, section_, name##_lines, sizeof(name##_lines) / sizeof(name##_lines[0]) }; \
    static void *name##_unset(apr_pool_t *p) \
    { \
        name##_t *conf = apr_pcalloc(p, sizeof(*conf)); \
        LIST_(SAAS_UNSET_, name) \
        return conf; \
    } \
    void *name##_merge(apr_pool_t *p, void *base_, void *add_) \
    { \
        const name##_t *base = base_, *add = add_; \
        name##_t *merged = apr_palloc(p, sizeof(*merged)); \
        LIST_(SAAS_MERGED_, name) \
        return merged; \
    }

/** The lines as rows of a command table. */
#define SAAS_COMMANDS(name, LIST_) LIST_(SAAS_COMMAND_, name)

/** Of a server's directives: the struct name_t, name_of(s), and the getters. */
#define SAAS_DIRECTIVES_DECLARE(name, module_, LIST_) \
    typedef struct name##_t { LIST_(SAAS_MEMBER_, name) } name##_t; \
    extern name##_t name##_standard; \
    extern const command_rec name##_commands[]; \
    void *name##_create(apr_pool_t *p, server_rec *s); \
    void *name##_merge(apr_pool_t *p, void *base, void *add); \
    extern module AP_MODULE_DECLARE_DATA module_; \
    static inline name##_t *name##_of(const server_rec *s) \
    { \
        return (name##_t *)ap_get_module_config(s->module_config, &module_); \
    } \
    LIST_(SAAS_GETTER_, name)

/** Once in a module: name_create, name_merge; with SAAS_DIRECTIVES_DEFINE also name_commands. */
#define SAAS_DIRECTIVES_DEFINE(name, module_, LIST_) \
    SAAS_SERVER_DEFINE(name, module_, LIST_) \
    const command_rec name##_commands[] = { SAAS_COMMANDS(name, LIST_) { NULL } };
#define SAAS_SERVER_DEFINE(name, module_, LIST_) \
    SAAS_DIRECTIVES_COMMON_(name, module_, LIST_, 0) \
    name##_t name##_standard; \
    void *name##_create(apr_pool_t *p, server_rec *s) \
    { \
        (void)s; \
        name##_standard = *(name##_t *)name##_unset(p); \
        saas_directives_standard(&name##_directives, p, &name##_standard); \
        return name##_unset(p); \
    }

/** The same for directives of sections, whose members are read as they are: name_t; name_create, name_merge. */
#define SAAS_SECTION_DECLARE(name, LIST_) \
    typedef struct name##_t { LIST_(SAAS_MEMBER_, name) } name##_t; \
    void *name##_create(apr_pool_t *p, char *path); \
    void *name##_merge(apr_pool_t *p, void *base, void *add);
#define SAAS_SECTION_DEFINE(name, module_, LIST_) \
    SAAS_DIRECTIVES_COMMON_(name, module_, LIST_, 1) \
    void *name##_create(apr_pool_t *p, char *path) \
    { \
        (void)path; \
        return name##_unset(p); \
    }

/** Checks for SAAS_CHECKED.  An http:// or https:// URL without user, query and fragment; a slash at its end goes. */
static inline const char *saas_check_url(apr_pool_t *p, const char *arg, const char **value)
{
    const unsigned char *c = (const unsigned char *)arg;
    apr_size_t len = strlen(arg);
    apr_uri_t uri;
    while (*c > ' ' && *c < 0x7f && !strchr("\"<>", *c)) {
        c++;
    }
    if (*c || len > 255 || apr_uri_parse(p, arg, &uri) != APR_SUCCESS || !uri.scheme || !uri.hostname || !*uri.hostname
        || uri.query || uri.fragment || uri.user || (strcmp(uri.scheme, "https") && strcmp(uri.scheme, "http"))) {
        return apr_psprintf(p, "\"%s\" is not an http:// or https:// URL without user, query and fragment", arg);
    }
    while (len && arg[len - 1] == '/') {
        len--;
    }
    *value = apr_pstrmemdup(p, arg, len);
    return NULL;
}

/** A page of somebody's: an http:// or https:// URL of visible ASCII, which may have a query and a fragment. */
static inline const char *saas_check_web_page(apr_pool_t *p, const char *arg, const char **value)
{
    const unsigned char *c = (const unsigned char *)arg;
    (void)value;
    while (*c > ' ' && *c < 0x7f && !strchr("\"<>", *c)) {
        c++;
    }
    return *c || (strncmp(arg, "https://", 8) && strncmp(arg, "http://", 7))
               ? apr_psprintf(p, "\"%s\" is not an http:// or https:// URL", arg)
               : NULL;
}

/** Visible ASCII, 1 to 255 characters: it may stand in a header or a form. */
static inline const char *saas_check_plain(apr_pool_t *p, const char *arg, const char **value)
{
    const unsigned char *c = (const unsigned char *)arg;
    (void)p, (void)value;
    while (*c > ' ' && *c < 0x7f) {
        c++;
    }
    return *c || !*arg || strlen(arg) > 255 ? "it is empty, too long or contains white space" : NULL;
}

/** What something is called: 1 to 100 bytes of UTF-8 without control characters and line separators (U+0080 to U+009F, U+2028
 *  and U+2029 too), so that it may stand in a line, a title and a header of mail. */
static inline const char *saas_check_label(apr_pool_t *p, const char *arg, const char **value)
{
    const unsigned char *c = (const unsigned char *)arg;
    json_t *text = json_string(arg);
    (void)p, (void)value;
    while (*c >= ' ' && *c != 0x7f && !(c[0] == 0xc2 && c[1] < 0xa0) && !(c[0] == 0xe2 && c[1] == 0x80 && (c[2] | 1) == 0xa9)) {
        c++;
    }
    json_decref(text);
    return *c || !*arg || strlen(arg) > 100 || !text ? "1 to 100 bytes of UTF-8 without control characters" : NULL;
}

static inline const char *saas_check_there(apr_pool_t *p, const char *arg, const char **value, apr_filetype_e type)
{
    apr_finfo_t info;
    *value = ap_server_root_relative(p, arg);
    return *value && apr_stat(&info, *value, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == type
               ? NULL
               : apr_psprintf(p, "there is no %s %s", type == APR_DIR ? "folder" : "file", arg);
}

/** A folder, or a file, that is there; relative to ServerRoot. */
static inline const char *saas_check_folder(apr_pool_t *p, const char *arg, const char **value)
{
    return saas_check_there(p, arg, value, APR_DIR);
}

static inline const char *saas_check_file(apr_pool_t *p, const char *arg, const char **value)
{
    return saas_check_there(p, arg, value, APR_REG);
}

/* The host's own files call the implementations instead. */
#ifndef SAAS_HOST_SIDE

/* Database ------------------------------------------------------------- */

/** Borrows a connection for a unit of work that acts for org_id (NULL: only
 *  SAAS_SYSTEM statements).  Waits at most SaasDBWait, then SAAS_EUNAVAILABLE.
 *  A thread holds at most one. */
static inline apr_status_t saas_db_open(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id)
{
    return saas_host()->db_open(db, p, s, org_id);
}

/** The same, for the request's own organization. */
static inline apr_status_t saas_request_db(saas_request_t *rq, saas_db_t **db)
{
    return saas_host()->db_open(db, rq->pool, rq->r->server, rq->who->org_id);
}

/** Gives the connection back; an open transaction is rolled back.  NULL is
 *  allowed.  Pool destruction does it too. */
static inline void saas_db_close(saas_db_t *db)
{
    saas_host()->db_close(db);
}

/** Changes the organization that tenant statements act for: the one a
 *  transaction has just created, or the one an event was found to belong to. */
static inline apr_status_t saas_db_set_organization(saas_db_t *db, const char *org_id)
{
    return saas_host()->db_set_organization(db, org_id);
}

/** Since minor 6.  Before a long read: from here on the unit of work is one on the standby that SaasExportDB names, if that
 *  has what the database has committed by now, and mod_dbd's connection is free for others.  Else, and where there is no
 *  such directive, all stays as it was.  Not inside a transaction, and nothing is written afterwards.  Each wait for
 *  the standby is SaasDBTimeout at most, for its being behind 100 ms.  True: it is the standby. */
static inline int saas_db_to_replica(saas_db_t *db)
{
    return saas_host()->db_to_replica(db);
}

/** Begins a transaction (SQLite: BEGIN IMMEDIATE for SAAS_WRITE). */
static inline apr_status_t saas_db_begin(saas_db_t *db, saas_transaction_e mode)
{
    return saas_host()->db_begin(db, mode);
}

/** Runs a statement and waits for its result, which lives in the pool given to
 *  saas_db_open().  Outside a transaction it is one of its own. */
static inline apr_status_t saas_db_query(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows,
                                         const char *const *args, int nargs)
{
    return saas_host()->db_query(db, st, rows, args, nargs);
}

/** Runs a statement inside a transaction without waiting for its result: on
 *  PostgreSQL it travels with the next one that waits.  Its error is returned
 *  by that one, or by saas_db_commit(). */
static inline apr_status_t saas_db_queue(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs)
{
    return saas_host()->db_queue(db, st, args, nargs);
}

/** Since minor 5.  As saas_db_queue(), of a statement whose rows are wanted: *rows is NULL until the transaction's next
 *  saas_db_query() has succeeded, and must be good until then.  So several answers are one wait. */
static inline apr_status_t saas_db_queue_rows(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows,
                                              const char *const *args, int nargs)
{
    return saas_host()->db_queue_rows(db, st, rows, args, nargs);
}

/** Commits; anything but APR_SUCCESS means that nothing was changed, or, for
 *  SAAS_EUNAVAILABLE, that it is not known. */
static inline apr_status_t saas_db_commit(saas_db_t *db)
{
    return saas_host()->db_commit(db);
}

/** Rolls back; harmless without a transaction. */
static inline void saas_db_rollback(saas_db_t *db)
{
    saas_host()->db_rollback(db);
}

/** Runs body() in a SAAS_WRITE transaction: commits when it returns
 *  APR_SUCCESS, else rolls back and returns its status.  A serialization
 *  failure is tried again twice, so body() must set its results anew. */
static inline apr_status_t saas_db_transaction(saas_db_t *db, apr_status_t (*body)(saas_db_t *db, void *baton),
                                               void *baton)
{
    return saas_host()->db_transaction(db, body, baton);
}

/** Runs one statement on a connection borrowed for it. */
static inline apr_status_t saas_query(saas_request_t *rq, saas_statement_t *st, saas_rows_t **rows,
                                      const char *const *args, int nargs)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, st, rows, args, nargs);
        saas_db_close(db);
    }
    return rv;
}

/** Streams the rows of a SAAS_TENANT SELECT as RFC 4180 records (CRLF), one
 *  sink call per record, from one snapshot and in constant memory: COPY on
 *  PostgreSQL, one stepped statement on SQLite.  Cells go through the formula
 *  guard.  Columns are text, integers, uuid or timestamptz; cast others to
 *  text.  On PostgreSQL the arguments travel as settings, where an empty
 *  string is NULL.  A sink that fails ends the statement at once; its status
 *  is returned.  A time outside the years 1 to 9999 becomes an empty cell; on
 *  SQLite where the statement has saas_time() around it. */
static inline apr_status_t saas_db_stream(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                          apr_status_t (*sink)(void *baton, const char *data, apr_size_t len),
                                          void *baton)
{
    return saas_host()->db_stream(db, st, args, nargs, sink, baton);
}

/** Since minor 5.  The same, for what is no CSV: one sink call per row, with its cells as text, lengths[i] bytes each and no
 *  NUL behind them, which live until the call returns.  They are as they are stored, without the formula guard; times are as
 *  saas_time_text() writes them.  NULL: SQL NULL, and on PostgreSQL a time without a form; on SQLite that is empty. */
static inline apr_status_t saas_db_stream_cells(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                                apr_status_t (*sink)(void *baton, const char *const *cells,
                                                                     const apr_size_t *lengths), void *baton)
{
    return saas_host()->db_stream_cells(db, st, args, nargs, sink, baton);
}

/** Since minor 3.  How many times of the last stream became empty cells because they
 *  have no form; before the connection is closed. */
static inline apr_uint64_t saas_db_stream_blanks(const saas_db_t *db)
{
    return saas_host()->db_stream_blanks(db);
}

/** Since minor 5.  Writes many rows by one statement, in a transaction: on PostgreSQL they come by COPY, as the rows of a
 *  table saas_rows with columns c1, c2, … of type text, from which the statement selects; on SQLite it is run for each
 *  row, whose cells follow the arguments.  Its two texts differ therefore.  *affected, which may be NULL: rows that were
 *  written.  Every call is an answer awaited (SaasDBTimeout), so give it some thousand rows, not a million. */
static inline apr_status_t saas_db_load(saas_db_t *db, saas_statement_t *st, const saas_rows_t *rows,
                                        const char *const *args, int nargs, apr_int64_t *affected)
{
    return saas_host()->db_load(db, st, rows, args, nargs, affected);
}

/** Since minor 5.  A file in p that has no name any more, in SaasSpoolDir or the system's folder for temporary files: for
 *  what is too large for memory.  It is gone with p, or the process. */
static inline apr_status_t saas_temporary_file(apr_file_t **file, apr_pool_t *p, server_rec *s)
{
    return saas_host()->temporary_file(file, p, s);
}

/* Request -------------------------------------------------------------- */

/** A path parameter, as the client sent it; never NULL for one of the route's.
 *  The host has checked that an object's is a UUID and lower-cased it. */
static inline const char *saas_request_parameter(saas_request_t *rq, const char *name)
{
    return saas_host()->request_parameter(rq, name);
}

/** A query parameter, decoded; NULL when absent. */
static inline const char *saas_request_query(saas_request_t *rq, const char *name)
{
    return saas_host()->request_query(rq, name);
}

/** Since minor 3.  The same for a filter: one without a value, as a form sends
 *  what nobody has filled in, filters nothing. */
static inline const char *saas_request_filter(saas_request_t *rq, const char *name)
{
    const char *value = saas_request_query(rq, name);
    return value && *value ? value : NULL;
}

/** A query parameter that must be one of choices (NULL-terminated, exact
 *  match); NULL when absent or empty.  Another value is noted as a field error. */
static inline const char *saas_request_choice(saas_request_t *rq, const char *name, const char *const *choices)
{
    return saas_host()->request_choice(rq, name, choices);
}

/** A pattern for LIKE … ESCAPE '\' that finds the text anywhere, its wildcards taken as they are; NULL for NULL. */
static inline const char *saas_like_pattern(apr_pool_t *p, const char *text)
{
    char *pattern, *to;
    if (!text) {
        return NULL;
    }
    pattern = to = (char *)apr_palloc(p, 2 * strlen(text) + 3);
    *to++ = '%';
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '%';
    *to = '\0';
    return pattern;
}

/** The filter that a query asks for, by status, severity, check (or check_name), search, resource_id and muted; what is
 *  wrong is noted as field errors.  A parameter without a value says nothing. */
static inline saas_finding_filter_t saas_finding_filter(saas_request_t *rq)
{
    static const char *const statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR", NULL };
    static const char *const severities[] = { "critical", "high", "medium", "low", "informational", NULL };
    static const char *const truths[] = { "true", "false", NULL };
    saas_finding_filter_t filter;

    filter.status = saas_request_choice(rq, "status", statuses);
    filter.severity = saas_request_choice(rq, "severity", severities);
    filter.check = saas_request_filter(rq, "check");
    if (!filter.check) {
        filter.check = saas_request_filter(rq, "check_name");
    }
    filter.search = saas_request_filter(rq, "search");
    filter.pattern = saas_like_pattern(rq->pool, filter.search);
    filter.resource = saas_request_filter(rq, "resource_id");
    filter.muted = saas_request_choice(rq, "muted", truths);
    return filter;
}

/** True when nothing is left out. */
static inline int saas_finding_filter_is_empty(const saas_finding_filter_t *f)
{
    return !f->status && !f->severity && !f->check && !f->search && !f->resource && !f->muted;
}

/** A text field of the JSON body, trimmed, of at most max code points; NULL
 *  when absent or wrong, which then is noted in rq->errors. */
static inline const char *saas_request_field(saas_request_t *rq, const char *name, unsigned flags, int max)
{
    return saas_host()->request_field(rq, name, flags, max);
}

/** Since minor 5.  Reads on in the body of a SAAS_BODY_UNREAD route, at most room bytes; waits for the client, so hold
 *  no connection meanwhile.  OK: *len bytes, 0 at the end.  Else what the handler has to return. */
static inline int saas_request_read(saas_request_t *rq, char *to, apr_size_t room, apr_size_t *len)
{
    return saas_host()->request_read(rq, to, room, len);
}

/** Notes a field error; field NULL: "non_field_errors". */
static inline void saas_request_error(saas_request_t *rq, const char *field, const char *message)
{
    saas_host()->request_error(rq, field, message);
}

/** ?page= and ?page_size= (default 50, at most 200).  False: wrong, noted. */
static inline int saas_request_page(saas_request_t *rq, saas_page_t *page)
{
    return saas_host()->request_page(rq, page);
}

/** Absolute URL of the mount point, without a slash at its end; for what the
 *  caller is shown.  A Host that is no name of this server does not get into it. */
static inline const char *saas_request_base_url(saas_request_t *rq)
{
    return saas_host()->request_base_url(rq);
}

/** Since minor 3.  The same for what is sent to somebody else: made of the
 *  configuration, of nothing that the client has said. */
static inline const char *saas_request_canonical_url(saas_request_t *rq)
{
    return saas_host()->request_canonical_url(rq);
}

/** Since minor 3.  True for a browser that goes to a page, as against a program
 *  or a script of a page. */
static inline int saas_request_is_browser(saas_request_t *rq)
{
    return saas_host()->request_is_browser(rq);
}

/* Reply ---------------------------------------------------------------- */

/** Answers with JSON; steals the reference to body (NULL: no body). */
static inline int saas_reply_json(saas_request_t *rq, int status, json_t *body)
{
    return saas_host()->reply_json(rq, status, body);
}

/** Answers {"detail": …, "code": …}. */
static inline int saas_reply_error(saas_request_t *rq, int status, const char *code, const char *detail)
{
    return saas_host()->reply_error(rq, status, code, detail);
}

/** Answers 400 with the field errors in rq->errors. */
static inline int saas_reply_errors(saas_request_t *rq)
{
    return saas_host()->reply_errors(rq);
}

/** Answers a failed call: 503 for SAAS_EUNAVAILABLE and SAAS_ESERIALIZATION, since
 *  minor 4 403 "limit_reached" for SAAS_ELIMIT, else 500; logs what it was.  Close
 *  the connection before: what is used is looked up. */
static inline int saas_reply_failure(saas_request_t *rq, apr_status_t rv)
{
    return saas_host()->reply_failure(rq, rv);
}

/** Answers 404, byte for byte as for an object of another organization. */
static inline int saas_reply_not_found(saas_request_t *rq)
{
    return saas_host()->reply_verdict(rq, SAAS_OUTSIDER);
}

/** Answers a refusal as a gate would. */
static inline int saas_reply_verdict(saas_request_t *rq, saas_verdict_e verdict)
{
    return saas_host()->reply_verdict(rq, verdict);
}

/** Since minor 2.  Answers a list with the page that ?page= and ?page_size= ask
 *  for: the whole work of most list handlers.  st is run with args and, behind
 *  them, the page's limit and offset; the last column of its rows is how many
 *  there are on all pages.  Field errors noted before are answered instead, and
 *  no statement is run; 404 "Invalid page." past the end. */
static inline int saas_reply_list(saas_request_t *rq, const saas_json_member_t *members, saas_statement_t *st,
                                  const char *const *args, int nargs)
{
    return saas_host()->reply_list(rq, members, st, args, nargs);
}

/** Since minor 2.  Answers a list with the first rows of a result, of count in
 *  all; next and previous are URLs or NULL. */
static inline int saas_reply_rows(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows,
                                  int shown, apr_int64_t count, const char *next, const char *previous)
{
    return saas_host()->reply_rows(rq, members, rows, shown, count, next, previous);
}

/** Since minor 2.  One row as the list has it; a new reference. */
static inline json_t *saas_row_json(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows,
                                    int row)
{
    return saas_host()->row_json(rq, members, rows, row);
}

/** Answers a page of a list that is no statement's result; steals results.  404
 *  "Invalid page." past the end. */
static inline int saas_reply_page(saas_request_t *rq, const saas_page_t *page, apr_int64_t count, json_t *results)
{
    return saas_host()->reply_page(rq, page, count, results);
}

/** Answers 429 with Retry-After. */
static inline int saas_reply_throttled(saas_request_t *rq, int seconds)
{
    return saas_host()->reply_throttled(rq, seconds);
}

/** Starts a streamed 200 reply, before a connection is borrowed for it.  A child
 *  has a bounded number of them at once (SaasExportsMax): SAAS_EUNAVAILABLE when
 *  all are in use and no place came free in SaasDBWait.  Set headers before the
 *  first write. */
static inline apr_status_t saas_stream_begin(saas_request_t *rq, const char *content_type, saas_stream_t **stream)
{
    return saas_host()->stream_begin(rq, content_type, stream);
}

/** Adds bytes (copied).  What a slow client has not taken goes to memory and
 *  then to a temporary file (SaasExportBuffer), so that a source is held up by
 *  its client for a moment at most.  Non-success: the client has gone, or the
 *  file cannot be written; end the stream. */
static inline apr_status_t saas_stream_write(saas_stream_t *stream, const char *data, apr_size_t len)
{
    return saas_host()->stream_write(stream, data, len);
}

/** Sends what is buffered now, as far as the client takes it. */
static inline apr_status_t saas_stream_flush(saas_stream_t *stream)
{
    return saas_host()->stream_flush(stream);
}

/** Ends the reply; close the connection to the database before, for this may
 *  wait for the client.  rv != APR_SUCCESS breaks the transfer visibly instead of
 *  ending a short file cleanly.  Returns what the handler returns. */
static inline int saas_stream_end(saas_stream_t *stream, apr_status_t rv)
{
    return saas_host()->stream_end(stream, rv);
}

/* Identity ------------------------------------------------------------- */

/** Writes an activity row for the organization of db, in its transaction.  rq
 *  may be NULL with actor_type set. */
static inline apr_status_t saas_activity(saas_db_t *db, saas_request_t *rq, const saas_activity_t *what)
{
    return saas_host()->activity(db, rq, what);
}

/** Since minor 6.  Founds an organization, in db's transaction, which acts for it from then on: its row, the founder's
 *  membership and the trail; where there are trials (SaasTrial), the founder's first organization has one.  SAAS_EUNIQUE: the
 *  slug that was asked for is taken. */
static inline apr_status_t saas_organization_found(saas_request_t *rq, saas_db_t *db, saas_founding_t *founding)
{
    return saas_host()->organization_found(rq, db, founding);
}

/** Creates a new session row for a user, in db's transaction; the cookie is
 *  sent by saas_session_cookie(), to be called after the commit. */
static inline apr_status_t saas_session_start(saas_request_t *rq, saas_db_t *db, const char *user_id)
{
    return saas_host()->session_start(rq, db, user_id);
}

/** Sets the cookie of the session started in this request. */
static inline void saas_session_cookie(saas_request_t *rq)
{
    saas_host()->session_cookie(rq);
}

/** Since minor 3.  The value of a cookie that saas_cookie_set() has set, as the
 *  client says it, or NULL. */
static inline const char *saas_cookie_get(saas_request_t *rq, const char *name)
{
    return saas_host()->cookie_get(rq, name);
}

/** Since minor 3.  Sets a cookie for so many seconds by the session cookie's
 *  rules: HttpOnly, SameSite, Domain, Secure, and __Host- before the name. */
static inline void saas_cookie_set(saas_request_t *rq, const char *name, const char *value, int seconds)
{
    saas_host()->cookie_set(rq, name, value, seconds);
}

/** Ends the session of this request, if it has one, and clears its cookie. */
static inline apr_status_t saas_session_end(saas_request_t *rq, saas_db_t *db)
{
    return saas_host()->session_end(rq, db);
}

/** Counts one event for key in a bucket ("login") shared by all children.
 *  Returns 0, or the seconds to wait when limit events have been counted in
 *  the window already. */
static inline int saas_throttle(const char *bucket, const char *key, int limit, int window_seconds)
{
    return saas_host()->throttle(bucket, key, limit, window_seconds);
}

/** The same answer without counting. */
static inline int saas_throttle_peek(const char *bucket, const char *key, int limit, int window_seconds)
{
    return saas_host()->throttle_peek(bucket, key, limit, window_seconds);
}

/* Jobs ----------------------------------------------------------------- */

/** Adds background work, in db's transaction; call saas_jobs_wake() after the
 *  commit so that it starts at once.  payload is borrowed, may be NULL. */
static inline apr_status_t saas_job_enqueue(saas_db_t *db, const char *kind, const char *org_id,
                                            const char *object_id, json_t *payload, int delay_seconds)
{
    return saas_host()->job_enqueue(db, kind, org_id, object_id, payload, delay_seconds);
}

/** True when a loaded plugin runs jobs of this kind.  A row of another kind
 *  would wait for ever: ask before enqueueing work of another plugin's. */
static inline int saas_job_known(const char *kind)
{
    return saas_host()->job_known(kind);
}

/** For run(), which then returns an error: says why this attempt failed, for
 *  the log and the job's row (copied; no secrets).  final: another attempt
 *  would end the same way, the job is given up at once. */
static inline void saas_job_fail(saas_job_t *job, int final, const char *why)
{
    saas_host()->job_fail(job, final, why);
}

/** Removes a queued job and asks a running one to stop. */
static inline apr_status_t saas_job_cancel(saas_db_t *db, const char *kind, const char *object_id)
{
    return saas_host()->job_cancel(db, kind, object_id);
}

/** True when the job must stop: canceled, lease lost, server going down.  Also
 *  renews the lease when due, so call it often, and not while a connection is
 *  borrowed. */
static inline int saas_job_stopped(saas_job_t *job)
{
    return saas_host()->job_stopped(job);
}

/** True when saas_job_stopped() said so because somebody canceled the job. */
static inline int saas_job_canceled(saas_job_t *job)
{
    return saas_host()->job_canceled(job);
}

/** In a transaction: locks the job's row and makes sure that the lease is still
 *  this attempt's.  APR_EINTR: it is not, write nothing. */
static inline apr_status_t saas_job_fence(saas_job_t *job, saas_db_t *db)
{
    return saas_host()->job_fence(job, db);
}

/** Since minor 5.  For a job that has a long transaction open: runs body in another one, on a connection of its own, as
 *  saas_db_transaction() does.  APR_EBUSY: the database has one writer, which is this job (SQLite).  saas_job_stopped() may
 *  be called in such a transaction for the same reason: it renews the lease beside it. */
static inline apr_status_t saas_job_beside(saas_job_t *job, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    return saas_host()->job_beside(job, body, baton);
}

/** Since minor 3.  For the job that sends a message: has the plugin that knows
 *  the link make its token, in a transaction of its own, and puts it into url.
 *  APR_NOTFOUND: there is nothing to send any more.  APR_EINTR: the lease has
 *  been lost.  APR_ENOTIMPL: no plugin makes such a link, or url has no place
 *  for it. */
static inline apr_status_t saas_link_make(saas_job_t *job, const char *name, const char *object_id, const char *url,
                                          const char **link)
{
    return saas_host()->link_make(job, name, object_id, url, link);
}

/** Has this node look for queued jobs now. */
static inline void saas_jobs_wake(void)
{
    saas_host()->jobs_wake();
}

/* Counters ------------------------------------------------------------- */

/** Adds to a counter of the plugin's table, for the label value of that number
 *  (0 without a label); another number counts nothing.  Costs one atomic
 *  addition; from any thread, any number of times.  Counters are this node's
 *  and go on across restarts. */
static inline void saas_count(const saas_counter_t *counter, int value, apr_uint64_t amount)
{
    saas_host()->count(counter, value, amount);
}

/* Values --------------------------------------------------------------- */

/** A new UUIDv7 (RFC 9562), 36 characters. */
static inline const char *saas_uuid(apr_pool_t *p)
{
    return saas_host()->uuid(p);
}

/** A secret of 256 random bits behind a prefix ("saas_"). */
static inline apr_status_t saas_token_make(apr_pool_t *p, const char *prefix, const char **token)
{
    return saas_host()->token_make(p, prefix, token);
}

/** SHA-256 of a token, 64 hex digits: what is stored. */
static inline const char *saas_token_hash(apr_pool_t *p, const char *token)
{
    return saas_host()->token_hash(p, token);
}

/** Hashes a password (scrypt, PHC string).  Takes ~100 ms and 32 MiB. */
static inline apr_status_t saas_password_hash(apr_pool_t *p, const char *password, const char **stored)
{
    return saas_host()->password_hash(p, password, stored);
}

/** APR_SUCCESS or APR_EMISMATCH.  stored NULL (unknown user) costs the same
 *  time and is a mismatch.  *rehash: the stored form is weaker than today's. */
static inline apr_status_t saas_password_verify(apr_pool_t *p, const char *password, const char *stored, int *rehash)
{
    return saas_host()->password_verify(p, password, stored, rehash);
}

/** NULL, or why a password is not accepted. */
static inline const char *saas_password_check(apr_pool_t *p, const char *password, const char *email)
{
    return saas_host()->password_check(p, password, email);
}

/** The trimmed address and its case-folded key, or NULL when it is none. */
static inline const char *saas_email_parse(apr_pool_t *p, const char *text, const char **folded)
{
    return saas_host()->email_parse(p, text, folded);
}

/** A usable slug made from a name.  attempt 0: the plain one; when that is
 *  taken, 1, 2, …: with random digits behind it. */
static inline const char *saas_slug_make(apr_pool_t *p, const char *name, int attempt)
{
    return saas_host()->slug_make(p, name, attempt);
}

/** True for words of [a-z0-9] joined by single hyphens that do not look like an
 *  id, SAAS_SLUG_SHORTEST to SAAS_SLUG_LONGEST characters in all. */
static inline int saas_slug_is(const char *text)
{
    return saas_host()->slug_is(text);
}

/** A UUID in its canonical form (lower case), or NULL when text is none. */
static inline const char *saas_uuid_parse(apr_pool_t *p, const char *text)
{
    return saas_host()->uuid_parse(p, text);
}

/** ISO 8601 UTC, microseconds and Z, as the API and the statements take it. */
static inline const char *saas_time_text(apr_pool_t *p, apr_time_t t)
{
    return saas_host()->time_text(p, t);
}

/** Reads ISO 8601 in the API's form or as a database prints it. */
static inline apr_status_t saas_time_parse(const char *text, apr_time_t *t)
{
    return saas_host()->time_parse(text, t);
}

/** A time cell as JSON (null for NULL), in the API's form. */
static inline json_t *saas_cell_json_time(apr_pool_t *p, const saas_rows_t *rows, int row, int column)
{
    apr_time_t t;
    const char *text = saas_cell(rows, row, column);
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? json_string(saas_time_text(p, t)) : json_null();
}

/** A text cell as JSON (null for NULL). */
static inline json_t *saas_cell_json(const saas_rows_t *rows, int row, int column)
{
    const char *text = saas_cell(rows, row, column);
    return text ? json_string(text) : json_null();
}

/** Since minor 5.  Room that saas_json_quote() may need for a text of so many bytes. */
#define SAAS_JSON_ROOM(len) (6 * (apr_size_t)(len) + 2)

/** Since minor 5.  Writes a text as a JSON string, quotes and all, and no NUL; a byte that is no UTF-8 becomes U+FFFD.  to has
 *  SAAS_JSON_ROOM(len) bytes.  Returns the bytes written. */
static inline apr_size_t saas_json_quote(char *to, const char *text, apr_size_t len)
{
    return saas_host()->json_quote(to, text, len);
}

/** Reads a secret given to a directive: itself, "file:/path" (first line) or
 *  "env:NAME".  NULL, or what is wrong with it (never the value).  An empty
 *  secret is an error.  For directive handlers: p is the configuration's, and
 *  the secret lies on a page that core dumps leave out, as long as p lives.  Do
 *  not copy it, or wipe the copy. */
static inline const char *saas_secret_read(apr_pool_t *p, const char *value, const char **secret)
{
    return saas_host() ? saas_host()->secret_read(p, value, secret) : "mod_saas must be loaded";
}

/** Checks for SAAS_CHECKED: a secret, given as saas_secret_read() reads it; a key, which has no blanks in it either. */
static inline const char *saas_check_secret(apr_pool_t *p, const char *arg, const char **value)
{
    return saas_secret_read(p, arg, value);
}

static inline const char *saas_check_key(apr_pool_t *p, const char *arg, const char **value)
{
    const char *wrong = saas_secret_read(p, arg, value);
    return wrong ? wrong : saas_check_plain(p, *value, value);
}

/* Plans ---------------------------------------------------------------- */

/** Since minor 4.  The plans of SaasPlan in the order of their rank, new: [{"name", "rank", "prices": [id], "features": [name]
 *  or null for all, "limits": [{"name", "limit", "per": null, "day" or "month"}], "seats": bool}]; empty: there are none. */
static inline json_t *saas_plans(void)
{
    return saas_host()->plans();
}

/* Address guard -------------------------------------------------------- */

/** Since minor 4.  Check for SAAS_CHECKED: an address range for saas_guard_make(), "127.0.0.0/8", "::1". */
static inline const char *saas_check_range(apr_pool_t *p, const char *arg, const char **value)
{
    (void)value;
    return saas_host() ? saas_host()->guard_check(p, arg) : "mod_saas must be loaded";
}

/** Since minor 4.  A guard in p that admits the ranges (const char *, each checked by saas_check_range()) on any port, and
 *  else what is globally routable (IANA's special-purpose registries) on the web's ports. */
static inline const saas_guard_t *saas_guard_make(apr_pool_t *p, const apr_array_header_t *ranges)
{
    return saas_host()->guard_make(p, ranges);
}

/** Since minor 6.  Check for SAAS_CHECKED: a port for saas_guard_make_ports(), "9443". */
static inline const char *saas_check_port(apr_pool_t *p, const char *arg, const char **value)
{
    (void)value;
    return saas_host() ? saas_host()->guard_check_port(p, arg) : "mod_saas must be loaded";
}

/** Since minor 6.  As saas_guard_make(), and what is globally routable on these ports, too (const char *, each checked by
 *  saas_check_port()). */
static inline const saas_guard_t *saas_guard_make_ports(apr_pool_t *p, const apr_array_header_t *ranges,
                                                        const apr_array_header_t *ports)
{
    return saas_host()->guard_make_ports(p, ranges, ports);
}

/** Since minor 6.  The guard's ports in p, for a message: "80, 443, 8080 or 8443". */
static inline const char *saas_guard_ports(apr_pool_t *p, const saas_guard_t *guard)
{
    return saas_host()->guard_ports(p, guard);
}

/** Since minor 4.  The same guard in p, which also refuses the addresses that this machine has now, unless they are
 *  listed.  Make one for each run of what calls: addresses come and go. */
static inline const saas_guard_t *saas_guard_here(apr_pool_t *p, const saas_guard_t *guard)
{
    return saas_host()->guard_here(p, guard);
}

/** Since minor 4.  To be asked for each connection, with the address that the kernel is about to connect to (libcurl:
 *  CURLOPT_OPENSOCKETFUNCTION), and never for a name: what a name resolves to next time is another's to say. */
static inline saas_admission_e saas_guard_ask(const saas_guard_t *guard, const struct sockaddr *peer)
{
    return saas_host()->guard_ask(guard, peer);
}

/** Since minor 4.  False: whatever address a name turns out to have, this port would be refused. */
static inline int saas_guard_port(const saas_guard_t *guard, int port)
{
    return saas_host()->guard_port(guard, port);
}

/* Limits --------------------------------------------------------------- */

/** Since minor 4.  Takes n of what the plan of the request's organization limits, in db's transaction, which is for that
 *  organization, and in which those n have just been written.  The database decides, whoever else takes: what two
 *  statements say that are queued, so that the answer, SAAS_ELIMIT, may come with any later call, at the latest with the
 *  commit; roll back, and let saas_reply_failure() say it.  What is rolled back is not taken.
 *
 *  SAAS_LIMIT_HELD: what is there is counted, so there is nothing to give back when some of it goes.  SAAS_LIMIT_COUNTED:
 *  counted also where no plan limits it.  SAAS_LIMIT_EACH: compared at once; db may be NULL.  A name that no plugin
 *  declares is limited by no plan.
 *
 *  rq may be NULL in saas_limit_take_of(): nobody is to be told. */
static inline apr_status_t saas_limit_take_of(saas_request_t *rq, saas_db_t *db, saas_standing_t standing,
                                              const char *name, apr_int64_t n)
{
    return saas_host()->limit_take(rq, db, &standing, name, n, 0);
}

static inline apr_status_t saas_limit_take(saas_request_t *rq, saas_db_t *db, const char *name, apr_int64_t n)
{
    const saas_standing_t standing = { rq->who->has_active_subscription, rq->who->price };
    return saas_host()->limit_take(rq, db, &standing, name, n, 0);
}

/** Since minor 4.  The same for what is only promised, of SAAS_LIMIT_HELD: what is there and what has been promised are
 *  together no more than the limit.  A promise is no right: who keeps it takes. */
static inline apr_status_t saas_limit_promise(saas_request_t *rq, saas_db_t *db, const char *name, apr_int64_t n)
{
    const saas_standing_t standing = { rq->who->has_active_subscription, rq->who->price };
    return saas_host()->limit_take(rq, db, &standing, name, n, 1);
}

/** Since minor 4.  The plan of the request's organization and what of all declared limits it has used; a new reference:
 *  {"plan": "pro" or null, "limits": [{"name", "limit", "used", "per", "resets_at"}]}.  One round trip. */
static inline apr_status_t saas_limits_usage(saas_request_t *rq, json_t **usage)
{
    return saas_host()->limits_usage(rq, usage);
}

#endif /* SAAS_HOST_SIDE */

/** A line of the error log: tag "SAAS1234", the object, the way out. */
#define SAAS_LOG(s, level, rv, tag, ...) \
    ap_log_error(APLOG_MARK, level, rv, s, tag ": " __VA_ARGS__)
#define SAAS_RLOG(r, level, rv, tag, ...) \
    ap_log_rerror(APLOG_MARK, level, rv, r, tag ": " __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
