/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file accounts.h
 * What the files of the accounts plugin share: the statements, the handlers
 * and the profile, which several handlers read.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include "mod_saas.h"

extern module AP_MODULE_DECLARE_DATA saas_accounts_module;
APLOG_USE_MODULE(saas_accounts);

/** Indices into accounts_statements. */
enum {
    USER_FOR_LOGIN,
    USER_LOGGED_IN,
    USER_PASSWORD,
    USER_PASSWORD_UPDATE,
    USER_PASSWORD_SET,
    USER_SPELLED,
    USER_EMAIL_UPDATE,
    USER_FOR_RESET,
    RESET_USER,
    RESETS_PURGE,
    RESETS_VOID,
    RESET_INSERT,
    RESET_FIND,
    RESET_USE,
    PROOFS_END,
    PROOFS_PURGE,
    PROOF_USER,
    PROOF_INSERT,
    PROOF_FIND,
    PROOF_USE,
    USER_VERIFIED,
    SESSION_LIST,
    SESSION_REVOKE,
    USER_INSERT,
    USER_UPDATE,
    PROFILE,
    SESSIONS_DELETE_OTHERS,
    MEMBERSHIP_INSERT,
    INVITE_FIND,
    INVITE_ACCEPT,
    TOKEN_INSERT,
    TOKEN_LIST,
    TOKEN_REVOKE,
    TOKENS_OF_CLAIM,
    INVITE_SHARE,
    LEAVING_USER,
    LEAVING_LOCK,
    LEAVING_LIST,
    LEAVING_INVITES,
    LEAVING_ORGANIZATION,
    DEVICE_INSERT,
    DEVICES_TRIM,
    DEVICE_USED,
    DEVICES_END,
    CLAIM_LOCK,
    CLAIM_OWNER,
    LEAVING_DELETE,
    ACCOUNTS_STATEMENTS
};

extern saas_statement_t accounts_statements[];

/** Longest texts that are taken, in code points.  The bound on passwords only
 *  keeps nonsense away from the hash: what is a good one is the host's to say. */
#define ACCOUNTS_EMAIL_MAX 254
#define ACCOUNTS_NAME_MAX 150
#define ACCOUNTS_ORGANIZATION_MAX 200
#define ACCOUNTS_PASSWORD_MAX 1024
#define ACCOUNTS_REFERENCE_MAX 100

/** What plans may limit, if a plugin declares it: whoever registers with an invite becomes a member. */
#define ACCOUNTS_LIMIT_MEMBERS "members"
#define ACCOUNTS_TOKEN_NAME_MAX 100

/** Attempts that fail before the next one has to wait. */
#define ACCOUNTS_FAILURES_PER_ACCOUNT 10  /* of a device that has logged in, or of all others of one network */
#define ACCOUNTS_FAILURES_EVERYWHERE 100  /* at one account, of all that have not logged in before */
#define ACCOUNTS_FAILURES_PER_ADDRESS 50
#define ACCOUNTS_REGISTRATIONS_PER_ADDRESS 100
#define ACCOUNTS_RESETS_PER_ADDRESS 20
#define ACCOUNTS_WINDOW_SECONDS 300
#define ACCOUNTS_RESETS_PER_ACCOUNT 5
#define ACCOUNTS_RESET_WINDOW_SECONDS 3600

/** The kind of job that writes the mail with the link for a new password. */
#define ACCOUNTS_RESET_JOB "password-reset"
#define ACCOUNTS_RESET_TOKEN_MAX 200
/** The link in it. */
#define ACCOUNTS_RESET_LINK "password-reset"

/** The link that proves an address, and how long it does so. */
#define ACCOUNTS_VERIFY_LINK "verify-email"
#define ACCOUNTS_VERIFY_SECONDS 86400
/** Links to one user in an hour; those who ask, from one address in five minutes. */
#define ACCOUNTS_VERIFY_PER_USER 5
#define ACCOUNTS_VERIFY_PER_ADDRESS 50

/** What the trail names as the actor where the owner of an address ends what somebody had set up under it. */
#define ACCOUNTS_OWNER_CAME "address proven by its owner"

/** What a transaction's body returns to have it rolled back because the input
 *  asks for something that cannot be, as against a failure. */
#define ACCOUNTS_REFUSED APR_EACCES

