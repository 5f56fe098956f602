/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file organizations.h
 * What the files of the organizations plugin share.
 */
#ifndef ORGANIZATIONS_H
#define ORGANIZATIONS_H

#include "mod_saas.h"

extern module AP_MODULE_DECLARE_DATA saas_organizations_module;
APLOG_USE_MODULE(saas_organizations);

/** Indices into organizations_statements. */
enum {
    ORGANIZATION_LIST,
    ORGANIZATION_DETAIL,
    ORGANIZATION_LOCK,
    ORGANIZATION_UPDATE,
    ORGANIZATION_SHARE,
    ORGANIZATION_DELETE,
    CALLER_ROLE,
    MEMBER_LIST,
    MEMBER_GET,
    MEMBER_ROLE,
    MEMBER_DELETE,
    MEMBER_DEFAULT,
    MEMBER_TOKENS,
    MEMBER_INVITES,
    INVITE_LIST,
    INVITE_GET,
    INVITE_MEMBER,
    INVITE_LAPSE,
    INVITE_INSERT,
    INVITE_RENEW,
    INVITE_MAIL,
    INVITE_REVOKE,
    INVITE_LOOK,
    INVITE_TAKE,
    INVITE_ACCEPT,
    INVITE_JOIN,
    TOKEN_BOUNDS,
    CALLER_SHARE,
    CALLER_VERIFIED,
    ACTIVITY_LIST,
    PURGE_CHECK,
    PURGE_RUNNING,
    PURGE_STOP,
    PURGE_PENDING,
    PURGE_REVOKE,
    PURGE_STRIPE,
    PURGE_TOKENS,
    PURGE_DEFAULTS,
    PURGE_EVIDENCE,
    PURGE_AUDITS,
    PURGE_INVITES,
    PURGE_SESSIONS,
    PURGE_SUBSCRIPTIONS,
    PURGE_MEMBERSHIPS,
    PURGE_DELIVERIES,
    PURGE_ENDPOINTS,
    PURGE_ACTIVITY,
    PURGE_ORGANIZATION,
    ORGANIZATIONS_STATEMENTS
};

extern saas_statement_t organizations_statements[];

/** Longest name, in code points. */
#define ORGANIZATIONS_NAME_MAX 200

#define ORGANIZATIONS_SLUG_TAKEN "An organization with this slug already exists."

/** What a transaction's body returns to have it rolled back because the input
 *  asks for something that cannot be, as against a failure. */
#define ORGANIZATIONS_REFUSED APR_EACCES

/** The slug of the JSON body, or NULL; what is wrong with it is noted. */
const char *organizations_slug_field(saas_request_t *rq, unsigned flags);

/** An organization as its own page shows it, from a row of
 *  ORGANIZATION_DETAIL; a new reference. */
json_t *organizations_detail_json(apr_pool_t *p, const saas_rows_t *rows, saas_role_e role);

/** The link of an invite's mail. */
#define ORGANIZATIONS_INVITE_LINK "invite"
/** Life of an invite: seven days. */
#define ORGANIZATIONS_INVITE_SECONDS "604800"
/** The job that sends a message, if a plugin is loaded that does. */
#define ORGANIZATIONS_MAIL_JOB "mail"
/** What plans may limit: members; invites are promises of some. */
#define ORGANIZATIONS_LIMIT_MEMBERS "members"
/** Longest token that is looked at, in characters. */
#define ORGANIZATIONS_TOKEN_MAX 200

/** Limits; a window is in seconds. */
#define ORGANIZATIONS_INVITES_PER_HOUR 200     /* of one organization, resent ones included */
#define ORGANIZATIONS_RESENDS_PER_HOUR 5       /* of one invite */
#define ORGANIZATIONS_ACCEPTS_PER_ADDRESS 100  /* in five minutes */

/** The background job that removes what a deleted organization leaves behind;
 *  its object is the organization. */
#define ORGANIZATIONS_PURGE_JOB "organization.purge"
#define ORGANIZATIONS_PURGE_ATTEMPTS 20

/** The words of SaasVerifyEmail. */
enum { ORGANIZATIONS_VERIFY_OFF, ORGANIZATIONS_VERIFY_NOTICE, ORGANIZATIONS_VERIFY_REQUIRED };

