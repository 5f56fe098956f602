/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file directives.h
 * The host's directives, a line each: the columns are told in mod_saas.h.  Beside a line here a directive wants its entry
 * in conf/saas.conf and in docs/directives.md.
 */
#ifndef SAAS_CONFIG_DIRECTIVES_H
#define SAAS_CONFIG_DIRECTIVES_H

#define SAAS_MS(n) apr_time_from_msec(n)
#define SAAS_SECONDS(n) apr_time_from_sec(n)
#define SAAS_KIB APR_INT64_C(1024)
#define SAAS_MIB (1024 * SAAS_KIB)
#define SAAS_GIB (1024 * SAAS_MIB)

/** Of servers; of those that only the main server may have, its values rule. */
#define SAAS_SERVER_DIRECTIVES(X, of) \
    X(of, INTERVAL, db_wait, "SaasDBWait", SAAS_GLOBAL, "2s", SAAS_RANGE(SAAS_MS(1), SAAS_SECONDS(60)), \
      "longest wait for a database connection, then 503") \
    X(of, INTERVAL, db_timeout, "SaasDBTimeout", SAAS_GLOBAL, "5s", SAAS_RANGE(SAAS_MS(100), SAAS_SECONDS(300)), \
      "longest wait for an answer of the database, then 503") \
    X(of, NUMBER, max_body, "SaasMaxBody", SAAS_VHOST, "1048576", SAAS_RANGE(1024, 1073741824), \
      "largest request body of the API in bytes, then 413") \
    X(of, INTERVAL, session_lifetime, "SaasSessionLifetime", SAAS_VHOST, "1209600s", \
      SAAS_RANGE(SAAS_SECONDS(60), SAAS_SECONDS(366 * 24 * 3600)), "lifetime of a session") \
    X(of, TEXT, node_name, "SaasNodeName", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_config_check_node), \
      "name of this node in leases of background work (default: the host's name)") \
    X(of, SIZE, cache_size, "SaasCacheSize", SAAS_GLOBAL, "8M", SAAS_RANGE_OR_0(256 * SAAS_KIB, 4 * SAAS_GIB), \
      "memory for principals; 0: every request asks the database") \
    X(of, INTERVAL, feed_timeout, "SaasFeedTimeout", SAAS_GLOBAL, "1s", SAAS_RANGE(SAAS_MS(200), SAAS_SECONDS(60)), \
      "how stale a cached principal may be when the change feed is dead") \
    X(of, NUMBER, job_threads, "SaasJobThreads", SAAS_GLOBAL, "2", SAAS_RANGE(0, 16), "background threads of each child") \
    X(of, NUMBER, hash_concurrency, "SaasHashConcurrency", SAAS_GLOBAL, NULL, SAAS_RANGE(1, 1024), \
      "passwords that a child hashes at once (default: twice the cores)") \
    X(of, OWN, throttle_cache, "SaasThrottleCache", SAAS_GLOBAL, "shm", saas_config_set_throttle_cache, \
      "where attempts are counted: shm (this node), redis:host:port or memcache:host:port (all nodes)") \
    X(of, NUMBER, exports_max, "SaasExportsMax", SAAS_GLOBAL, "8", SAAS_RANGE(1, 10000), \
      "exports at once of each child, at most half of DBDMax") \
    X(of, TEXT, export_db, "SaasExportDB", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_config_check_export_db), \
      "a standby that exports are read of: libpq's parameters, as in DBDParams (default: the primary)") \
    X(of, SIZE, export_buffer, "SaasExportBuffer", SAAS_GLOBAL, "1M", SAAS_RANGE(64 * SAAS_KIB, SAAS_GIB), \
      "bytes of an export kept in memory for a slow client, the rest in a file") \
    X(of, TEXT, spool_dir, "SaasSpoolDir", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_folder), \
      "folder of that file (default: the system's for temporary files)") \
    X(of, OWN_RAW, plans_said, "SaasPlan", SAAS_GLOBAL, NULL, saas_config_add_plan, \
      "a plan: name, prices, features=a,b, limit.NAME=n[/day|/month], seats; the later line is the higher plan") \
    X(of, FLAG, entitlements, "SaasStripeEntitlements", SAAS_GLOBAL, "Off", SAAS_ANY, \
      "On: Stripe's entitlements of a customer are features, too, by their lookup keys") \
    X(of, FLAG, secure_cookies, "SaasSecureCookies", SAAS_VHOST, "Off", SAAS_ANY, \
      "On: cookies as under TLS, for a server behind a TLS proxy") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages") \
    X(of, INTERVAL, trial, "SaasTrial", SAAS_VHOST, "0", SAAS_RANGE(0, SAAS_SECONDS(730 * 24 * 3600)), \
      "access that a user's first organization has without a subscription: 14d, 36h; 0: none") \
    X(of, WORD, verify_email, "SaasVerifyEmail", SAAS_VHOST, "Off", SAAS_WORDS("Off", "Notice", "Required"), \
      "what a user may do whose address nobody has proven: Off, Notice: as everybody; Required: prove it") \
    X(of, WORD, cookie_same_site, "SaasCookieSameSite", SAAS_VHOST, "Lax", SAAS_WORDS("Lax", "Strict", "None"), \
      "SameSite of the session cookie: Lax, Strict, or None for a frontend on another site") \
    X(of, TEXT, cookie_domain, "SaasCookieDomain", SAAS_VHOST, NULL, SAAS_CHECKED(saas_config_check_domain), \
      "Domain of the session cookie, for a frontend on another host of it (default: this host alone)") \
    X(of, FLAG, trust_forwarded, "SaasTrustForwarded", SAAS_VHOST, "Off", SAAS_ANY, \
      "On: X-Forwarded-Proto and X-Forwarded-Host of a trusted proxy make the links")

