/* The judges of what the final response says about itself: policies, framing,
 * cookies, scripts, leaks. References: MDN's HTTP Observatory, OWASP Secure
 * Headers, CSP Level 3, RFC 6265bis. Values of cookies must never appear here.
 */
#include "checks.h"
#include "cookies.h"
#include "csp.h"
#include "headers.h"

#include <apr_strings.h>
#include <string.h>

static saas_web_csp_t *policies(apr_pool_t *p, const saas_web_evidence_t *e)
{
    const saas_web_hop_t *hop = saas_web_reply_last(e->main);
    saas_web_csp_t *csp = saas_web_csp_create(p);

    for (int i = 0; i < hop->headers->nelts; i++) {
        const saas_web_header_t *h = &APR_ARRAY_IDX(hop->headers, i, saas_web_header_t);

        if (strcmp(h->name, "content-security-policy") == 0) {
            saas_web_csp_add(csp, p, h->value, 0);
        }
    }
    for (int i = 0; e->document.meta_csp && i < e->document.meta_csp->nelts; i++) {
        saas_web_csp_add(csp, p, APR_ARRAY_IDX(e->document.meta_csp, i, const char *), 1);
    }
    return csp;
}

void saas_web_judge_csp(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = saas_web_reply_last(e->main);
    const char *value = saas_web_header_joined(p, hop, "content-security-policy");

    if (saas_web_csp_count(policies(p, e)) > 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Content-Security-Policy: %s",
                     value ? saas_web_shown(p, value) : "set by a meta element of the page");
    }
    else if (value) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Content-Security-Policy restricts nothing: \"%s\".",
                     saas_web_shown(p, value));
    }
    else if (saas_web_header_get(hop, "content-security-policy-report-only", NULL)) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Content-Security-Policy is only reported, not enforced.");
    }
    else if (e->main->truncated) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "No Content-Security-Policy header is set, and the page "
                     "was too long or slow to look for a meta element.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Content-Security-Policy is not set.");
    }
}

/* A page that was not read to its end may still hold the policy that is missed. */
static void say_csp(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v, const char *problem,
                    const char *good)
{
    if (problem && e->main->truncated) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "Content-Security-Policy: %s, unless a meta element of "
                     "the page, which was too long or slow, says so.",
                     saas_web_shown(p, problem));
        return;
    }
    saas_web_say(p, v, problem ? SAAS_WEB_FAIL : SAAS_WEB_PASS, "Content-Security-Policy: %s.",
                 problem ? saas_web_shown(p, problem) : good);
}

void saas_web_judge_csp_inline(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    say_csp(p, e, v, saas_web_csp_inline_problem(policies(p, e), p), "scripts need a known source, nonce or hash");
}

void saas_web_judge_csp_eval(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    say_csp(p, e, v, saas_web_csp_eval_problem(policies(p, e), p), "eval is not allowed");
}

void saas_web_judge_csp_lock(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    say_csp(p, e, v, saas_web_csp_lock_problem(policies(p, e), p),
            "base-uri, object-src and form-action are restricted");
}