/** SaasFrontendURL, SaasMailRelay and SaasVerifyEmail are others' too: httpd asks every module that knows a directive. */
#define ORGANIZATIONS_DIRECTIVES(X, of) \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages") \
    X(of, TEXT, relay, "SaasMailRelay", SAAS_GLOBAL, NULL, SAAS_ANY, "relay that takes the mail") \
    X(of, TEXT, invite_url, "SaasInviteURL", SAAS_VHOST, NULL, SAAS_CHECKED(check_invite_url), \
      "URL that invited people are sent to; {token} stands for the invite's token") \
    X(of, WORD, verify, "SaasVerifyEmail", SAAS_VHOST, "Off", SAAS_WORDS("Off", "Notice", "Required"), \
      "what a user may do whose address nobody has proven: Off, Notice: as everybody; Required: prove it") \
    X(of, FLAG, any_email, "SaasInviteAnyEmail", SAAS_VHOST, "Off", SAAS_ANY, \
      "whether an invite may be accepted with another e-mail address")

SAAS_DIRECTIVES_DECLARE(organizations_config, saas_organizations_module, ORGANIZATIONS_DIRECTIVES)

/** Why a change is refused: as a gate would, or in words of its own. */
typedef struct organizations_refusal_t {
    saas_verdict_e verdict;  /**< SAAS_GRANTED: the rest says it */
    int status;
    const char *code, *detail;
} organizations_refusal_t;

extern const organizations_refusal_t organizations_not_found, organizations_wrong_role;

/** Answers a refusal. */
int organizations_reply_refusal(saas_request_t *rq, const organizations_refusal_t *refusal);

/** Locks the organization for a change by the caller and reads their role once
 *  more, which may be another one than at the gate; never above the one they
 *  had there.  SAAS_ROLE_NONE: not a member any more, or it is deleted. */
apr_status_t organizations_enter(saas_request_t *rq, saas_db_t *db, saas_role_e *role);

/** Runs body() in a transaction for the request's organization. */
apr_status_t organizations_transact(saas_request_t *rq, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);

/** A role of the JSON body, required; SAAS_ROLE_NONE: wrong, noted. */
saas_role_e organizations_role_field(saas_request_t *rq);

/** A path parameter that must be a UUID, lower-cased; NULL: it is none. */
const char *organizations_id_parameter(saas_request_t *rq, const char *name);

saas_handler_fn organizations_list;
saas_handler_fn organizations_create;
saas_handler_fn organizations_detail;
saas_handler_fn organizations_replace;
saas_handler_fn organizations_update;
saas_handler_fn organizations_delete;
saas_handler_fn organizations_members;
saas_handler_fn organizations_member_update;
saas_handler_fn organizations_member_remove;
saas_handler_fn organizations_invites;
saas_handler_fn organizations_invite_create;
saas_handler_fn organizations_invite_resend;
saas_handler_fn organizations_invite_revoke;
saas_handler_fn organizations_invite_preview;
saas_handler_fn organizations_invite_accept;
saas_handler_fn organizations_activity;

/** The page that an invite leads to: SaasInviteURL, else the frontend's, else the API's own preview, which is a page for
 *  browsers.  A URL with {token} in it, made of nothing that a client has said. */
const char *organizations_invite_url(saas_request_t *rq);

/** Makes the token of an invite's mail: saas_link_t. */
apr_status_t organizations_invite_link(saas_job_t *job, saas_db_t *db, const char *invite_id, const char **token);

/** What the page of an invite says; expires_at as a database writes it. */
typedef struct organizations_invitation_t {
    const char *organization, *inviter, *email, *role, *expires_at;
} organizations_invitation_t;

/** Answers a browser with the page of an invite, or with why it cannot be accepted; one of the two is NULL. */
int organizations_invite_page(saas_request_t *rq, const organizations_invitation_t *invitation,
                              const organizations_refusal_t *refusal);

apr_status_t organizations_purge_run(saas_job_t *job);
void organizations_purge_gave_up(saas_job_t *job, const char *why);

#endif
