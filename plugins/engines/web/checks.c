/* See checks.h: the table, and the answers for everything that could not be
 * looked at. A judge is only asked when what it needs is there.
 */
#include "checks.h"
#include "headers.h"

#include <apr_strings.h>
#include <stdarg.h>
#include <string.h>

const saas_web_check_t saas_web_checks[] = {
    { "tls_certificate_trusted", SAAS_WEB_CRITICAL, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_FAIL, saas_web_judge_trusted },
    { "tls_certificate_hostname_match", SAAS_WEB_CRITICAL, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_hostname_match },
    { "tls_certificate_not_expired", SAAS_WEB_CRITICAL, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_not_expired },
    { "tls_certificate_expiry_margin", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_expiry_margin },
    { "tls_certificate_lifetime", SAAS_WEB_LOW, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL, saas_web_judge_lifetime },
    { "tls_certificate_key_strength", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_key_strength },
    { "tls_certificate_signature", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_signature },
    { "tls_chain_complete_ordered", SAAS_WEB_LOW, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL, saas_web_judge_chain },
    { "tls_legacy_protocols_disabled", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL,
      saas_web_judge_legacy_protocols },
    { "tls_1_2_or_1_3_supported", SAAS_WEB_CRITICAL, SAAS_WEB_NEEDS_TLS, SAAS_WEB_FAIL,
      saas_web_judge_modern_protocols },
    { "tls_1_3_supported", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_TLS, SAAS_WEB_FAIL, saas_web_judge_tls13 },
    { "tls_weak_ciphers_refused", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL, saas_web_judge_weak_ciphers },
    { "tls_forward_secrecy_only", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL,
      saas_web_judge_forward_secrecy },
    { "tls_dh_params", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL, saas_web_judge_dh_params },
    { "tls_compression_disabled", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL, saas_web_judge_compression },
    { "tls_secure_renegotiation", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL, saas_web_judge_renegotiation },
    { "tls_ocsp_staple", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_CERTIFICATE, SAAS_WEB_MANUAL,
      saas_web_judge_ocsp_staple },
    { "tls_early_data_disabled", SAAS_WEB_LOW, SAAS_WEB_NEEDS_TLS, SAAS_WEB_MANUAL, saas_web_judge_early_data },
    { "http_redirect_to_https", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_NOTHING, SAAS_WEB_FAIL, saas_web_judge_redirect },
    { "http_redirect_first_hop_same_host", SAAS_WEB_LOW, SAAS_WEB_NEEDS_NOTHING, SAAS_WEB_FAIL,
      saas_web_judge_first_hop },
    { "hsts_enabled", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_NOTHING, SAAS_WEB_FAIL, saas_web_judge_hsts },
    { "hsts_max_age", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_NOTHING, SAAS_WEB_FAIL, saas_web_judge_hsts_max_age },
    { "hsts_include_subdomains", SAAS_WEB_LOW, SAAS_WEB_NEEDS_NOTHING, SAAS_WEB_FAIL, saas_web_judge_hsts_subdomains },
    { "csp_present", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_csp },
    { "csp_script_no_unsafe_inline", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_csp_inline },
    { "csp_no_unsafe_eval", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_csp_eval },
    { "csp_base_object_form_locked", SAAS_WEB_LOW, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_csp_lock },
    { "clickjacking_protected", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_clickjacking },
    { "content_type_nosniff", SAAS_WEB_LOW, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_nosniff },
    { "referrer_policy_safe", SAAS_WEB_LOW, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_referrer },
    { "permissions_policy_present", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_permissions },
    { "cross_origin_isolation", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_cross_origin },
    { "cross_origin_opener_policy", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_opener_policy },
    { "cross_origin_embedder_policy", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_embedder_policy },
    { "cross_origin_resource_policy", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_resource_policy },
    { "cookies_prefix_valid", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_cookies_prefix },
    { "cookies_secure", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_cookies_secure },
    { "cookies_httponly", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_cookies_httponly },
    { "cookies_samesite", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_cookies_samesite },
    { "cors_no_credentialed_reflection", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_cors },
    { "scripts_loaded_securely", SAAS_WEB_HIGH, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_scripts },
    { "headers_no_technology_leak", SAAS_WEB_LOW, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_leak },
    { "http_trace_disabled", SAAS_WEB_MEDIUM, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL, saas_web_judge_trace },
    { "security_txt_present", SAAS_WEB_INFORMATIONAL, SAAS_WEB_NEEDS_RESPONSE, SAAS_WEB_FAIL,
      saas_web_judge_security_txt },
};

const int saas_web_check_count = sizeof(saas_web_checks) / sizeof(saas_web_checks[0]);

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
    else if (check->needs == SAAS_WEB_NEEDS_RESPONSE) {
        ready = has_response(p, e, v);
    }
    if (ready) {
        check->judge(p, e, v);
        if (check->needs == SAAS_WEB_NEEDS_RESPONSE) {
            name_place(p, e, v);
        }
    }
    v->comment = saas_web_clean(p, v->comment);
}