/** Of sections; read as they are, so their defaults are told where they are read. */
#define SAAS_SECTION_DIRECTIVES(X, of) \
    X(of, OWN_FLAG, api, "SaasAPI", SAAS_SECTION, "Off", saas_config_set_api, \
      "On: the plugins' routes are mounted at this <Location>") \
    X(of, OWN_FLAG, status, "SaasStatus", SAAS_SECTION, "Off", saas_config_set_status, \
      "On: live, ready and routes are served below this <Location>") \
    X(of, KEPT, mount, NULL, 0, NULL, NULL, NULL) /* const char *: path of the section that said so */ \
    X(of, OWN_NUMBER, verify, "SaasVerify", SAAS_SECTION, NULL, saas_config_set_verify, \
      "nginx|traefik|caddy|envoy|haproxy: this <Location> answers that proxy's questions with the gates' verdict") \
    X(of, OWN_LIST, verify_from, "SaasVerifyFrom", SAAS_SECTION, NULL, saas_config_add_verify_from, \
      "addresses and networks of the proxies that may ask (default: this host)") \
    X(of, OWN_RAW, gated, "Require", OR_AUTHCFG, NULL, saas_config_see_require, "mod_authz_core's") /* methods' bits */ \
    X(of, OWN_NUMBER, auth_merging, "AuthMerging", OR_AUTHCFG, NULL, saas_config_see_auth_merging, "mod_authz_core's") \
    X(of, TEXT, cache_control, "SaasCacheControl", SAAS_HTACCESS, NULL, SAAS_CHECKED(saas_config_check_cache_control), \
      "what caches are told of what a gate lets in (default: private, no-cache); Off: nothing") \
    X(of, FLAG, identity_headers, "SaasIdentityHeaders", SAAS_HTACCESS, "Off", SAAS_ANY, \
      "On: X-Saas-User and its kin are added to the request for a backend") \
    X(of, LIST, allow_origin, "SaasAllowOrigin", SAAS_ANYWHERE, NULL, SAAS_CHECKED(saas_config_check_origin), \
      "origins whose pages may call this server, beside that of SaasFrontendURL: https://app.example.com") \
    X(of, LIST, allow_headers, "SaasAllowHeaders", SAAS_ANYWHERE, NULL, SAAS_CHECKED(saas_config_check_field), \
      "request headers that such pages may send, beside those that are known") \
    X(of, EXPRESSION, organization, "SaasOrganization", SAAS_HTACCESS, NULL, SAAS_ANY, \
      "expression that names the organization (id or slug) of a request") \
    X(of, EXPRESSION, user, "SaasUser", SAAS_HTACCESS, NULL, SAAS_ANY, \
      "expression that names the e-mail of the user whom this server has authenticated") \
    X(of, FLAG, user_create, "SaasUserCreate", SAAS_ANYWHERE, "Off", SAAS_ANY, \
      "On: a user whom this server has authenticated and mod_saas does not know is created") \
    X(of, TEXT, login_url, "SaasLoginURL", SAAS_HTACCESS, NULL, SAAS_CHECKED(saas_config_check_url), \
      "where a browser that is nobody is sent, with ?next=") \
    X(of, OWN_2_OR_3, denied_user, "SaasDenied", SAAS_HTACCESS, NULL, saas_config_set_denied, \
      "user|organization|role|subscription|verified, the text of the refusal, and for browsers a link") \
    X(of, KEPT, denied_organization, NULL, 0, NULL, NULL, NULL) /* these are saas_denied_t *, and each is merged */ \
    X(of, KEPT, denied_role, NULL, 0, NULL, NULL, NULL) \
    X(of, KEPT, denied_subscription, NULL, 0, NULL, NULL, NULL) \
    X(of, KEPT, denied_verified, NULL, 0, NULL, NULL, NULL) \
    X(of, OWN_NUMBER, auth_type_saas, "AuthType", OR_AUTHCFG, NULL, saas_config_see_auth_type, "mod_authn_core's") \
    X(of, KEPT, varies, NULL, 0, NULL, NULL, NULL) /* not NULL: a gate of it has an expression among its arguments */

SAAS_DIRECTIVES_DECLARE(saas_config, saas_module, SAAS_SERVER_DIRECTIVES)
SAAS_SECTION_DECLARE(saas_dir_config, SAAS_SECTION_DIRECTIVES)

#endif
