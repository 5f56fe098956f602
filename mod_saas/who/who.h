/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file who.h
 * The room of identity: who calls, and for which organization - the request's context; and what belongs to somebody:
 * sessions, passwords, throttles, the trail of activity.
 */
#ifndef SAAS_WHO_H
#define SAAS_WHO_H

#include "config/config.h"

/** How the organization of a request is chosen. */
typedef enum {
    SAAS_CHOOSE_NOT = 0,   /**< only the user matters */
    SAAS_CHOOSE_DEFAULT,   /**< the token's, the user's default or only one */
    SAAS_CHOOSE_ID,        /**< by id */
    SAAS_CHOOSE_SLUG,      /**< by slug */
    SAAS_CHOOSE_OBJECT,    /**< the one that an object belongs to */
    SAAS_CHOOSE_NONE       /**< something was named that can be no organization */
} saas_choice_e;

typedef struct saas_selector_t {
    saas_choice_e choice;
    int object;            /**< SAAS_CHOOSE_OBJECT: number in saas_objects() */
    const char *value;     /**< id, slug or object id, canonical */
} saas_selector_t;

/** What proves who calls. */
typedef struct saas_credential_t {
    saas_credential_e by;
    const char *hash;      /**< SHA-256 of token or session, or the e-mail's key */
    const char *email;     /**< of SAAS_BY_SERVER, as it was given */
    const char *spelled;   /**< the key of that spelling, which a user of an older version may have; NULL: the same */
    int cross_site;        /**< a cookie on an unsafe method that is not same-origin */
    int malformed;         /**< an Authorization: Bearer that can be no token */
} saas_credential_t;

/** What tells credentials of a kind apart: two spellings of one mailbox may be two users since an older version. */
static inline const char *saas_credential_key(const saas_credential_t *credential)
{
    return credential->spelled ? credential->spelled : credential->hash;
}

/** An organization that a caller may choose. */
typedef struct saas_choice_t {
    const char *id, *slug, *name;
} saas_choice_t;

/** Who calls, kept in the request's state; found through r->prev and r->main too. */
typedef struct saas_context_t {
    saas_principal_t who;
    saas_verdict_e loaded;          /**< SAAS_GRANTED, SAAS_NO_USER or SAAS_UNAVAILABLE */
    int authentication_failed;      /**< a credential was sent and is not valid */
    int cross_site;
    int several;                    /**< no organization chosen, and several possible */
    const apr_array_header_t *choices;  /**< then: saas_choice_t */
    int touch_token;                /**< last_used_at is older than a minute */
    saas_selector_t selector;
    saas_credential_t credential;
    saas_verdict_e refusal;         /**< of a Require line, the most telling so far */
    const struct saas_gate_use_t *refused_by; /**< that line */
    const struct saas_gate_use_t *turned_by;  /**< one that has granted, under "not" */
    int in_authz;                   /**< the wrapped auth_checker is running */
    const char *session_token;      /**< started in this request */
} saas_context_t;

/** What the module keeps of a request. */
typedef struct saas_state_t {
    saas_context_t *ctx;   /**< NULL: none has been loaded for this very request */
    saas_context_t *begun; /**< of a section with AuthType Saas: credential and selector, read once; loaded is
                                SAAS_GRANTED where memory knew the principal */
    int looked;            /**< in memory */
    int let_in;            /**< a gate has granted before there was a user */
    int undecided;         /**< a gate has been asked then, and has not granted */
    int log_in_first;      /**< a negated gate has been asked while nobody was known */
    int asked;             /**< a gate has been asked */
    int told;              /**< the log is going to say why the request was refused */
    const struct saas_gate_use_t *first; /**< that was asked while nobody was known */
    const char *unshared;  /**< what caches are told of the reply, which is for this caller alone; NULL: nothing */
    apr_byte_t gates[];    /**< by number: what its Require line has said; the room of gates keeps it */
} saas_state_t;

/** How many gates there are: so many bytes each state ends in. */
void saas_state_reserve(int gates);

/** The request's own; find: NULL when there is none yet. */
static inline saas_state_t *saas_state_find(request_rec *r)
{
    return ap_get_module_config(r->request_config, &saas_module);
}
saas_state_t *saas_state_get(request_rec *r);

/** May the pages of an origin call this request's section with their visitor's cookie?  By SaasAllowOrigin, or as the origin
 *  of SaasFrontendURL. */
int saas_origin_allowed(request_rec *r, const char *origin);
/** Are there any such origins? */
int saas_origin_any(request_rec *r);

/** Forgets who ends claims; adds a plugin's function, or NULL. */
void saas_claims_begin(apr_pool_t *p);
void saas_claims_add(saas_claimed_fn *claimed);

/** Reads token, cookie or outer user off a request. */
void saas_credential_find(request_rec *r, saas_credential_t *credential);

/** The user that another module authenticated, or that SaasUser names, and
 *  nothing else. */
void saas_credential_outer(request_rec *r, saas_credential_t *credential);

/** Reads off a request which organization it is about: SaasOrganization, or the header. */
void saas_selector_find(request_rec *r, saas_selector_t *selector);

/** Makes a selector from what a header, query or expression named. */
void saas_selector_from_text(apr_pool_t *p, const char *text, saas_selector_t *selector);

/** The context that was loaded for this very request; NULL when none was. */
saas_context_t *saas_context_own(request_rec *r);

/** The request's context, loaded once for a selector; never NULL. */
saas_context_t *saas_context_load(request_rec *r, const saas_credential_t *credential,
                                  const saas_selector_t *selector);

