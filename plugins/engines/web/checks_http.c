/* The judges of how http leads to https, of HSTS, and of the answers to the
 * extra requests (CORS, TRACE, security.txt). References: RFC 6797, RFC 9116,
 * MDN's HTTP Observatory, OWASP's testing guide (WSTG-CONF-06).
 */
#include "checks.h"
#include "headers.h"

#include <apr_strings.h>
#include <string.h>

#define HSTS_LEAST 15552000 /* 180 days */

/* The cases in which there is no redirect to judge. Zero when there is one. */
static int no_redirect_to_judge(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_reply_t *r = e->http;
    const saas_web_hop_t *first = saas_web_reply_first(r);

    if (r->how == SAAS_WEB_FETCH_NOT_MADE
        && (e->https->how == SAAS_WEB_FETCH_GUARDED || e->https->how == SAAS_WEB_FETCH_NO_NAME)) {
        saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.", e->https->reason);
        return 1;
    }
    if (r->how == SAAS_WEB_FETCH_NOT_MADE) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "The target names port %d, so http on port 80 was not looked at.",
                     e->target->port);
        return 1;
    }
    if (first && first->status > 0) {
        return 0;
    }
    if (r->how == SAAS_WEB_FETCH_CLOSED && e->main) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Nothing is served over http: %s.", r->reason);
    }
    else if (r->how == SAAS_WEB_FETCH_GUARDED || r->how == SAAS_WEB_FETCH_NO_NAME || r->how == SAAS_WEB_FETCH_CLOSED) {
        saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.", r->reason);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "There is no answer over http to judge: %s.", r->reason);
    }
    return 1;
}

void saas_web_judge_redirect(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *last = saas_web_reply_last(e->http);

    if (no_redirect_to_judge(p, e, v)) {
        return;
    }
    if (e->http->how == SAAS_WEB_FETCH_LOOP || e->http->how == SAAS_WEB_FETCH_BAD_REDIRECT) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "http does not lead to https: %s.", e->http->reason);
    }
    else if (last->at->is_tls) {
        saas_web_say(p, v, SAAS_WEB_PASS, "http leads to %s.", saas_web_target_shown(p, last->at));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "The site is served over http at %s, without a redirect "
                     "to https.",
                     saas_web_target_shown(p, last->at));
    }
}

void saas_web_judge_first_hop(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *second;

    if (no_redirect_to_judge(p, e, v)) {
        return;
    }
    if (e->http->hops->nelts < 2) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "http does not redirect%s%s.", e->http->reason ? ": " : "",
                     e->http->reason ? e->http->reason : "");
        return;
    }
    second = APR_ARRAY_IDX(e->http->hops, 1, saas_web_hop_t *);
    if (!second->at->is_tls) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The first redirect leads to %s, not to https.",
                     saas_web_target_shown(p, second->at));
    }
    else if (strcmp(second->at->host, e->target->host) != 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The first redirect leads to another host (%s), so HSTS cannot protect %s.",
                     second->at->host, e->target->host);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "The first redirect leads to https on the same host.");
    }
}

/* The response whose HSTS header counts. NULL: the verdict is given. */
static const saas_web_hop_t *hsts_hop(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_reply_t *wanted = e->https->how != SAAS_WEB_FETCH_NOT_MADE ? e->https : e->http;

    if (e->tls_hop && e->tls_hop->status > 0) {
        return e->tls_hop;
    }
    if (!e->main) {
        saas_web_say(p, v, SAAS_WEB_ERROR, "There is no response to look at: %s.",
                     wanted->reason ? wanted->reason : "the request was not made");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "There is no response over https that could carry the "
                     "header%s%s.",
                     wanted->reason ? ": " : "", wanted->reason ? wanted->reason : "");
    }
    return NULL;
}

void saas_web_judge_hsts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = hsts_hop(p, e, v);
    const char *value;
    saas_web_hsts_t h;

    if (!hop) {
        return;
    }
    value = saas_web_header_get(hop, "strict-transport-security", NULL);
    saas_web_hsts_read(p, hop, &h);
    if (!value) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Strict-Transport-Security is not set.");
    }
    else if (!e->cert.trusted || !e->cert.host_matches || e->now >= e->cert.not_after || e->now < e->cert.not_before) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "Browsers ignore Strict-Transport-Security (\"%s\"), because the certificate "
                     "does not verify.",
                     saas_web_shown(p, value));
    }
    else if (h.count > 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "Strict-Transport-Security is sent %d times; browsers use "
                     "the first only.",
                     h.count);
    }
    else if (!h.valid || h.max_age == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Strict-Transport-Security has no valid max-age: \"%s\".",
                     saas_web_shown(p, value));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "Strict-Transport-Security: %s", saas_web_shown(p, value));
    }
}