void saas_web_judge_clickjacking(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = saas_web_reply_last(e->main);
    const char *xfo = saas_web_header_joined(p, hop, "x-frame-options");
    const char *reported = saas_web_header_joined(p, hop, "content-security-policy-report-only");
    const saas_web_csp_t *csp = policies(p, e);
    const char *problem = saas_web_csp_framing_problem(csp, p);
    const char *ancestors = saas_web_csp_frames_in_vain(csp) ? "frame-ancestors of a meta element has no effect"
                            : reported && strstr(reported, "frame-ancestors")
                                ? "frame-ancestors is only reported, not enforced"
                                : "frame-ancestors is not set";

    if (!problem) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Framing is restricted by frame-ancestors.");
    }
    else if (saas_web_csp_decides_framing(csp)) {
        saas_web_say(
            p, v, SAAS_WEB_FAIL, "%s%s.", saas_web_shown(p, problem),
            xfo ? apr_psprintf(p, ", and browsers that know it ignore X-Frame-Options (\"%s\")", saas_web_shown(p, xfo))
                : "");
    }
    else if (!xfo) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "X-Frame-Options is not set, and %s.", ancestors);
    }
    else {
        static const struct {
            saas_web_status_e status;
            const char *text, *after;
        } says[] = {
            [SAAS_WEB_FRAMING_FREE] = { SAAS_WEB_FAIL, "X-Frame-Options has no effect", ", and " },
            [SAAS_WEB_FRAMING_SAMEORIGIN] = { SAAS_WEB_PASS, "Framing is restricted by X-Frame-Options", NULL },
            [SAAS_WEB_FRAMING_DENIED] = { SAAS_WEB_PASS, "Framing is denied by X-Frame-Options", NULL },
            [SAAS_WEB_FRAMING_CONTRADICTS] = { SAAS_WEB_PASS,
                                               "The values of X-Frame-Options contradict each other, for which"
                                               " browsers deny all framing",
                                               NULL },
        };
        saas_web_framing_e framing = saas_web_header_framing(p, xfo);

        saas_web_say(p, v, says[framing].status, "%s (\"%s\")%s%s.", says[framing].text, saas_web_shown(p, xfo),
                     says[framing].after ? says[framing].after : "", says[framing].after ? ancestors : "");
    }
}

void saas_web_judge_nosniff(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "x-content-type-options");

    /* Fetch, "determine nosniff": the first value counts. */
    if (value && strcasecmp(APR_ARRAY_IDX(saas_web_header_split(p, value), 0, const char *), "nosniff") == 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "X-Content-Type-Options: nosniff");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "X-Content-Type-Options is %s.",
                     value ? apr_psprintf(p, "\"%s\", not \"nosniff\"", saas_web_shown(p, value)) : "not set");
    }
}

void saas_web_judge_referrer(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "referrer-policy");
    const char *meta = e->document.meta_referrer; /* it comes after the header, so it is in force */
    const char *policy = meta ? meta : value ? saas_web_referrer_policy(p, value) : NULL;
    int is_safe = policy && saas_web_referrer_is_safe(policy);

    if (!is_safe && !meta && e->main->truncated) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "Referrer-Policy %s%s%s, and the page was too long or slow to look for a meta element.",
                     value ? "is \"" : "is not set", value ? saas_web_shown(p, value) : "", value ? "\"" : "");
    }
    else if (policy) {
        saas_web_say(p, v, is_safe ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "Referrer-Policy: %s%s", policy,
                     meta ? " (by a meta element of the page)" : "");
    }
    else if (value) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Referrer-Policy has no value that browsers know: \"%s\".",
                     saas_web_shown(p, value));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Referrer-Policy is not set.");
    }
}

void saas_web_judge_permissions(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "permissions-policy");

    if (value && saas_web_permissions_count(value) > 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Permissions-Policy: %s", saas_web_shown(p, value));
    }
    else if (value) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Permissions-Policy has no directive that browsers can read: \"%s\".",
                     saas_web_shown(p, value));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Permissions-Policy is not set.");
    }
}

/* A policy of isolation: its header, and the values that isolate; NULL ends them. */
typedef struct {
    const char *name, *shown;
    const char *isolates[4];
    const char *leaves[3]; /* known, too, but nothing is isolated by them */
} isolation_t;

static const isolation_t opener = { "cross-origin-opener-policy",
                                    "Cross-Origin-Opener-Policy",
                                    { "same-origin", "same-origin-allow-popups", "noopener-allow-popups" },
                                    { "unsafe-none" } };
static const isolation_t embedder = { "cross-origin-embedder-policy",
                                      "Cross-Origin-Embedder-Policy",
                                      { "require-corp", "credentialless" },
                                      { "unsafe-none" } };
static const isolation_t resource = {
    "cross-origin-resource-policy", "Cross-Origin-Resource-Policy", { "same-origin", "same-site" }, { "cross-origin" }
};

