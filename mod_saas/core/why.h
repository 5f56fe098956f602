#ifndef SAAS_CORE_WHY_H
#define SAAS_CORE_WHY_H

/*
 * Why somebody is refused, in words for the operator: the fact that decided, since when and by whom it is so, and the
 * way out.  The server says it in its log, saasctl on request.  Never for a client; and never with a token, a secret or
 * a whole e-mail address in it: people are named by their ids.
 *
 * A kind of refusal is one row of the table in why.c.
 */

#include "decide.h"

#include <apr_time.h>

/* -------------------------------------------------------------- history -- */

/** How many of an organization's newest entries of the trail are looked through: no refusal may cost more. */
#define SAAS_WHY_TRAIL "2000"

/** The newest entry x of an organization's that a condition holds for; the organization is the first parameter. */
#define SAAS_WHY_NEWEST(columns, condition) \
    "SELECT " columns " FROM activity x WHERE x.org_id = $1::uuid AND x.id > coalesce((SELECT y.id FROM activity y" \
    " WHERE y.org_id = $1::uuid ORDER BY y.id DESC LIMIT 1 OFFSET " SAAS_WHY_TRAIL ")," \
    " '00000000-0000-0000-0000-000000000000'::uuid) AND (" condition ") ORDER BY x.id DESC LIMIT 1"

/** A known user and an organization.  Parameters: user, organization by id, or by slug, API token; all but the first
 *  may be NULL.  One row. */
#define SAAS_WHY_KNOWN_SQL \
    "SELECT o.id, o.slug, o.deleted_at, m.role, m.updated_at, t.role, t.organization_id, o.subscription_status" \
    " FROM users u" \
    " LEFT JOIN organizations o ON o.id = coalesce($2::uuid," \
    " (SELECT n.id FROM organizations n WHERE n.slug = $3::text))" \
    " LEFT JOIN memberships m ON m.org_id = o.id AND m.user_id = u.id" \
    " LEFT JOIN tokens t ON t.id = $4::uuid" \
    " WHERE u.id = $1::uuid"

/** What its trail says of the user's membership.  Parameters: organization, user. */
#define SAAS_WHY_MEMBER_SQL \
    SAAS_WHY_NEWEST("x.created_at, x.actor_type, x.actor_id, x.action", \
                    "(x.target_id = $2::text AND x.action IN" \
                    " ('member.role_changed', 'member.added', 'member.removed', 'member.left'))" \
                    " OR (x.action = 'organization.created' AND x.actor_id = $2::text)" \
                    " OR (x.action = 'invite.accepted' AND x.new_value ->> 'user' = $2::text" \
                    " AND coalesce(CAST(x.new_value ->> 'joined' AS text), 'true') NOT IN ('false', '0'))")

/** And of its subscription and its trial.  Parameter: organization. */
#define SAAS_WHY_PAID_SQL \
    SAAS_WHY_NEWEST("x.created_at, x.actor_type, x.actor_id", \
                    "x.action IN ('subscription.changed', 'trial.started', 'trial.ended')")

/** A credential that is nobody's.  Parameter: its hash, or the e-mail's key. */
#define SAAS_WHY_TOKEN_SQL \
    "SELECT t.id, t.user_id, t.revoked_at, t.expires_at, t.expires_at <= now(), u.is_active FROM tokens t" \
    " JOIN users u ON u.id = t.user_id WHERE t.hash = $1"
#define SAAS_WHY_SESSION_SQL \
    "SELECT t.id, t.user_id, NULL, t.expires_at, t.expires_at <= now(), u.is_active FROM sessions t" \
    " JOIN users u ON u.id = t.user_id WHERE t.hash = $1"
#define SAAS_WHY_SERVER_SQL "SELECT NULL, u.id, NULL, NULL, NULL, u.is_active FROM users u WHERE u.email_key = $1"

