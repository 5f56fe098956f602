/* The judges of what the DNS says: of the name itself (who may issue
 * certificates, signatures, service records), and of the domain's mail. A
 * question that nobody has answered is MANUAL, never "it is not there".
 */
#include "checks.h"
#include "headers.h"
#include "mail.h"

#include <apr_strings.h>
#include <string.h>

/* Non-zero when it is known whether there are records. */
static int is_known(const saas_web_dns_answer_t *answer)
{
    return answer->how == SAAS_WEB_DNS_FOUND || answer->how == SAAS_WEB_DNS_NONE;
}

static void say_unknown(apr_pool_t *p, saas_web_verdict_t *v, const saas_web_dns_answer_t *answer, const char *type)
{
    saas_web_say(p, v, SAAS_WEB_MANUAL,
                 answer->how == SAAS_WEB_DNS_SILENT ? "The name server of this machine gave no answer in time for %s of %s."
                                                    : "The name server of this machine cannot tell %s of %s.",
                 type, answer->name ? answer->name : "the name");
}

/* -------------------------------------------------------------------- CAA */

/* The set in force: of the host, or of the nearest name above it that has one
 * (RFC 8659, 3). NULL: none, or *unknown could not be asked. */
static const saas_web_dns_answer_t *find_caa(const saas_web_dns_t *d, const saas_web_dns_answer_t **unknown)
{
    *unknown = NULL;
    for (int i = 0; i < d->ncaa; i++) {
        if (!is_known(&d->caa[i])) {
            *unknown = &d->caa[i];
            return NULL;
        }
        if (d->caa[i].how == SAAS_WEB_DNS_FOUND && d->caa[i].records->nelts > 0) {
            return &d->caa[i];
        }
    }
    return NULL;
}

static int is_issue(const saas_web_caa_t *caa)
{
    return strcmp(caa->tag, "issue") == 0 || strcmp(caa->tag, "issuewild") == 0;
}

/* Length of the issuer's domain in a value, "ca.example; accounturi=…"; 0: nobody may issue. */
static size_t issuer(const char **value)
{
    *value += strspn(*value, " \t");
    return strcspn(*value, "; \t");
}

/* Does a value have the parameter accounturi (RFC 8657), and not an empty one? */
static int has_account(const char *value)
{
    for (value = strchr(value, ';'); value; value = strchr(value, ';')) {
        value++;
        value += strspn(value, " \t");
        if (strncasecmp(value, "accounturi", 10) == 0) {
            const char *rest = value + 10 + strspn(value + 10, " \t");

            if (*rest == '=') {
                rest++;
                rest += strspn(rest, " \t");
                return *rest != '\0' && *rest != ';';
            }
        }
    }
    return 0;
}

/* The properties that say who may issue, as one line; NULL: there are none. */
static const char *issuers(apr_pool_t *p, const saas_web_dns_answer_t *set)
{
    const char *line = NULL;

    for (int i = 0; i < set->records->nelts; i++) {
        const saas_web_caa_t *caa = &APR_ARRAY_IDX(set->records, i, saas_web_caa_t);

        if (is_issue(caa)) {
            line = apr_psprintf(p, "%s%s%s \"%s\"", line ? line : "", line ? ", " : "", caa->tag, caa->value);
        }
    }
    return line;
}

void saas_web_judge_caa(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *unknown;
    const saas_web_dns_answer_t *set = find_caa(&e->dns, &unknown);
    const char *line = set ? issuers(p, set) : NULL;

    if (unknown) {
        say_unknown(p, v, unknown, "CAA");
    }
    else if (!set) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Neither %s nor a name above it has CAA records: every authority may issue.",
                     e->dns.host);
    }
    else if (!line) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The CAA records of %s name no authority: every one may issue.", set->name);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "CAA of %s: %s", set->name, saas_web_shown(p, line));
    }
}

void saas_web_judge_caa_account(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *unknown;
    const saas_web_dns_answer_t *set = find_caa(&e->dns, &unknown);
    const char *open = NULL;

    if (unknown) {
        say_unknown(p, v, unknown, "CAA");
        return;
    }
    if (!set || !issuers(p, set)) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "No CAA record of %s or a name above it says who may issue.", e->dns.host);
        return;
    }
    for (int i = 0; i < set->records->nelts; i++) {
        const saas_web_caa_t *caa = &APR_ARRAY_IDX(set->records, i, saas_web_caa_t);
        const char *value = caa->value;
        size_t len = is_issue(caa) ? issuer(&value) : 0;

        if (len > 0 && !has_account(value)) {
            open = apr_psprintf(p, "%s%s%.*s", open ? open : "", open ? ", " : "", (int)len, value);
        }
    }
    if (open) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "CAA of %s lets any account issue at: %s", set->name, saas_web_shown(p, open));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "CAA of %s ties every authority to an account.", set->name);
    }
}

