/* See checks.h: the answers for everything that could not be looked at. A judge is only asked when what it needs is
 * there.
 */
#include "checks.h"
#include "headers.h"

#include <apr_strings.h>
#include <stdarg.h>
#include <string.h>

/* Fetches that prove that a port has no TLS, as opposed to not being reached. */
static int shows_no_tls(saas_web_fetch_e how)
{
    return how == SAAS_WEB_FETCH_CLOSED || how == SAAS_WEB_FETCH_NO_TLS || how == SAAS_WEB_FETCH_NO_HTTP;
}

static int answered_tls(const saas_web_evidence_t *e)
{
    int found = e->cert.have;

    for (int i = 0; i < SAAS_WEB_HELLO_COUNT; i++) {
        found |= e->hello[i].what == SAAS_WEB_ANSWER_HELLO;
    }
    return found;
}

void saas_web_say(apr_pool_t *p, saas_web_verdict_t *v, saas_web_status_e status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    v->comment = apr_pvsprintf(p, format, args);
    va_end(args);
    v->status = status;
}

/* Non-zero when the judge may be asked. */
static int has_tls(apr_pool_t *p, const saas_web_check_t *check, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    if (answered_tls(e)) {
        return 1;
    }
    if (e->https->how == SAAS_WEB_FETCH_NOT_MADE) {
        const saas_web_hop_t *first = saas_web_reply_first(e->http);

        if (first && first->status > 0) {
            saas_web_say(p, v, check->without_tls, "The target is served over http, without TLS.");
        }
        else {
            saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.", e->http->reason);
        }
    }
    else if (shows_no_tls(e->https->how)) {
        saas_web_say(p, v, check->without_tls, "There is no TLS service: %s.", e->https->reason);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.",
                     e->https->reason ? e->https->reason : "no TLS service was found");
    }
    return 0;
}

static int has_response(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_reply_t *wanted = e->target->is_tls ? e->https : e->http;

    if (e->main) {
        return 1;
    }
    saas_web_say(p, v, SAAS_WEB_ERROR, "There is no response to look at: %s.",
                 wanted->reason ? wanted->reason : "the request was not made");
    return 0;
}

/* Names are told of where their addresses may be looked at: what the DNS says
 * inside of a network is not for whoever can start an audit outside. */
static int has_dns(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const saas_web_fetch_e none[] = { SAAS_WEB_FETCH_NOT_MADE, SAAS_WEB_FETCH_GUARDED, SAAS_WEB_FETCH_NO_NAME };
    const saas_web_reply_t *replies[] = { e->target->is_tls ? e->https : e->http, e->target->is_tls ? e->http : e->https };
    int reached = 0;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        int leads = 1;

        for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++) {
            leads &= replies[i]->how != none[k];
        }
        reached |= leads;
    }
    if (!reached) {
        saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.", replies[0]->reason ? replies[0]->reason : "nothing was asked");
    }
    else if (e->dns.unasked) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Not asked of the DNS: %s.", e->dns.unasked);
    }
    return reached && !e->dns.unasked;
}

/* A response of another place than the target is named, lest it surprise. */
static void name_place(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_hop_t *last = saas_web_reply_last(e->main);

    if (strcmp(last->at->origin, e->target->origin) != 0) {
        v->comment = apr_psprintf(p, "%s [response of %s]", v->comment, last->at->origin);
    }
}

void saas_web_check(apr_pool_t *p, const saas_web_check_t *check, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int ready = 1;

    v->severity = check->severity;
    v->status = SAAS_WEB_ERROR;
    v->comment = "The check gave no answer.";
    if (check->needs == SAAS_WEB_NEEDS_TLS || check->needs == SAAS_WEB_NEEDS_CERTIFICATE) {
        ready = has_tls(p, check, e, v);
        if (ready && check->needs == SAAS_WEB_NEEDS_CERTIFICATE && !e->cert.have) {
            saas_web_say(p, v, SAAS_WEB_MANUAL,
                         "The service speaks TLS, but no certificate could be obtained from it%s%s.",
                         e->https->reason ? ": " : "", e->https->reason ? e->https->reason : "");
            ready = 0;
        }
    }
    else if (check->needs == SAAS_WEB_NEEDS_RESPONSE || check->needs == SAAS_WEB_NEEDS_OWNER) {
        ready = has_response(p, e, v);
    }
    else if (check->needs == SAAS_WEB_NEEDS_DNS) {
        ready = has_dns(p, e, v);
    }
    if (ready && check->needs == SAAS_WEB_NEEDS_OWNER && !e->owned) {
        const char *host = e->target->host;

        saas_web_say(p, v, SAAS_WEB_MANUAL, "Asked of the owner's hosts only: %s",
                     !e->claimed ? apr_psprintf(p, "%s is not among the organization's hosts.", host)
                     : e->target->is_ip
                         ? apr_psprintf(p, "%s%s does not show the token of this host.", e->target->origin, SAAS_WEB_PROOF)
                         : apr_psprintf(p, "neither %s%s nor a TXT record of %s.%s shows the token of this host.",
                                        e->target->origin, SAAS_WEB_PROOF, SAAS_WEB_PROOF_NAME, host));
        ready = 0;
    }
    if (ready) {
        check->judge(p, e, v);
        if (check->needs == SAAS_WEB_NEEDS_RESPONSE) {
            name_place(p, e, v);
        }
    }
    v->comment = saas_web_clean(p, v->comment);
}