/* The profile: one row per organization of the user, at least one row. */
enum {
    PROFILE_ID,
    PROFILE_EMAIL,
    PROFILE_NAME,
    PROFILE_CREATED_AT,
    PROFILE_DEFAULT_ORG,
    PROFILE_ORG_ID, /* NULL: a row without an organization */
    PROFILE_ORG_NAME,
    PROFILE_ORG_SLUG,
    PROFILE_ROLE,
    PROFILE_SUBSCRIPTION,
    PROFILE_ACTIVE,
    PROFILE_TOKEN_ORG, /* of the calling token; NULL: not bound to one */
    PROFILE_TOKEN_ROLE,
    PROFILE_TOKEN_EXPIRES,
    PROFILE_VERIFIED
};

/** Id of the token that the caller uses, or NULL: what a call may see and give
 *  away is limited to what this token may. */
const char *accounts_calling_token(const saas_request_t *rq);

/** Reads a user's profile, as far as the calling token may see it; rows->count
 *  is 0 when the user has gone. */
apr_status_t accounts_profile_query(saas_request_t *rq, saas_db_t *db, const char *user_id, saas_rows_t **rows);

/** The body of auth/me/, a new reference. */
json_t *accounts_profile_json(apr_pool_t *p, const saas_rows_t *rows);

/** The row of the organization with this id or slug, or -1. */
int accounts_profile_find(const saas_rows_t *rows, const char *id_or_slug);

/** The user's role in a row's organization, capped by the calling token's. */
saas_role_e accounts_profile_role(const saas_rows_t *rows, int row);

/** {"id", "name", "slug"} from three neighbouring cells, or null. */
json_t *accounts_organization_json(const saas_rows_t *rows, int row, int first_column);

/** The words of SaasVerifyEmail. */
enum { ACCOUNTS_VERIFY_OFF, ACCOUNTS_VERIFY_NOTICE, ACCOUNTS_VERIFY_REQUIRED };

/** SaasFrontendURL, SaasInviteAnyEmail, SaasVerifyEmail and SaasMailRelay are others' too: httpd asks every module that knows a
 *  directive. */
#define ACCOUNTS_DIRECTIVES(X, of) \
    X(of, TEXT, reset_url, "SaasPasswordResetURL", SAAS_VHOST, NULL, SAAS_CHECKED(check_reset_url), \
      "page of the product where a new password is set, with {token} in it") \
    X(of, TEXT, verify_url, "SaasVerifyEmailURL", SAAS_VHOST, NULL, SAAS_CHECKED(check_reset_url), \
      "page of the product that proves an address, with {token} in it") \
    X(of, WORD, verify, "SaasVerifyEmail", SAAS_VHOST, "Off", SAAS_WORDS("Off", "Notice", "Required"), \
      "what a user may do whose address nobody has proven: Off, Notice: as everybody; Required: prove it") \
    X(of, TEXT, relay, "SaasMailRelay", SAAS_GLOBAL, NULL, SAAS_ANY, "relay that takes the mail") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages") \
    X(of, FLAG, any_email, "SaasInviteAnyEmail", SAAS_VHOST, "Off", SAAS_ANY, \
      "whether an invite may be accepted with another e-mail address")

SAAS_DIRECTIVES_DECLARE(accounts_config, saas_accounts_module, ACCOUNTS_DIRECTIVES)

/** Where the request's server sends people to set a new password: a URL with
 *  {token} in it; NULL: not configured. */
const char *accounts_reset_url(const request_rec *r);

/** The same for proving an address. */
const char *accounts_verify_url(const request_rec *r);

/** Configtest's last look at the directives. */
const char *accounts_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server);

/** The key that an address had before domains had one form: its ASCII letters in lower case.  A row that shares its mailbox
 *  with another still has it (saasctl user duplicates), and is found by it. */
const char *accounts_old_key(apr_pool_t *p, const char *email);

/** A message to a user. */
typedef struct saas_notice_t {
    const char *template;
    const char *user_id;
    const char *to;     /**< address */
    int lifetime;       /**< seconds after which it is not worth sending; 0: for ever */
    const char *link;   /**< name of the link that it carries, for this user; NULL: none */
    const char *link_url;
    const char *link_state; /**< what has to be so still when the link is made: see accounts_object() */
} saas_notice_t;

/** What a link is for: a user, and what must not have changed until it is made, of which only a digest is kept. */
const char *accounts_object(apr_pool_t *p, const char *user_id, const char *state);
/** The user of such an object; *digest is of the state.  NULL: it is none. */
const char *accounts_object_user(apr_pool_t *p, const char *object, const char **digest);
/** Is it still so? */
int accounts_object_holds(apr_pool_t *p, const char *digest, const char *state);