/* ------------------------------------------------------- the name itself */

void saas_web_judge_dnssec(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_t *d = &e->dns;

    switch (d->dnssec) {
    case SAAS_WEB_DNSSEC_SECURE:
        saas_web_say(p, v, SAAS_WEB_PASS, "The answers for %s are signed, from the root on.", d->host);
        break;
    case SAAS_WEB_DNSSEC_UNSIGNED:
        saas_web_say(p, v, SAAS_WEB_FAIL, "The answers for %s are not signed.", d->host);
        break;
    case SAAS_WEB_DNSSEC_BOGUS:
        v->severity = SAAS_WEB_MEDIUM; /* who validates does not reach the site at all */
        saas_web_say(p, v, SAAS_WEB_FAIL, "The answers for %s do not pass validation: %s", d->host,
                     saas_web_shown(p, d->dnssec_why));
        break;
    case SAAS_WEB_DNSSEC_UNKNOWN:
    default:
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Not validated: %s.", d->dnssec_why ? d->dnssec_why : "it was not asked for");
        break;
    }
}

void saas_web_judge_https_record(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *answer = &e->dns.https;
    const saas_web_https_t *record;

    if (!is_known(answer)) {
        say_unknown(p, v, answer, "HTTPS records");
        return;
    }
    if (answer->how == SAAS_WEB_DNS_NONE || answer->records->nelts == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s has no HTTPS record.", e->dns.host);
        return;
    }
    record = &APR_ARRAY_IDX(answer->records, 0, saas_web_https_t);
    saas_web_say(p, v, SAAS_WEB_PASS, record->priority == 0 ? "HTTPS record of %s: an alias of %s" : "HTTPS record of %s: %s",
                 e->dns.host,
                 record->priority == 0 ? saas_web_shown(p, *record->target ? record->target : ".")
                 : *record->params     ? saas_web_shown(p, record->params)
                                       : "without parameters");
}

/* ------------------------------------------------------------------- mail */

/* Non-zero when the domain says that it takes no mail: the null MX. */
static int takes_no_mail(const saas_web_dns_answer_t *mx)
{
    return mx->how == SAAS_WEB_DNS_FOUND && mx->records->nelts == 1 && !*APR_ARRAY_IDX(mx->records, 0, saas_web_mx_t).host;
}

void saas_web_judge_spf(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *answer = &e->dns.spf;
    saas_web_spf_t spf;

    if (!is_known(answer)) {
        say_unknown(p, v, answer, "TXT records");
        return;
    }
    saas_web_spf_read(p, answer->records, &spf);
    if (spf.records == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s has no SPF record.", answer->name);
    }
    else if (spf.records > 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s has %d SPF records, which is an error to receivers.", answer->name, spf.records);
    }
    else if (spf.unknown) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The SPF record of %s has a term that is none, \"%s\": %s", answer->name,
                     saas_web_shown(p, spf.unknown), saas_web_shown(p, spf.text));
    }
    else if (spf.lookups > SAAS_WEB_SPF_LOOKUPS) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The SPF record of %s needs %d look-ups, more than %d: %s", answer->name, spf.lookups,
                     SAAS_WEB_SPF_LOOKUPS, saas_web_shown(p, spf.text));
    }
    else if (spf.all == '-' || spf.all == '~') {
        saas_web_say(p, v, SAAS_WEB_PASS, "SPF of %s: %s", answer->name, saas_web_shown(p, spf.text));
    }
    else if (!spf.all && spf.redirect) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "SPF of %s is that of another domain, which was not looked at: %s", answer->name,
                     saas_web_shown(p, spf.text));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The SPF record of %s does not end with -all or ~all: %s", answer->name,
                     saas_web_shown(p, spf.text));
    }
}

static int is_strict(const char *policy)
{
    return strcmp(policy, "quarantine") == 0 || strcmp(policy, "reject") == 0;
}