void saas_web_judge_hsts_max_age(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = hsts_hop(p, e, v);
    saas_web_hsts_t h;

    if (!hop) {
        return;
    }
    saas_web_hsts_read(p, hop, &h);
    if (h.count == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Strict-Transport-Security is not set.");
    }
    else if (!h.valid) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Strict-Transport-Security has no valid max-age.");
    }
    else {
        saas_web_say(p, v, h.max_age >= HSTS_LEAST ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                     "max-age is %" APR_INT64_T_FMT " seconds; %d (180 days) are the least.", h.max_age, HSTS_LEAST);
    }
}

void saas_web_judge_hsts_subdomains(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = hsts_hop(p, e, v);
    saas_web_hsts_t h;

    if (!hop) {
        return;
    }
    saas_web_hsts_read(p, hop, &h);
    if (h.count == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Strict-Transport-Security is not set.");
    }
    else {
        int good = h.valid && h.include_subdomains;

        saas_web_say(p, v, good ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "includeSubDomains is %s.", good ? "set" : "not set");
    }
}

/* The response to an extra request. NULL: the verdict is given. */
static const saas_web_hop_t *extra_hop(apr_pool_t *p, const saas_web_reply_t *r, saas_web_verdict_t *v)
{
    if (!r || r->how != SAAS_WEB_FETCH_OK) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Could not be tested: %s.",
                     r && r->reason ? r->reason : "the request was not made");
        return NULL;
    }
    return saas_web_reply_last(r);
}

void saas_web_judge_cors(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = extra_hop(p, e->cors, v);
    const char *origin, *credentials;

    if (!hop) {
        return;
    }
    /* Fetch, "CORS check": both byte for byte, and several lines are one value that is none of these. */
    origin = saas_web_header_joined(p, hop, "access-control-allow-origin");
    credentials = saas_web_header_joined(p, hop, "access-control-allow-credentials");
    if (origin && strcmp(origin, e->cors_origin) == 0 && credentials && strcmp(credentials, "true") == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "An arbitrary Origin (%s) is allowed to read responses "
                     "with the visitor's credentials.",
                     e->cors_origin);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS,
                     "An arbitrary Origin is not allowed to read responses with credentials%s%s%s.",
                     origin ? " (Access-Control-Allow-Origin: " : "", origin ? saas_web_shown(p, origin) : "",
                     origin ? ")" : "");
    }
}

void saas_web_judge_trace(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = extra_hop(p, e->trace, v);
    const char *type;

    if (!hop) {
        return;
    }
    type = saas_web_header_get(hop, "content-type", NULL);
    if (hop->status == 200
        && ((type && strncasecmp(type, "message/http", 12) == 0) || e->trace_document.echoes_trace)) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "TRACE is answered by echoing the request.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "TRACE is not echoed (status %d).", hop->status);
    }
}

void saas_web_judge_security_txt(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = extra_hop(p, e->security_txt, v);
    const saas_web_document_t *d = &e->security_document;

    if (!hop) {
        return;
    }
    if (hop->status != 200 || !d->has_contact) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "There is no /.well-known/security.txt with a Contact "
                     "(status %d).",
                     hop->status);
    }
    else if (!hop->at->is_tls) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "security.txt must be served over https (RFC 9116).");
    }
    else if (d->expires == 0 || d->expires < e->now) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "security.txt has %s Expires field.",
                     d->expires ? "an outdated" : "no valid");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "security.txt has a Contact and is not out of date.");
    }
}

void saas_web_judge_security_txt_valid(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *hop = extra_hop(p, e->security_txt, v);
    const saas_web_document_t *d = &e->security_document;

    if (!hop) {
        return;
    }
    if (hop->status != 200 || (!d->has_contact && !d->expires_count)) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "There is no security.txt to judge (status %d).", hop->status);
    }
    else if (!d->has_contact) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "security.txt has no Contact.");
    }
    else if (d->bad_contact) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "A Contact of security.txt is no URI: \"%s\".",
                     saas_web_shown(p, d->bad_contact));
    }
    else if (d->expires_count != 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "security.txt has %d Expires; it must have one.", d->expires_count);
    }
    else if (d->expires == 0 || d->expires < e->now) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The Expires of security.txt is %s.",
                     d->expires ? "over" : "no date of RFC 3339");
    }
    else if (d->languages_count > 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "security.txt has %d Preferred-Languages; it may have one.",
                     d->languages_count);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "security.txt follows RFC 9116.");
    }
}