/** Columns of the history of a known user, as the three have them one after the other. */
enum { SAAS_WHY_ORG, SAAS_WHY_SLUG, SAAS_WHY_DELETED, SAAS_WHY_ROLE, SAAS_WHY_ROLE_SINCE, SAAS_WHY_CAP, SAAS_WHY_BOUND,
       SAAS_WHY_STATUS, SAAS_WHY_AT, SAAS_WHY_ACTOR, SAAS_WHY_ACTOR_ID, SAAS_WHY_ACTION, SAAS_WHY_PAID_AT,
       SAAS_WHY_PAID_ACTOR, SAAS_WHY_EVENT, SAAS_WHY_KNOWN_COLUMNS };
/** Columns of a credential. */
enum { SAAS_WHY_CREDENTIAL, SAAS_WHY_USER, SAAS_WHY_REVOKED, SAAS_WHY_EXPIRES, SAAS_WHY_EXPIRED, SAAS_WHY_ACTIVE,
       SAAS_WHY_NOBODY_COLUMNS };

/* --------------------------------------------------------------- in words -- */

/** What the caller came with. */
typedef enum { SAAS_WHY_BY_NOTHING, SAAS_WHY_BY_TOKEN, SAAS_WHY_BY_SESSION, SAAS_WHY_BY_SERVER } saas_why_by_e;

/** How the organization was chosen. */
typedef enum {
    SAAS_WHY_DEFAULT, /**< none was named */
    SAAS_WHY_NAMED,   /**< by id or slug */
    SAAS_WHY_OBJECT,  /**< the one that an object belongs to */
    SAAS_WHY_NONSENSE /**< what was named can be no organization */
} saas_why_chosen_e;

/** A refusal, and what is known of it. */
typedef struct saas_why_t {
    saas_decision_e decision;
    const char *gate;           /**< as it is written; NULL: another module's Require line */
    int turned;                 /**< it stands under "not", and has granted */
    int plugin;                 /**< it is a plugin's */
    saas_why_by_e by;
    int malformed;              /**< a Bearer that can be no token */
    const char *elsewhere;      /**< SAAS_DECIDED_CROSS_SITE: what tells so */
    const char *user, *token;   /**< ids; NULL: nobody, no API token */
    const saas_facts_t *who;    /**< of a known user */
    apr_time_t ends_at;         /**< of the subscription; 0: open-ended, or there is none */
    saas_why_chosen_e chosen;
    const char *named;          /**< SAAS_WHY_NAMED: id or slug; SAAS_WHY_OBJECT: what it is */
    int looked;                 /**< the database was asked for the history */
    const char *const *history; /**< then: the row; NULL: there is none */
} saas_why_t;

typedef struct saas_why_told_t {
    const char *fact, *way_out;
} saas_why_told_t;

/** Says it, in the pool. */
void saas_why_tell(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told);

/** Would the history say more of this refusal? */
int saas_why_has_history(const saas_why_t *why);

/** The statements of a known user's history. */
typedef enum { SAAS_WHY_ASK_KNOWN, SAAS_WHY_ASK_MEMBER, SAAS_WHY_ASK_PAID } saas_why_ask_e;
/** Runs one of them; *row is NULL when there is none. */
typedef apr_status_t saas_why_ask_fn(void *baton, saas_why_ask_e what, const char *const *args, int nargs,
                                     const char *const **row);
/** Looks up what the history of a refusal says, one statement after the other: why->looked and why->history. */
apr_status_t saas_why_look(apr_pool_t *p, saas_why_t *why, const char *org_id, const char *slug, saas_why_ask_fn *ask,
                           void *baton);

/** The text of a Require line without whole e-mail addresses: ada@example.com is a...@example.com. */
const char *saas_why_mask(apr_pool_t *p, const char *text);

/** A time of the database for a person to read, to the second; "" for what is none. */
const char *saas_why_time(apr_pool_t *p, const char *text);

#endif