/** Does the request's section have AuthType Saas? */
int saas_context_ours(request_rec *r);

/** Credential and selector of a request whose section has AuthType Saas, read once: state->begun. */
saas_context_t *saas_context_begin(request_rec *r);

/** Fills a context that was begun, when the principal is in memory; false: the database would have to be asked. */
int saas_context_recall(request_rec *r, saas_context_t *ctx);

/** Was this context loaded for that credential and organization? */
int saas_context_same(const saas_context_t *ctx, const saas_credential_t *credential, const saas_selector_t *selector);

/** The context of this request, of the one it was redirected from, or of the
 *  one it is a subrequest of; NULL when none has been loaded. */
saas_context_t *saas_context_get(request_rec *r);

/** Variables for CGI, PHP and LogFormat. */
void saas_identity_export(request_rec *r, const saas_principal_t *who);
/** Drops identity headers that clients send. */
void saas_identity_scrub(request_rec *r);
/** X-Saas-* headers, added to a table that has none of them. */
void saas_identity_tell(apr_table_t *headers, const saas_principal_t *who);
/** X-Saas-* headers for a backend, in place of any that are there. */
void saas_identity_headers(request_rec *r, const saas_principal_t *who);
/** The note for LogFormat that says why a request was refused: the code. */
#define SAAS_VERDICT_NOTE "saas-verdict"
/** Before the log modules: variables and notes (saas-user, saas-org,
 *  saas-verdict) for LogFormat, also of a refused request. */
void saas_identity_log(request_rec *r);

/* ------------------------------------------------------------ sessions -- */

apr_status_t saas_session_start_impl(saas_request_t *rq, saas_db_t *db, const char *user_id);
void saas_session_cookie_impl(saas_request_t *rq);
const char *saas_cookie_get_impl(saas_request_t *rq, const char *name);
void saas_cookie_set_impl(saas_request_t *rq, const char *name, const char *value, int seconds);
apr_status_t saas_session_end_impl(saas_request_t *rq, saas_db_t *db);
extern saas_statement_t saas_session_statements[];

/* ------------------------------------------- tenants and what they own -- */

/** Objects that belong to an organization, by which a route finds it: forgets them; adds a plugin's list, which ends with
 *  a zero element, or NULL (a message refuses the start); all, each a saas_object_t; the number of one, or -1. */
void saas_objects_begin(apr_pool_t *p);
const char *saas_objects_add(apr_pool_t *p, const char *owner, const saas_object_t *list);
const apr_array_header_t *saas_objects(void);
int saas_objects_find(const char *parameter);

/** Makes the statements that saas_tenant_load() uses; after the plugins'. */
const char *saas_tenant_prepare(apr_pool_t *pconf);
/** Makes the child's queue of lookups that are asked together. */
void saas_gather_child_init(apr_pool_t *pchild, server_rec *s);

/* --------------------------------------------------------------- cache -- */

/** Makes the memory (SaasCacheSize) and the feed that voids what is in it. */
int saas_cache_post_config(apr_pool_t *pconf, server_rec *s);

/** Counted since the start of the server, over all children. */
typedef struct saas_cache_counters_t {
    apr_uint64_t hits, misses, bypasses, stores, evictions;
} saas_cache_counters_t;
/** APR_NOTFOUND: there is no cache. */
apr_status_t saas_cache_count(saas_cache_counters_t *counters);

/* ----------------------------------------------------------- passwords -- */

/** Makes the memory in which children tell each other how long a refusal takes. */
int saas_hashing_post_config(server_rec *s);
/** Makes the child's counter of hashes that are being computed. */
void saas_hashing_child_init(apr_pool_t *pchild, server_rec *s);
/** saas_password_hash() and saas_password_verify() of mod_saas.h. */
apr_status_t saas_hashing_hash(apr_pool_t *p, const char *password, const char **stored);
apr_status_t saas_hashing_verify(apr_pool_t *p, const char *password, const char *stored, int *rehash);

/* ------------------------------------------------- founding -- */

extern saas_statement_t saas_found_statements[];
/** saas_organization_found(), saas_slug_is() and saas_slug_make() of mod_saas.h. */
apr_status_t saas_organization_found_impl(saas_request_t *rq, saas_db_t *db, saas_founding_t *founding);
int saas_slug_is_impl(const char *text);
const char *saas_slug_make_impl(apr_pool_t *p, const char *name, int attempt);

/* ------------------------------------ names of requests, activity, throttles -- */

/** Names a request, in what is logged of it (%L), in its reply and for a back end: X-Request-ID.  Called once, before the first
 *  gate is asked. */
void saas_request_id_begin(request_rec *r);
/** Makes names cheap: once in a child, before it has threads. */
void saas_request_id_child_init(void);
/** That name, for as long as r is there; NULL: it has none, being none of ours. */
const char *saas_request_id(request_rec *r);
/** Drops the one that a back end has put into its reply, which would stand there twice. */
void saas_request_id_once(request_rec *r);

extern saas_statement_t saas_activity_statements[];
apr_status_t saas_activity_impl(saas_db_t *db, saas_request_t *rq, const saas_activity_t *what);

/** Finds the provider of SaasThrottleCache; a message refuses the start. */
const char *saas_throttle_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
int saas_throttle_post_config(apr_pool_t *pconf, server_rec *s);
int saas_throttle_impl(const char *bucket, const char *key, int limit, int window_seconds);
int saas_throttle_peek_impl(const char *bucket, const char *key, int limit, int window_seconds);

#endif