static int is_one_of(const char *value, const char *const *known)
{
    size_t len = strcspn(value, "; \t");

    for (; *known; known++) {
        if (strlen(*known) == len && strncmp(value, *known, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether a response isolates by that header, and in *what how it does not. One that is sent twice is no token of
 * structured fields any more: browsers act as if it was not there. */
static int isolates(apr_pool_t *p, const saas_web_hop_t *hop, const isolation_t *of, const char **what)
{
    const char *value = saas_web_header_joined(p, hop, of->name);

    if (!value) {
        *what = apr_psprintf(p, "%s is not set", of->shown);
        return 0;
    }
    if (!strchr(value, ',') && is_one_of(value, of->isolates)) {
        *what = apr_psprintf(p, "%s: %s", of->shown, saas_web_shown(p, value));
        return 1;
    }
    *what = apr_psprintf(p,
                         !strchr(value, ',') && is_one_of(value, of->leaves)
                             ? "%s is \"%s\", which isolates nothing"
                             : "%s has a value that browsers do not know: \"%s\"",
                         of->shown, saas_web_shown(p, value));
    return 0;
}

void saas_web_judge_cross_origin(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const isolation_t *const all[] = { &opener, &embedder, &resource };
    const char *good = NULL, *bad = NULL;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *what;
        const char **line = isolates(p, saas_web_reply_last(e->main), all[i], &what) ? &good : &bad;

        *line = *line ? apr_pstrcat(p, *line, "; ", what, NULL) : what;
    }
    saas_web_say(p, v, good ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "%s.", good ? good : bad);
}

static void judge_isolation(apr_pool_t *p, const saas_web_evidence_t *e, const isolation_t *of, saas_web_verdict_t *v)
{
    const char *what;
    int good = isolates(p, saas_web_reply_last(e->main), of, &what);

    saas_web_say(p, v, good ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "%s.", what);
}

void saas_web_judge_opener_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    judge_isolation(p, e, &opener, v);
}

void saas_web_judge_embedder_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    judge_isolation(p, e, &embedder, v);
}

void saas_web_judge_resource_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    judge_isolation(p, e, &resource, v);
}

typedef int (*cookie_fault_t)(const saas_web_cookie_t *c);

static int is_insecure(const saas_web_cookie_t *c)
{
    return !c->secure;
}

static int is_readable(const saas_web_cookie_t *c)
{
    return c->is_session && !c->httponly;
}

static int is_cross_site(const saas_web_cookie_t *c)
{
    return c->samesite < SAAS_WEB_SAMESITE_NONE || (c->samesite == SAAS_WEB_SAMESITE_NONE && !c->secure);
}

static int breaks_prefix(const saas_web_cookie_t *c)
{
    return c->broken != NULL;
}

/* Names the cookies that have a fault; *session tells whether one of them is
 * a session cookie, *n how many cookies there are. NULL when none has it. */
static const char *faulty(apr_pool_t *p, const saas_web_evidence_t *e, cookie_fault_t has_fault, int *session, int *n)
{
    apr_array_header_t *cookies = saas_web_cookies(p, e->main, e->now);
    const char *names = NULL;

    *session = 0;
    *n = cookies->nelts;
    for (int i = 0; i < cookies->nelts; i++) {
        const saas_web_cookie_t *c = &APR_ARRAY_IDX(cookies, i, saas_web_cookie_t);

        if (has_fault(c)) {
            if (!names || strlen(names) < SAAS_WEB_SHOWN_MAX) {
                names = apr_pstrcat(p, names ? names : "", names ? ", " : "", c->name, "=***",
                                    c->broken && has_fault == breaks_prefix ? " " : "",
                                    c->broken && has_fault == breaks_prefix ? c->broken : "", NULL);
            }
            *session |= c->is_session;
        }
    }
    return names;
}

static void say_cookies(apr_pool_t *p, saas_web_verdict_t *v, const char *names, int n, const char *fault,
                        const char *good)
{
    if (names) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s: %s.", fault, names);
    }
    else if (n == 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "No cookies are set.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "%s (%d set).", good, n);
    }
}

