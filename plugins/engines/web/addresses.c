/* See addresses.h. */
#include "addresses.h"

#include <apr_strings.h>

/* A finding of greater weight is the larger number; what is none weighs nothing. */
static int weight(const saas_web_verdict_t *v)
{
    return v->status == SAAS_WEB_FAIL ? 1 + SAAS_WEB_INFORMATIONAL - (int)v->severity : 0;
}

static const saas_web_reply_t *wanted(const saas_web_evidence_t *e)
{
    return e->target->is_tls ? e->https : e->http;
}

/* An address where nothing listens has no TLS, but visitors do not get to see
 * that: they are led to another one. It is judge_addresses() that says so. */
static int counts(const saas_web_check_t *check, const saas_web_evidence_t *other)
{
    return (check->needs != SAAS_WEB_NEEDS_TLS && check->needs != SAAS_WEB_NEEDS_CERTIFICATE)
           || other->https->how != SAAS_WEB_FETCH_CLOSED;
}

void saas_web_check_everywhere(apr_pool_t *p, const saas_web_check_t *check, const saas_web_evidence_t *e,
                               saas_web_verdict_t *v)
{
    const char *where = e->at;
    int judged = 1, alike = 1;

    saas_web_check(p, check, e, v);
    for (int i = 0; e->others && i < e->others->nelts; i++) {
        const saas_web_evidence_t *other = APR_ARRAY_IDX(e->others, i, const saas_web_evidence_t *);
        saas_web_verdict_t its;

        if (!other->at || !counts(check, other)) {
            continue;
        }
        saas_web_check(p, check, other, &its);
        judged++;
        if (weight(&its) > weight(v)) {
            *v = its;
            where = other->at;
            alike = 1;
        }
        else if (weight(v) > 0 && weight(&its) == weight(v)) {
            where = apr_pstrcat(p, where, ", ", other->at, NULL);
            alike++;
        }
    }
    if (weight(v) > 0 && where && alike < judged) {
        v->comment = apr_psprintf(p, "%s [at %s]", v->comment, where);
    }
}

/* One of the other addresses, whose evidence says why it has none. */
typedef struct {
    const char *closed, *unreached;
    int answered;
} tally_t;

static void count(apr_pool_t *p, const saas_web_evidence_t *other, tally_t *tally)
{
    const saas_web_reply_t *reply = wanted(other);
    int missed = reply->how == SAAS_WEB_FETCH_UNREACHABLE || reply->how == SAAS_WEB_FETCH_FAILED
                 || reply->how == SAAS_WEB_FETCH_GUARDED;
    const char **list = reply->how == SAAS_WEB_FETCH_CLOSED ? &tally->closed : missed ? &tally->unreached : NULL;

    if (list) {
        *list = apr_pstrcat(p, *list ? *list : "", *list ? ", " : "", other->address, NULL);
    }
    else {
        tally->answered++;
    }
}

void saas_web_judge_addresses(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_addresses_t *a = &e->addresses;
    tally_t tally = { .answered = 1 };

    if (!e->at) {
        const char *reason = wanted(e)->reason;

        saas_web_say(p, v, SAAS_WEB_ERROR, "Not looked at: %s.", reason ? reason : "no connection was made");
        return;
    }
    if (e->target->is_ip) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The target is an address itself.");
        return;
    }
    if (a->unknown) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Looked at %s only: %s.", e->at, a->unknown);
        return;
    }
    for (int i = 0; e->others && i < e->others->nelts; i++) {
        count(p, APR_ARRAY_IDX(e->others, i, const saas_web_evidence_t *), &tally);
    }
    if (tally.closed) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Nothing listens on port %d of %s; %s and %d more answered.", e->target->port,
                     tally.closed, e->at, tally.answered - 1);
    }
    else if (tally.unreached) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "From here %s could not be reached; %d of %d addresses answered.", tally.unreached,
                     tally.answered, a->all);
    }
    else if (a->refused > 0 || a->left_out > 0) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "%d of %d addresses answered; %d may not be looked at from here, %d were left out as too many.",
                     tally.answered, a->all, a->refused, a->left_out);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, a->all == 1 ? "The name has one address, %s." : "All addresses answered, %s and %d more.",
                     e->at, a->all - 1);
    }
}