/** Writes a message into the queue, in db's transaction; saas_jobs_wake() after
 *  the commit.  Steals vars, which get "time" added.  Without a mail plugin it
 *  does nothing. */
apr_status_t accounts_notice(saas_db_t *db, apr_pool_t *p, const saas_notice_t *notice, json_t *vars);

/** A device whose cookie is to be set once the transaction is committed. */
typedef struct accounts_device_t {
    const char *token;
} accounts_device_t;

/** The hash of the device cookie that came along, if it can be one; whether it is one, and whose, the database knows. */
const char *accounts_device_hash(saas_request_t *rq);
/** Another device of a user's, in db's transaction; the oldest ones go when there are many. */
apr_status_t accounts_device_start(saas_request_t *rq, saas_db_t *db, const char *user_id, accounts_device_t *device);
/** The device that the cookie is of was used again. */
apr_status_t accounts_device_used(saas_request_t *rq, saas_db_t *db, const char *hash, accounts_device_t *device);
/** Sets the cookie, for another year. */
void accounts_device_cookie(saas_request_t *rq, const accounts_device_t *device);

/** What the caller's password has proved. */
typedef struct accounts_proof_t {
    const char *verified;  /**< the stored form that matched: name it in the write */
    const char *email, *name;
} accounts_proof_t;

/** Verifies the caller's own password.  False: it was not right, or could not
 *  be verified, and *reply is what was answered: 400 for `field`, 429, 503. */
int accounts_prove(saas_request_t *rq, const char *field, const char *password, accounts_proof_t *proof, int *reply);

/** Answers that the password is wrong, and counts it. */
int accounts_prove_refuse(saas_request_t *rq, const char *field);

apr_status_t accounts_reset_run(saas_job_t *job);
/** Makes the token of a link for a new password: saas_link_t. */
apr_status_t accounts_reset_link(saas_job_t *job, saas_db_t *db, const char *object, const char **token);

/** Has another user than this one a key of this very spelling, since before domains had one form?  Where it is that of
 *  the mailbox, the table's unique key says so. */
apr_status_t accounts_spelling_taken(saas_db_t *db, apr_pool_t *p, const char *user_id, const char *email,
                                     const char *email_key, int *taken);

/** Makes the token of a link that proves an address: saas_link_t. */
apr_status_t accounts_verify_link(saas_job_t *job, saas_db_t *db, const char *object, const char **token);
/** Writes the mail with that link into the queue where SaasVerifyEmail wants it, in db's transaction. */
apr_status_t accounts_verify_mail(saas_db_t *db, saas_request_t *rq, const char *user_id, const char *email,
                                  const char *email_key, const char *name);

/** Revokes the API tokens of a user whose address nobody has proven, in db's transaction, before its owner does. */
apr_status_t accounts_tokens_end_claim(saas_request_t *rq, saas_db_t *db, const char *user_id);

/** Ends a user who has only claimed their address: saas_claimed_fn. */
saas_claimed_fn accounts_claimed;

/** Leaves the organization of a row of LEAVING_LIST, or deletes it where nobody else is; actor: NULL for the request's own
 *  principal, else "system".  *purging: a job is to be woken. */
apr_status_t accounts_leave(saas_db_t *db, saas_request_t *rq, const saas_rows_t *rows, int row, const char *user_id,
                            const char *email, int *purging);
/** Is the user of such a row the only ADMIN among others? */
int accounts_is_last_admin(const saas_rows_t *rows, int row);

saas_handler_fn accounts_verify_resend;
saas_handler_fn accounts_verify_confirm;
saas_handler_fn accounts_reset;
saas_handler_fn accounts_reset_confirm;
saas_handler_fn accounts_sessions;
saas_handler_fn accounts_session_revoke;
saas_handler_fn accounts_register;
saas_handler_fn accounts_login;
saas_handler_fn accounts_logout;
saas_handler_fn accounts_me;
saas_handler_fn accounts_session;
saas_handler_fn accounts_me_update;
saas_handler_fn accounts_me_delete;
saas_handler_fn accounts_password;
saas_handler_fn accounts_tokens;
saas_handler_fn accounts_token_create;
saas_handler_fn accounts_token_revoke;

#endif