void saas_web_judge_cookies_prefix(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int session, n;
    const char *names = faulty(p, e, breaks_prefix, &session, &n);

    if (session) {
        v->severity = SAAS_WEB_HIGH;
    }
    say_cookies(p, v, names, n, "Cookies that browsers drop, since they break the rules of their prefix",
                "No cookie breaks the rules of its prefix");
}

void saas_web_judge_cookies_secure(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int session, n;
    const char *names = faulty(p, e, is_insecure, &session, &n);

    if (session) {
        v->severity = SAAS_WEB_HIGH;
    }
    say_cookies(p, v, names, n, "Cookies without Secure", "All cookies are Secure");
}

void saas_web_judge_cookies_httponly(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int session, n;
    const char *names = faulty(p, e, is_readable, &session, &n);

    say_cookies(p, v, names, n, "Session cookies without HttpOnly", "No session cookie can be read by scripts");
}

void saas_web_judge_cookies_samesite(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int session, n;
    const char *names = faulty(p, e, is_cross_site, &session, &n);

    if (session) {
        v->severity = SAAS_WEB_HIGH;
    }
    say_cookies(p, v, names, n, "Cookies without a SameSite of Lax or Strict, or None with Secure",
                "All cookies have a valid SameSite");
}

void saas_web_judge_scripts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_document_t *d = &e->document;

    if (d->insecure_script) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "A script is loaded over http: %s", saas_web_shown(p, d->insecure_script));
    }
    else if (d->unpinned_script) {
        v->severity = SAAS_WEB_LOW;
        saas_web_say(p, v, SAAS_WEB_FAIL, "A script of another site is loaded without integrity: %s",
                     saas_web_shown(p, d->unpinned_script));
    }
    else if (e->main->truncated) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "The page was too long or slow to be read to its end; no fault in the %d bytes "
                     "that were.",
                     d->body_len);
    }
    else if (!d->is_html) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The response is no HTML page and loads no scripts.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "External scripts: %d, all loaded securely.", d->scripts);
    }
}

void saas_web_judge_mixed_content(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_csp_t *csp = policies(p, e);
    const char *what = e->document.insecure_content;

    if (!saas_web_reply_last(e->main)->at->is_tls) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "The page itself is served over http.");
    }
    else if (what
             && (saas_web_csp_has(csp, "upgrade-insecure-requests")
                 || saas_web_csp_has(csp, "block-all-mixed-content"))) {
        saas_web_say(p, v, SAAS_WEB_PASS,
                     "The page refers to %s, which its policy has browsers ask over https or not at all.",
                     saas_web_shown(p, what));
    }
    else if (what) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The page refers to %s over http.", saas_web_shown(p, what));
    }
    else if (e->main->truncated) {
        saas_web_say(
            p, v, SAAS_WEB_MANUAL,
            "The page was too long or slow to be read to its end; nothing over http in the %d bytes that were.",
            e->document.body_len);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "The page's markup refers to nothing over http.");
    }
}

void saas_web_judge_http3(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "alt-svc");
    const char *at = value;

    /* RFC 7838 3, RFC 9114 3.1.1: alternatives, of which one has the protocol h3. */
    while (at && *(at += strspn(at, ", \t")) && strncmp(at, "h3=", 3) != 0) {
        at += strcspn(at, ",");
    }
    if (at && *at) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Alt-Svc: %s", saas_web_shown(p, value));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, value ? "Alt-Svc does not offer h3: \"%s\"." : "Alt-Svc is not set.%s",
                     value ? saas_web_shown(p, value) : "");
    }
}

void saas_web_judge_clear_site_data(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "clear-site-data");

    saas_web_say(p, v, SAAS_WEB_MANUAL, "Which page logs out is not known from outside%s%s.",
                 value ? "; the page that was looked at sends " : "", value ? saas_web_shown(p, value) : "");
}

void saas_web_judge_leak(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *leaks = saas_web_header_leaks(p, saas_web_reply_last(e->main));

    if (leaks) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Headers tell what the server is made of: %s", saas_web_shown(p, leaks));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "No header tells what the server is made of.");
    }
}
