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

    if (!saas_web_csp_framing_problem(policies(p, e), p)) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Framing is restricted by frame-ancestors.");
    }
    else if (xfo && (strcasecmp(xfo, "DENY") == 0 || strcasecmp(xfo, "SAMEORIGIN") == 0)) {
        saas_web_say(p, v, SAAS_WEB_PASS, "X-Frame-Options: %s", xfo);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     xfo ? "X-Frame-Options has no effect (\"%s\"), and no frame-ancestors is set."
                         : "Neither frame-ancestors nor X-Frame-Options is set.%s",
                     xfo ? saas_web_shown(p, xfo) : "");
    }
}

void saas_web_judge_nosniff(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_get(saas_web_reply_last(e->main), "x-content-type-options", NULL);
    size_t len = value ? strcspn(value, ", \t") : 0;

    if (len == 7 && strncasecmp(value, "nosniff", 7) == 0) {
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
    const char *policy = value ? saas_web_referrer_policy(p, value) : NULL;

    if (!policy) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Referrer-Policy is not set%s.",
                     value ? " to anything that browsers know" : "");
    }
    else {
        saas_web_say(p, v, saas_web_referrer_is_safe(policy) ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "Referrer-Policy: %s",
                     policy);
    }
}

void saas_web_judge_permissions(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *value = saas_web_header_joined(p, saas_web_reply_last(e->main), "permissions-policy");

    if (value && *value) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Permissions-Policy: %s", saas_web_shown(p, value));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Permissions-Policy is not set.");
    }
}

static int is_one_of(const char *value, const char *const *known)
{
    size_t len = strcspn(value, "; \t");

    for (; *known; known++) {
        if (strlen(*known) == len && strncasecmp(value, *known, len) == 0) {
            return 1;
        }
    }
    return 0;
}

void saas_web_judge_cross_origin(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const char *const opener[] = { "same-origin", "same-origin-allow-popups", "noopener-allow-popups",
                                          "unsafe-none", NULL };
    static const char *const embedder[] = { "require-corp", "credentialless", "unsafe-none", NULL };
    static const char *const resource[] = { "same-origin", "same-site", "cross-origin", NULL };
    static const struct {
        const char *name;
        const char *const *known;
    } fields[] = { { "cross-origin-opener-policy", opener },
                   { "cross-origin-embedder-policy", embedder },
                   { "cross-origin-resource-policy", resource } };
    const saas_web_hop_t *hop = saas_web_reply_last(e->main);
    const char *set = "";

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *value = saas_web_header_get(hop, fields[i].name, NULL);

        if (!value) {
            continue;
        }
        value = saas_web_shown(p, value);
        if (!is_one_of(value, fields[i].known)) {
            saas_web_say(p, v, SAAS_WEB_FAIL, "%s has an invalid value: \"%s\".", fields[i].name, value);
            return;
        }
        set = apr_pstrcat(p, set, *set ? "; " : "", fields[i].name, ": ", value, NULL);
    }
    saas_web_say(p, v, *set ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "%s",
                 *set ? set : "No Cross-Origin-Opener, -Embedder or -Resource-Policy is set.");
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

/* Names the cookies that have a fault; *session tells whether one of them is
 * a session cookie, *n how many cookies there are. NULL when none has it. */
static const char *faulty(apr_pool_t *p, const saas_web_evidence_t *e, cookie_fault_t has_fault, int *session, int *n)
{
    apr_array_header_t *cookies = saas_web_cookies(p, e->main);
    const char *names = NULL;

    *session = 0;
    *n = cookies->nelts;
    for (int i = 0; i < cookies->nelts; i++) {
        const saas_web_cookie_t *c = &APR_ARRAY_IDX(cookies, i, saas_web_cookie_t);

        if (has_fault(c)) {
            if (!names || strlen(names) < SAAS_WEB_SHOWN_MAX) {
                names = apr_pstrcat(p, names ? names : "", names ? ", " : "", c->name, "=***", NULL);
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