void saas_web_judge_dmarc(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *answer = &e->dns.dmarc;
    saas_web_dmarc_t dmarc;
    const char *problem = NULL;

    if (!is_known(answer)) {
        say_unknown(p, v, answer, "TXT records");
        return;
    }
    saas_web_dmarc_read(p, answer->records, &dmarc);
    if (dmarc.records == 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s has no DMARC record.", answer->name);
        return;
    }
    if (dmarc.records > 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "%s has %d DMARC records, for which receivers take none.", answer->name, dmarc.records);
        return;
    }
    if (!dmarc.policy || (!is_strict(dmarc.policy) && strcmp(dmarc.policy, "none") != 0)) {
        problem = "has no valid p=";
    }
    else if (!is_strict(dmarc.policy)) {
        problem = "only watches (p=none)";
    }
    else if (dmarc.subdomains && !is_strict(dmarc.subdomains)) {
        problem = "leaves subdomains out (sp=)";
    }
    else if (dmarc.percent < 100) {
        problem = "holds for a part of the mail only (pct=)";
    }
    if (problem) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The DMARC record of %s %s: %s", e->dns.domain, problem, saas_web_shown(p, dmarc.text));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "DMARC of %s: %s", e->dns.domain, saas_web_shown(p, dmarc.text));
    }
}

/* What is wrong with how the policy file is served; NULL: it counts. */
static const char *policy_problem(apr_pool_t *p, const saas_web_evidence_t *e)
{
    const saas_web_hop_t *hop = saas_web_reply_last(e->sts_reply);
    const saas_web_cert_t *cert = &e->sts_cert;

    if (e->sts_reply->how != SAAS_WEB_FETCH_OK || !hop) {
        return e->sts_reply->reason ? e->sts_reply->reason : "it was not asked for";
    }
    if (hop->status != 200) {
        return apr_psprintf(p, "it is answered with status %d", hop->status);
    }
    if (!cert->have || !cert->trusted || !cert->host_matches || cert->not_after < e->now || cert->not_before > e->now) {
        return apr_psprintf(p, "the certificate of %s is not valid", hop->at->host);
    }
    return e->sts_policy.problem;
}

void saas_web_judge_mta_sts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_dns_answer_t *mx = &e->dns.mx;
    const saas_web_dns_answer_t *answer = &e->dns.mta_sts;
    const char *domain = e->dns.domain;
    saas_web_sts_record_t record;
    const char *problem;

    if (!is_known(mx) || !is_known(answer)) {
        say_unknown(p, v, is_known(mx) ? answer : mx, is_known(mx) ? "TXT records" : "MX records");
        return;
    }
    if (takes_no_mail(mx)) {
        saas_web_say(p, v, SAAS_WEB_PASS, "%s takes no mail: its MX says so.", domain);
        return;
    }
    if (mx->how == SAAS_WEB_DNS_NONE || mx->records->nelts == 0) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "%s has no MX record: whether it takes mail at its address is not known.", domain);
        return;
    }
    saas_web_sts_record_read(p, answer->records, &record);
    if (record.records != 1 || !record.id) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     record.records == 0  ? "%s has no MTA-STS record."
                     : record.records > 1 ? "%s has several MTA-STS records, for which senders take none."
                                          : "The MTA-STS record of %s has no valid id=.",
                     answer->name);
        return;
    }
    if (!e->sts_reply) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "%s has an MTA-STS record; the policy was not asked for.", domain);
        return;
    }
    problem = policy_problem(p, e);
    if (problem) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The MTA-STS policy of %s does not count: %s.", domain, saas_web_shown(p, problem));
        return;
    }
    if (strcmp(e->sts_policy.mode, "enforce") != 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The MTA-STS policy of %s is not enforced: its mode is %s.", domain, e->sts_policy.mode);
        return;
    }
    for (int i = 0; i < mx->records->nelts; i++) {
        const char *host = APR_ARRAY_IDX(mx->records, i, saas_web_mx_t).host;

        if (!saas_web_sts_names(&e->sts_policy, host)) {
            saas_web_say(p, v, SAAS_WEB_FAIL, "The MTA-STS policy of %s does not name its mail server %s.", domain,
                         saas_web_shown(p, host));
            return;
        }
    }
    saas_web_say(p, v, SAAS_WEB_PASS, "The MTA-STS policy of %s is enforced, for %ld seconds.", domain, e->sts_policy.max_age);
}
