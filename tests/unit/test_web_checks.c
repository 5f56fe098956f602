/* Verdicts of the web engine on evidence made by hand: every check always answers, what was not seen never passes,
 * and each fault is found by the check that is meant to find it. */

#include "unit.h"

#include "web_guard.h"

#include "plugins/engines/web/addresses.h"
#include "plugins/engines/web/checks.h"
#include "plugins/engines/web/owner.h"
#include "plugins/engines/web/document.h"

#include <apr_lib.h>
#include <jansson.h>

static const saas_web_guard_t *guard;

static saas_web_reply_t *reply(saas_web_fetch_e how, const char *reason)
{
    saas_web_reply_t *r = apr_pcalloc(unit_pool, sizeof(*r));

    r->how = how;
    r->reason = reason;
    r->hops = apr_array_make(unit_pool, 2, sizeof(saas_web_hop_t *));
    return r;
}

static saas_web_hop_t *add_hop(saas_web_reply_t *r, const char *url, int status)
{
    saas_web_hop_t *h = apr_pcalloc(unit_pool, sizeof(*h));

    ck_assert_ptr_null(saas_web_target_parse(unit_pool, guard, url, &h->at));
    h->status = status;
    h->headers = apr_array_make(unit_pool, 8, sizeof(saas_web_header_t));
    h->tls.chain = apr_array_make(unit_pool, 1, sizeof(X509 *));
    h->tls.early_data = -1;
    APR_ARRAY_PUSH(r->hops, saas_web_hop_t *) = h;
    return h;
}

static void set(saas_web_hop_t *h, const char *name, const char *value)
{
    for (int i = 0; i < h->headers->nelts; i++) {
        saas_web_header_t *f = &APR_ARRAY_IDX(h->headers, i, saas_web_header_t);

        if (strcmp(f->name, name) == 0) {
            f->value = value ? value : "";
            f->name = value ? f->name : "-";
            return;
        }
    }
    if (value) {
        saas_web_header_t *f = apr_array_push(h->headers);

        f->name = name;
        f->value = value;
    }
}

static void hello(saas_web_evidence_t *e, saas_web_hello_e kind, saas_web_answer_e what, int version)
{
    e->hello[kind] = (saas_web_answer_t){ .what = what, .version = version, .secure_renegotiation = 1, .alert = -1 };
}

static saas_web_dns_answer_t told(const char *name, const apr_array_header_t *records)
{
    return (saas_web_dns_answer_t){ records ? SAAS_WEB_DNS_FOUND : SAAS_WEB_DNS_NONE, name, records };
}

static apr_array_header_t *texts(const char *first, ...)
{
    apr_array_header_t *all = apr_array_make(unit_pool, 2, sizeof(const char *));
    va_list args;

    va_start(args, first);
    for (const char *text = first; text; text = va_arg(args, const char *)) {
        APR_ARRAY_PUSH(all, const char *) = text;
    }
    va_end(args);
    return all;
}

static apr_array_header_t *caa(const char *tag, const char *value)
{
    apr_array_header_t *all = apr_array_make(unit_pool, 2, sizeof(saas_web_caa_t));

    APR_ARRAY_PUSH(all, saas_web_caa_t) = (saas_web_caa_t){ 0, tag, value };
    return all;
}

static apr_array_header_t *mx(const char *host)
{
    apr_array_header_t *all = apr_array_make(unit_pool, 2, sizeof(saas_web_mx_t));

    APR_ARRAY_PUSH(all, saas_web_mx_t) = (saas_web_mx_t){ 10, host };
    return all;
}

static void policy(saas_web_evidence_t *e, const char *body)
{
    saas_web_sts_policy_read(unit_pool, body, strlen(body), &e->sts_policy);
}

/* A domain without a fault. */
static void dns_good(saas_web_evidence_t *e)
{
    apr_array_header_t *https = apr_array_make(unit_pool, 1, sizeof(saas_web_https_t));

    APR_ARRAY_PUSH(https, saas_web_https_t) = (saas_web_https_t){ 1, "", "alpn=h2,h3" };
    e->at = "93.184.215.14";
    e->addresses.all = 1;
    e->dns = (saas_web_dns_t){
        .host = "example.com",
        .domain = "example.com",
        .caa = { told("example.com", caa("issue", "ca.example; accounturi=https://ca.example/1")), told("com", NULL) },
        .ncaa = 2,
        .https = told("example.com", https),
        .mx = told("example.com", mx("mx.example.com")),
        .spf = told("example.com", texts("google-site-verification=x", "v=spf1 mx -all", NULL)),
        .dmarc = told("_dmarc.example.com", texts("v=DMARC1; p=reject", NULL)),
        .mta_sts = told("_mta-sts.example.com", texts("v=STSv1; id=1;", NULL)),
        .dnssec = SAAS_WEB_DNSSEC_SECURE,
    };
    e->sts_reply = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->sts_reply, "https://mta-sts.example.com/.well-known/mta-sts.txt", 200);
    e->sts_cert = (saas_web_cert_t){ .have = 1, .trusted = 1, .host_matches = 1, .not_after = e->now + 1 };
    policy(e, "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 604800\r\n");
}

/* A site without a fault. */
static saas_web_evidence_t *good(void)
{
    saas_web_evidence_t *e = apr_pcalloc(unit_pool, sizeof(*e));
    saas_web_hop_t *h;

    guard = web_guard(NULL);
    ck_assert_ptr_null(saas_web_target_parse(unit_pool, guard, "https://example.com/", &e->target));
    e->now = apr_time_from_sec(1800000000);
    e->https = reply(SAAS_WEB_FETCH_OK, NULL);
    h = add_hop(e->https, "https://example.com/", 200);
    h->tls.early_data = 0;
    h->tls.timestamps = 2;
    set(h, "alt-svc", "h3=\":443\"; ma=86400");
    set(h, "strict-transport-security", "max-age=31536000; includeSubDomains");
    set(h, "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'");
    set(h, "x-content-type-options", "nosniff");
    set(h, "referrer-policy", "no-referrer");
    set(h, "permissions-policy", "camera=()");
    set(h, "cross-origin-opener-policy", "same-origin");
    set(h, "cross-origin-embedder-policy", "require-corp");
    set(h, "cross-origin-resource-policy", "same-origin");
    set(h, "set-cookie", "session=TOPSECRET; Secure; HttpOnly; SameSite=Lax");
    e->http = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->http, "http://example.com/", 301);
    add_hop(e->http, "https://example.com/", 200);
    e->main = e->https;
    e->tls_hop = h;
    e->document = (saas_web_document_t){ .is_html = 1, .meta_csp = apr_array_make(unit_pool, 1, sizeof(char *)) };
    e->cert = (saas_web_cert_t){ .have = 1,
                                 .trusted = 1,
                                 .host_matches = 1,
                                 .names = "example.com",
                                 .not_before = e->now - apr_time_from_sec(86400 * 10),
                                 .not_after = e->now + apr_time_from_sec(86400 * 80),
                                 .key = "EC 256 bits",
                                 .key_is_strong = 1,
                                 .chain_len = 2,
                                 .staple = 1,
                                 .names_responder = 1,
                                 .subject = "CN=example.com",
                                 .issuer = "CN=CA" };
    e->probed = 1;
    hello(e, SAAS_WEB_HELLO_TLS13, SAAS_WEB_ANSWER_HELLO, 0x0304);
    hello(e, SAAS_WEB_HELLO_TLS12, SAAS_WEB_ANSWER_HELLO, 0x0303);
    for (int k = SAAS_WEB_HELLO_TLS11; k < SAAS_WEB_HELLO_HYBRID; k++) {
        hello(e, k, k & 1 ? SAAS_WEB_ANSWER_ALERT : SAAS_WEB_ANSWER_CLOSED, 0);
    }
    hello(e, SAAS_WEB_HELLO_HYBRID, SAAS_WEB_ANSWER_HELLO, 0x0304);
    e->hello[SAAS_WEB_HELLO_HYBRID].group = SAAS_WEB_GROUP_HYBRID;
    hello(e, SAAS_WEB_HELLO_BEYOND, SAAS_WEB_ANSWER_ALERT, 0);
    e->cors_origin = "https://probe.invalid";
    e->cors = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->cors, "https://example.com/", 200);
    e->trace = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->trace, "https://example.com/", 405);
    e->security_txt = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->security_txt, "https://example.com/.well-known/security.txt", 200);
    e->security_document.has_contact = 1;
    e->security_document.expires = e->now + 1;
    e->security_document.expires_count = 1;
    dns_good(e);
    e->claimed = e->owned = 1;
    e->directories = SAAS_WEB_DIRECTORIES;
    return e;
}

static saas_web_verdict_t judge(const saas_web_evidence_t *e, const char *name)
{
    saas_web_verdict_t v;

    for (int i = 0; i < saas_web_check_count; i++) {
        if (strcmp(saas_web_checks[i].name, name) == 0) {
            saas_web_check(unit_pool, &saas_web_checks[i], e, &v);
            ck_assert_ptr_nonnull(v.comment);
            ck_assert_ptr_null(strstr(v.comment, "TOPSECRET"));
            ck_assert_ptr_null(strstr(v.comment, "(null)"));
            return v;
        }
    }
    ck_abort_msg("there is no check \"%s\"", name);
    return (saas_web_verdict_t){ 0 };
}

static void expect(const saas_web_evidence_t *e, const char *name, saas_web_status_e status)
{
    saas_web_verdict_t v = judge(e, name);

    ck_assert_msg(v.status == status, "%s: %d instead of %d: %s", name, v.status, status, v.comment);
}

START_TEST(table)
{
    ck_assert_int_ge(saas_web_check_count, 30);
    for (int i = 0; i < saas_web_check_count; i++) {
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(saas_web_checks[i].name, saas_web_checks[k].name);
        }
        ck_assert_int_ne(saas_web_checks[i].without_tls, SAAS_WEB_PASS);
        ck_assert_ptr_nonnull(saas_web_checks[i].judge);
        ck_assert_ptr_nonnull(saas_web_checks[i].title);
        ck_assert_msg(saas_web_checks[i].meaning && saas_web_checks[i].remediation, "%s is not explained", saas_web_checks[i].name);
        ck_assert_msg(strncmp(saas_web_checks[i].reference, "https://", 8) == 0, "%s", saas_web_checks[i].name);
        ck_assert_msg(saas_web_checks[i].penalty >= 0 && saas_web_checks[i].bonus >= 0, "%s", saas_web_checks[i].name);
    }
}
END_TEST

START_TEST(all_good)
{
    saas_web_evidence_t *e = good();

    for (int i = 0; i < saas_web_check_count; i++) {
        /* Which page logs out nobody can tell. */
        int manual = strcmp(saas_web_checks[i].name, "clear_site_data_on_logout") == 0;

        expect(e, saas_web_checks[i].name, manual ? SAAS_WEB_MANUAL : SAAS_WEB_PASS);
    }
}
END_TEST

/* Nothing was reached, for whatever reason: nothing passes. */
START_TEST(nothing_seen)
{
    for (int how = SAAS_WEB_FETCH_GUARDED; how <= SAAS_WEB_FETCH_FAILED; how++) {
        saas_web_evidence_t *e = good();

        e->https = reply(how, "the reason");
        add_hop(e->https, "https://example.com/", 0);
        e->http = reply(how, "the reason");
        add_hop(e->http, "http://example.com/", 0);
        e->main = NULL;
        e->tls_hop = saas_web_reply_first(e->https);
        memset(&e->cert, 0, sizeof(e->cert));
        memset(e->hello, 0, sizeof(e->hello));
        e->probed = 0;
        e->cors = e->trace = e->security_txt = NULL;
        e->at = NULL;
        e->dns.unasked = how <= SAAS_WEB_FETCH_NO_NAME ? NULL : "the reason";
        for (int i = 0; i < saas_web_check_count; i++) {
            saas_web_verdict_t v = judge(e, saas_web_checks[i].name);

            ck_assert_msg(v.status != SAAS_WEB_PASS, "%s passed (outcome %d): %s", saas_web_checks[i].name, how,
                          v.comment);
            ck_assert_msg(strstr(v.comment, "the reason") != NULL, "%s: %s", saas_web_checks[i].name, v.comment);
            if (how == SAAS_WEB_FETCH_GUARDED) {
                ck_assert_int_eq(v.status, SAAS_WEB_ERROR);
            }
        }
    }
}
END_TEST

/* The page was read, but no hello was answered in time. */
START_TEST(probes_unanswered)
{
    static const char *const names[] = {
        "tls_legacy_protocols_disabled", "tls_1_2_or_1_3_supported", "tls_1_3_supported",
        "tls_weak_ciphers_refused",      "tls_forward_secrecy_only", "tls_dh_params",
        "tls_compression_disabled",      "tls_secure_renegotiation"
    };
    static const saas_web_answer_e whats[] = { SAAS_WEB_ANSWER_NONE, SAAS_WEB_ANSWER_TIMEOUT,
                                               SAAS_WEB_ANSWER_NO_CONNECTION, SAAS_WEB_ANSWER_NOT_TLS,
                                               SAAS_WEB_ANSWER_GUARDED };

    for (size_t w = 0; w < sizeof(whats) / sizeof(whats[0]); w++) {
        saas_web_evidence_t *e = good();

        for (int k = 0; k < SAAS_WEB_HELLO_COUNT; k++) {
            hello(e, k, whats[w], 0);
        }
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            expect(e, names[i], SAAS_WEB_MANUAL);
        }
    }
}
END_TEST

START_TEST(http_only)
{
    saas_web_evidence_t *e = good();

    ck_assert_ptr_null(saas_web_target_parse(unit_pool, guard, "http://example.com:8080/", &e->target));
    e->https = reply(SAAS_WEB_FETCH_NOT_MADE, NULL);
    e->http = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->http, "http://example.com:8080/", 200);
    e->main = e->http;
    e->tls_hop = NULL;
    memset(&e->cert, 0, sizeof(e->cert));
    memset(e->hello, 0, sizeof(e->hello));
    expect(e, "tls_1_2_or_1_3_supported", SAAS_WEB_FAIL);
    expect(e, "tls_certificate_trusted", SAAS_WEB_FAIL);
    expect(e, "tls_certificate_key_strength", SAAS_WEB_MANUAL);
    expect(e, "tls_legacy_protocols_disabled", SAAS_WEB_MANUAL);
    expect(e, "http_redirect_to_https", SAAS_WEB_FAIL);
    expect(e, "http_redirect_first_hop_same_host", SAAS_WEB_FAIL);
    expect(e, "hsts_enabled", SAAS_WEB_FAIL);
    expect(e, "hsts_max_age", SAAS_WEB_FAIL);
    expect(e, "hsts_include_subdomains", SAAS_WEB_FAIL);
    expect(e, "csp_present", SAAS_WEB_FAIL);
}
END_TEST

/* Of certificates from a day on (2026-03-15 and so on, in seconds), so many days and not a moment more. */
static void lifetimes(void)
{
    static const struct {
        apr_int64_t from;
        int days;
    } rules[] = { { 1519862400, 825 }, { 1598918400, 398 }, { 1773532800, 200 }, { 1805068800, 100 }, { 1868227200, 47 } };
    saas_web_evidence_t *e = good();

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        for (int before = i > 0; before >= 0; before--) {
            e->cert.not_before = apr_time_from_sec(rules[i].from - before);
            e->cert.not_after = e->cert.not_before + rules[i - before].days * apr_time_from_sec(86400);
            expect(e, "tls_certificate_lifetime", SAAS_WEB_PASS);
            e->cert.not_after++;
            expect(e, "tls_certificate_lifetime", SAAS_WEB_FAIL);
        }
    }
}

START_TEST(certificates)
{
    saas_web_evidence_t *e = good();
    const apr_time_t day = apr_time_from_sec(86400);

    e->cert.trusted = 0;
    e->cert.trust_problem = "self-signed";
    expect(e, "tls_certificate_trusted", SAAS_WEB_FAIL);
    expect(e, "hsts_enabled", SAAS_WEB_FAIL);
    e = good();
    e->cert.host_matches = 0;
    expect(e, "tls_certificate_hostname_match", SAAS_WEB_FAIL);
    expect(e, "hsts_enabled", SAAS_WEB_FAIL);
    e = good();
    e->cert.not_after = e->now;
    expect(e, "tls_certificate_not_expired", SAAS_WEB_FAIL);
    expect(e, "tls_certificate_expiry_margin", SAAS_WEB_FAIL);
    e->cert.not_after = e->now + 1;
    expect(e, "tls_certificate_not_expired", SAAS_WEB_PASS);
    e->cert.not_before = e->now + 1;
    expect(e, "tls_certificate_not_expired", SAAS_WEB_FAIL);
    e = good();
    e->cert.not_after = e->now + 7 * day - 1;
    ck_assert_int_eq(judge(e, "tls_certificate_expiry_margin").severity, SAAS_WEB_HIGH);
    e->cert.not_after = e->now + 7 * day;
    ck_assert_int_eq(judge(e, "tls_certificate_expiry_margin").severity, SAAS_WEB_MEDIUM);
    expect(e, "tls_certificate_expiry_margin", SAAS_WEB_FAIL);
    e->cert.not_after = e->now + 30 * day;
    expect(e, "tls_certificate_expiry_margin", SAAS_WEB_PASS);
    lifetimes();
    e->cert.key_is_strong = 0;
    expect(e, "tls_certificate_key_strength", SAAS_WEB_FAIL);
    e->cert.weak_signature = "sha1";
    expect(e, "tls_certificate_signature", SAAS_WEB_FAIL);
    e->cert.chain_problem = "missing";
    expect(e, "tls_chain_complete_ordered", SAAS_WEB_FAIL);
    e->cert.staple = 0;
    expect(e, "tls_ocsp_staple", SAAS_WEB_FAIL);
    e->cert.must_staple = 1;
    ck_assert_int_eq(judge(e, "tls_ocsp_staple").severity, SAAS_WEB_MEDIUM);
    e->cert.must_staple = e->cert.names_responder = 0;
    expect(e, "tls_ocsp_staple", SAAS_WEB_MANUAL);
}
END_TEST

START_TEST(protocols)
{
    saas_web_evidence_t *e = good();

    hello(e, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_HELLO, 0x0301);
    expect(e, "tls_legacy_protocols_disabled", SAAS_WEB_FAIL);
    hello(e, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_TIMEOUT, 0);
    expect(e, "tls_legacy_protocols_disabled", SAAS_WEB_MANUAL);
    /* An answer in another version is no acceptance of the one asked for. */
    hello(e, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_CLOSED, 0);
    hello(e, SAAS_WEB_HELLO_TLS13, SAAS_WEB_ANSWER_HELLO, 0x0303);
    expect(e, "tls_1_3_supported", SAAS_WEB_FAIL);
    expect(e, "tls_1_2_or_1_3_supported", SAAS_WEB_PASS);
    hello(e, SAAS_WEB_HELLO_TLS12, SAAS_WEB_ANSWER_ALERT, 0);
    expect(e, "tls_1_2_or_1_3_supported", SAAS_WEB_FAIL);
    e = good();
    e->hello[SAAS_WEB_HELLO_TLS12].compression = 1;
    expect(e, "tls_compression_disabled", SAAS_WEB_FAIL);
    e->hello[SAAS_WEB_HELLO_TLS12].secure_renegotiation = 0;
    expect(e, "tls_secure_renegotiation", SAAS_WEB_FAIL);
    hello(e, SAAS_WEB_HELLO_STATIC_RSA, SAAS_WEB_ANSWER_HELLO, 0x0303);
    e->hello[SAAS_WEB_HELLO_STATIC_RSA].suite = 0x002f;
    expect(e, "tls_forward_secrecy_only", SAAS_WEB_FAIL);
    e->weak_suites = "RSA_WITH_RC4_128_SHA";
    expect(e, "tls_weak_ciphers_refused", SAAS_WEB_FAIL);
    hello(e, SAAS_WEB_HELLO_DHE, SAAS_WEB_ANSWER_HELLO, 0x0303);
    expect(e, "tls_dh_params", SAAS_WEB_MANUAL);
    e->hello[SAAS_WEB_HELLO_DHE].dh_bits = 1024;
    expect(e, "tls_dh_params", SAAS_WEB_FAIL);
    e->hello[SAAS_WEB_HELLO_DHE].dh_bits = 2048;
    expect(e, "tls_dh_params", SAAS_WEB_PASS);
    ((saas_web_hop_t *)e->tls_hop)->tls.early_data = 1;
    expect(e, "tls_early_data_disabled", SAAS_WEB_FAIL);
    ((saas_web_hop_t *)e->tls_hop)->tls.early_data = -1;
    expect(e, "tls_early_data_disabled", SAAS_WEB_MANUAL);
}
END_TEST

START_TEST(redirects)
{
    saas_web_evidence_t *e = good();

    e->http = reply(SAAS_WEB_FETCH_CLOSED, "closed");
    add_hop(e->http, "http://example.com/", 0);
    expect(e, "http_redirect_to_https", SAAS_WEB_PASS);
    e->http = reply(SAAS_WEB_FETCH_UNREACHABLE, "no answer");
    add_hop(e->http, "http://example.com/", 0);
    expect(e, "http_redirect_to_https", SAAS_WEB_MANUAL);
    e->http = reply(SAAS_WEB_FETCH_NOT_MADE, NULL);
    expect(e, "http_redirect_to_https", SAAS_WEB_MANUAL);
    e->http = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->http, "http://example.com/", 200);
    expect(e, "http_redirect_to_https", SAAS_WEB_FAIL);
    expect(e, "http_redirect_first_hop_same_host", SAAS_WEB_FAIL);
    add_hop(e->http, "http://www.example.com/", 301);
    add_hop(e->http, "https://www.example.com/", 200);
    expect(e, "http_redirect_to_https", SAAS_WEB_PASS);
    expect(e, "http_redirect_first_hop_same_host", SAAS_WEB_FAIL);
    e->http = reply(SAAS_WEB_FETCH_OK, NULL);
    add_hop(e->http, "http://example.com/", 301);
    add_hop(e->http, "https://www.example.com/", 200);
    expect(e, "http_redirect_first_hop_same_host", SAAS_WEB_FAIL);
    e->http->how = SAAS_WEB_FETCH_LOOP;
    e->http->reason = "a loop";
    expect(e, "http_redirect_to_https", SAAS_WEB_FAIL);
}
END_TEST

START_TEST(content)
{
    static const struct {
        const char *check, *header, *value;
        saas_web_status_e status;
    } cases[] = {
        { "hsts_enabled", "strict-transport-security", NULL, SAAS_WEB_FAIL },
        { "hsts_enabled", "strict-transport-security", "max-age=0", SAAS_WEB_FAIL },
        { "hsts_max_age", "strict-transport-security", "max-age=15551999", SAAS_WEB_FAIL },
        { "hsts_max_age", "strict-transport-security", "max-age=15552000", SAAS_WEB_PASS },
        { "hsts_include_subdomains", "strict-transport-security", "max-age=15552000", SAAS_WEB_FAIL },
        { "hsts_enabled", "strict-transport-security", "max-age=15552000; includeSubDomains, max-age=15552000", SAAS_WEB_FAIL },
        { "hsts_enabled", "strict-transport-security", "max-age=15552000;; preload ;", SAAS_WEB_PASS },
        { "csp_present", "content-security-policy", NULL, SAAS_WEB_FAIL },
        { "csp_present", "content-security-policy", "defa; report-uri /x", SAAS_WEB_FAIL },
        { "csp_present", "content-security-policy", ";", SAAS_WEB_FAIL },
        { "csp_script_no_unsafe_inline", "content-security-policy", NULL, SAAS_WEB_FAIL },
        { "csp_script_no_unsafe_inline", "content-security-policy", "script-src 'unsafe-inline'", SAAS_WEB_FAIL },
        { "csp_no_unsafe_eval", "content-security-policy", "script-src 'unsafe-eval'", SAAS_WEB_FAIL },
        { "csp_base_object_form_locked", "content-security-policy", "default-src 'none'", SAAS_WEB_FAIL },
        { "clickjacking_protected", "content-security-policy", "default-src 'none'", SAAS_WEB_FAIL },
        { "clickjacking_protected", "x-frame-options", "ALLOW-FROM https://a.example", SAAS_WEB_PASS },
        { "content_type_nosniff", "x-content-type-options", NULL, SAAS_WEB_FAIL },
        { "content_type_nosniff", "x-content-type-options", "nosniffing", SAAS_WEB_FAIL },
        { "content_type_nosniff", "x-content-type-options", "NoSniff", SAAS_WEB_PASS },
        { "referrer_policy_safe", "referrer-policy", NULL, SAAS_WEB_FAIL },
        { "referrer_policy_safe", "referrer-policy", "unsafe-url", SAAS_WEB_FAIL },
        { "permissions_policy_present", "permissions-policy", NULL, SAAS_WEB_FAIL },
        { "cross_origin_opener_policy", "cross-origin-opener-policy", NULL, SAAS_WEB_FAIL },
        { "cross_origin_opener_policy", "cross-origin-opener-policy", "sameorigin", SAAS_WEB_FAIL },
        { "cross_origin_embedder_policy", "cross-origin-embedder-policy", "require-corp; report-to=x", SAAS_WEB_PASS },
        { "cross_origin_resource_policy", "cross-origin-resource-policy", "cross-origin", SAAS_WEB_FAIL },
        { "cross_origin_isolation", "cross-origin-opener-policy", NULL, SAAS_WEB_PASS },
        { "cookies_prefix_valid", "set-cookie", "__Secure-a=TOPSECRET", SAAS_WEB_FAIL },
        { "cookies_secure", "set-cookie", "a=TOPSECRET", SAAS_WEB_FAIL },
        { "cookies_httponly", "set-cookie", "a=TOPSECRET", SAAS_WEB_PASS },
        { "cookies_httponly", "set-cookie", "JSESSIONID=TOPSECRET; Secure", SAAS_WEB_FAIL },
        { "cookies_samesite", "set-cookie", "a=TOPSECRET; Secure", SAAS_WEB_FAIL },
        { "cookies_samesite", "set-cookie", "a=TOPSECRET; SameSite=None", SAAS_WEB_FAIL },
        { "cookies_samesite", "set-cookie", "a=TOPSECRET; SameSite=None; Secure", SAAS_WEB_PASS },
        { "cookies_secure", "set-cookie", NULL, SAAS_WEB_PASS },
        { "headers_no_technology_leak", "server", "nginx/1.24", SAAS_WEB_FAIL },
        { "headers_no_technology_leak", "server", "nginx", SAAS_WEB_PASS },
        { "headers_no_technology_leak", "x-powered-by", "\xff", SAAS_WEB_FAIL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_evidence_t *e = good();

        set(APR_ARRAY_IDX(e->https->hops, 0, saas_web_hop_t *), cases[i].header, cases[i].value);
        expect(e, cases[i].check, cases[i].status);
    }
}
END_TEST

START_TEST(extras)
{
    saas_web_evidence_t *e = good();
    saas_web_hop_t *h = APR_ARRAY_IDX(e->cors->hops, 0, saas_web_hop_t *);

    set(h, "access-control-allow-origin", "https://probe.invalid");
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_PASS);
    set(h, "access-control-allow-credentials", "true");
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_FAIL);
    set(h, "access-control-allow-credentials", "TRUE");
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_PASS);
    set(h, "access-control-allow-credentials", "true");
    set(h, "access-control-allow-origin", "HTTPS://PROBE.INVALID");
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_PASS);
    set(h, "access-control-allow-origin", "https://probe.invalid");
    APR_ARRAY_PUSH(h->headers, saas_web_header_t) = (saas_web_header_t){ "access-control-allow-origin", "https://probe.invalid" };
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_PASS);
    h = APR_ARRAY_IDX(e->trace->hops, 0, saas_web_hop_t *);
    h->status = 200;
    expect(e, "http_trace_disabled", SAAS_WEB_PASS);
    set(h, "content-type", "message/http");
    expect(e, "http_trace_disabled", SAAS_WEB_FAIL);
    e->security_document.expires = e->now - 1;
    expect(e, "security_txt_present", SAAS_WEB_FAIL);
    e->cors = e->trace = NULL;
    e->security_txt = reply(SAAS_WEB_FETCH_SLOW, "slow");
    expect(e, "cors_no_credentialed_reflection", SAAS_WEB_MANUAL);
    expect(e, "http_trace_disabled", SAAS_WEB_MANUAL);
    expect(e, "security_txt_present", SAAS_WEB_MANUAL);
    e = good();
    e->security_document.expires_count = 2;
    expect(e, "security_txt_valid", SAAS_WEB_FAIL);
    expect(e, "security_txt_present", SAAS_WEB_PASS);
    e = good();
    e->security_document.bad_contact = "me@example.com";
    expect(e, "security_txt_valid", SAAS_WEB_FAIL);
    e = good();
    e->security_document.languages_count = 2;
    expect(e, "security_txt_valid", SAAS_WEB_FAIL);
    e = good();
    e->document.insecure_content = "http://a.example/x.png";
    expect(e, "mixed_content_absent", SAAS_WEB_FAIL);
    set(APR_ARRAY_IDX(e->https->hops, 0, saas_web_hop_t *), "content-security-policy", "upgrade-insecure-requests");
    expect(e, "mixed_content_absent", SAAS_WEB_PASS);
    e = good();
    h = APR_ARRAY_IDX(e->https->hops, 0, saas_web_hop_t *);
    set(h, "alt-svc", "h2=\":443\", xh3=\":443\"");
    expect(e, "http3_offered", SAAS_WEB_FAIL);
    set(h, "alt-svc", "h2=\":443\",h3=\":443\"");
    expect(e, "http3_offered", SAAS_WEB_PASS);
    h->tls.timestamps = 1;
    expect(e, "tls_certificate_transparency", SAAS_WEB_FAIL);
    e->cert.trusted = 0;
    expect(e, "tls_certificate_transparency", SAAS_WEB_MANUAL);
    e->hello[SAAS_WEB_HELLO_HYBRID].group = 0x001d;
    expect(e, "tls_hybrid_key_exchange", SAAS_WEB_FAIL);
    e->document.unpinned_script = "https://cdn.example/x.js";
    expect(e, "scripts_loaded_securely", SAAS_WEB_FAIL);
    ck_assert_int_eq(judge(e, "scripts_loaded_securely").severity, SAAS_WEB_LOW);
    e->document.insecure_script = "http://cdn.example/x.js";
    ck_assert_int_eq(judge(e, "scripts_loaded_securely").severity, SAAS_WEB_HIGH);
    e = good();
    e->main->truncated = 1;
    expect(e, "scripts_loaded_securely", SAAS_WEB_MANUAL);
    set(APR_ARRAY_IDX(e->https->hops, 0, saas_web_hop_t *), "content-security-policy", NULL);
    expect(e, "csp_present", SAAS_WEB_MANUAL);
    expect(e, "csp_script_no_unsafe_inline", SAAS_WEB_MANUAL);
    expect(e, "csp_no_unsafe_eval", SAAS_WEB_MANUAL);
    expect(e, "csp_base_object_form_locked", SAAS_WEB_MANUAL);
}
END_TEST

/* The evidence of a page that was served over plain http, as a case of tests/data/web/answers.json tells it. */
static saas_web_evidence_t *answer(const json_t *row)
{
    saas_web_evidence_t *e = good();
    const char *head = json_string_value(json_object_get(row, "head"));
    const char *inner = json_string_value(json_object_get(row, "body"));
    const char *body = apr_psprintf(unit_pool, "<!doctype html><html><head>%s</head><body>%s</body></html>", head, inner ? inner : "");
    saas_web_hop_t *h;
    json_t *pair;
    size_t i;

    ck_assert_ptr_null(saas_web_target_parse(unit_pool, guard, "http://example.com:8080/", &e->target));
    e->https = reply(SAAS_WEB_FETCH_NOT_MADE, NULL);
    e->http = reply(SAAS_WEB_FETCH_OK, NULL);
    h = add_hop(e->http, "http://example.com:8080/", 200);
    json_array_foreach (json_object_get(row, "headers"), i, pair) {
        saas_web_header_t *f = apr_array_push(h->headers);
        char *name = apr_pstrdup(unit_pool, json_string_value(json_array_get(pair, 0)));

        for (char *c = name; *c; c++) {
            *c = apr_tolower(*c);
        }
        f->name = name;
        f->value = apr_pstrdup(unit_pool, json_string_value(json_array_get(pair, 1)));
    }
    e->main = e->http;
    e->tls_hop = NULL;
    memset(&e->cert, 0, sizeof(e->cert));
    memset(e->hello, 0, sizeof(e->hello));
    saas_web_document_read(unit_pool, h->at, "text/html", body, strlen(body), &e->document);
    return e;
}

/* tests/api/test_web_answers.py has a server give the same answers. */
START_TEST(answers)
{
    json_t *file = json_load_file("tests/data/web/answers.json", 0, NULL), *row, *want;
    size_t i;

    ck_assert_uint_ge(json_array_size(json_object_get(file, "cases")), 38);
    json_array_foreach (json_object_get(file, "cases"), i, row) {
        static const char *const words[] = { "PASS", "FAIL", "MANUAL", "ERROR" };
        const char *name = json_string_value(json_object_get(row, "name"));
        const saas_web_evidence_t *e = answer(row);
        const char *check;

        json_object_foreach (json_object_get(row, "want"), check, want) {
            saas_web_verdict_t v = judge(e, check);
            const char *says = json_string_value(json_object_get(json_object_get(row, "says"), check));

            ck_assert_msg(strcmp(words[v.status], json_string_value(want)) == 0, "%s: %s is %s: %s", name, check, words[v.status], v.comment);
            ck_assert_msg(!says || strstr(v.comment, says), "%s: %s says \"%s\", not \"%s\"", name, check, v.comment, says);
        }
    }
    json_decref(file);
}
END_TEST

/* Mozilla's profile Intermediate: what goes beyond it is a fault, what is not known is none, what is lacking is told. */
START_TEST(profile)
{
    static const saas_web_hello_e beyond[] = { SAAS_WEB_HELLO_SSL30,      SAAS_WEB_HELLO_TLS10, SAAS_WEB_HELLO_TLS11,
                                               SAAS_WEB_HELLO_STATIC_RSA, SAAS_WEB_HELLO_WEAK,  SAAS_WEB_HELLO_DHE,
                                               SAAS_WEB_HELLO_BEYOND };
    static const int versions[SAAS_WEB_HELLO_COUNT] = { 0x0304, 0x0303, 0x0302, 0x0301, 0x0300, 0x0303, 0x0303, 0x0303, 0x0304, 0x0303 };
    saas_web_evidence_t *e;

    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        e = good();
        hello(e, beyond[i], SAAS_WEB_ANSWER_HELLO, versions[beyond[i]]);
        e->hello[beyond[i]].suite = 0xc013;
        expect(e, "tls_profile_intermediate", SAAS_WEB_FAIL);
        hello(e, beyond[i], SAAS_WEB_ANSWER_TIMEOUT, 0);
        expect(e, "tls_profile_intermediate", SAAS_WEB_MANUAL);
    }
    ck_assert_ptr_nonnull(strstr(judge(e, "tls_profile_intermediate").comment, "did not answer in time"));
    e = good();
    e->weak_suites = "DH_anon_WITH_AES_128_GCM_SHA256";
    e->weak_families = SAAS_WEB_SUITE_ANON;
    expect(e, "tls_profile_intermediate", SAAS_WEB_FAIL);
    hello(e, SAAS_WEB_HELLO_BEYOND, SAAS_WEB_ANSWER_HELLO, 0x0303);
    e->hello[SAAS_WEB_HELLO_BEYOND].suite = 0xc013;
    ck_assert_ptr_nonnull(strstr(judge(e, "tls_profile_intermediate").comment, "ECDHE_RSA_WITH_AES_128_CBC_SHA"));
    e = good();
    hello(e, SAAS_WEB_HELLO_HYBRID, SAAS_WEB_ANSWER_ALERT, 0);
    expect(e, "tls_profile_intermediate", SAAS_WEB_PASS);
    ck_assert_ptr_nonnull(strstr(judge(e, "tls_profile_intermediate").comment, "It lacks X25519MLKEM768"));
    hello(e, SAAS_WEB_HELLO_TLS13, SAAS_WEB_ANSWER_HELLO, 0x0303);
    ck_assert_ptr_nonnull(strstr(judge(e, "tls_profile_intermediate").comment, "It lacks TLS 1.3"));
    e->cert.not_before = e->cert.not_after - apr_time_from_sec(86400 * 366);
    expect(e, "tls_profile_intermediate", SAAS_WEB_PASS);
    e->cert.not_before = e->cert.not_after - apr_time_from_sec(86400 * 368);
    expect(e, "tls_profile_intermediate", SAAS_WEB_FAIL);
    e = good();
    e->cert.key_is_strong = 0;
    e->cert.key = "RSA 1024 bits";
    expect(e, "tls_profile_intermediate", SAAS_WEB_FAIL);
}
END_TEST

/* ---------------------------------------------------------------- names */

/* What a question that was not answered makes of a verdict is never good and never bad. */
START_TEST(dns_unanswered)
{
    static const saas_web_dns_e hows[] = { SAAS_WEB_DNS_NOT_ASKED, SAAS_WEB_DNS_FAILED, SAAS_WEB_DNS_SILENT };
    static const char *const names[] = { "dns_caa_present", "dns_caa_account",     "dns_dnssec_signed",    "dns_https_record",
                                         "mail_spf_strict", "mail_dmarc_enforced", "mail_mta_sts_enforced" };

    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        saas_web_evidence_t *e = good();
        saas_web_dns_answer_t *all[] = { &e->dns.caa[0], &e->dns.https, &e->dns.mx, &e->dns.spf, &e->dns.dmarc, &e->dns.mta_sts };

        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            all[k]->how = hows[i];
            all[k]->records = NULL;
        }
        e->dns.dnssec = SAAS_WEB_DNSSEC_UNKNOWN;
        e->dns.dnssec_why = "the reason";
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            expect(e, names[k], SAAS_WEB_MANUAL);
        }
    }
}
END_TEST

START_TEST(dns_not_asked)
{
    saas_web_evidence_t *e = good();

    e->dns.unasked = "localhost is no name of the public DNS";
    for (int i = 0; i < saas_web_check_count; i++) {
        if (saas_web_checks[i].needs == SAAS_WEB_NEEDS_DNS) {
            expect(e, saas_web_checks[i].name, SAAS_WEB_MANUAL);
            ck_assert_ptr_nonnull(strstr(judge(e, saas_web_checks[i].name).comment, "no name of the public DNS"));
        }
    }
}
END_TEST

/* Where the guard refuses the address, the zone of the name is nobody's business. */
START_TEST(dns_of_what_is_inside)
{
    saas_web_evidence_t *e = good();

    e->https = reply(SAAS_WEB_FETCH_GUARDED, "example.com does not resolve to a publicly routable address");
    e->http = reply(SAAS_WEB_FETCH_GUARDED, "the same");
    e->main = NULL;
    e->at = NULL;
    for (int i = 0; i < saas_web_check_count; i++) {
        if (saas_web_checks[i].needs == SAAS_WEB_NEEDS_DNS) {
            expect(e, saas_web_checks[i].name, SAAS_WEB_ERROR);
            ck_assert_ptr_null(strstr(judge(e, saas_web_checks[i].name).comment, "v="));
        }
    }
}
END_TEST

START_TEST(dns_caa)
{
    saas_web_evidence_t *e = good();

    e->dns.caa[0] = told("www.example.com", NULL);
    e->dns.caa[1] = told("example.com", caa("issuewild", "ca.example"));
    expect(e, "dns_caa_present", SAAS_WEB_PASS);
    expect(e, "dns_caa_account", SAAS_WEB_FAIL);
    ck_assert_ptr_nonnull(strstr(judge(e, "dns_caa_account").comment, "ca.example"));
    /* What stands nearer decides, whatever stands above it; and what is not known there decides nothing. */
    e->dns.caa[0] = told("www.example.com", caa("iodef", "mailto:security@example.com"));
    expect(e, "dns_caa_present", SAAS_WEB_FAIL);
    e->dns.caa[0].how = SAAS_WEB_DNS_SILENT;
    expect(e, "dns_caa_present", SAAS_WEB_MANUAL);
    e->dns.caa[0] = told("www.example.com", caa("issue", ";"));
    expect(e, "dns_caa_present", SAAS_WEB_PASS);
    expect(e, "dns_caa_account", SAAS_WEB_PASS);
    e->dns.caa[0] = e->dns.caa[1] = told("example.com", NULL);
    expect(e, "dns_caa_present", SAAS_WEB_FAIL);
    expect(e, "dns_caa_account", SAAS_WEB_FAIL);
    static const struct {
        const char *value;
        saas_web_status_e status;
    } values[] = {
        { "ca.example", SAAS_WEB_FAIL },
        { "ca.example; accounturi=https://ca.example/1", SAAS_WEB_PASS },
        { " ca.example ;  AccountURI = https://ca.example/1 ; validationmethods=dns-01", SAAS_WEB_PASS },
        { "ca.example; validationmethods=dns-01; accounturi=https://ca.example/1", SAAS_WEB_PASS },
        { "ca.example; accounturi=", SAAS_WEB_FAIL },
        { "ca.example; accounturi", SAAS_WEB_FAIL },
        { "ca.example; accounturi=;", SAAS_WEB_FAIL },
        { "ca.example; xaccounturi=https://ca.example/1", SAAS_WEB_FAIL },
        { "ca.example; accounturis=https://ca.example/1", SAAS_WEB_FAIL },
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        e->dns.caa[0] = told("example.com", caa("issue", values[i].value));
        expect(e, "dns_caa_account", values[i].status);
    }
}
END_TEST

START_TEST(dns_signed)
{
    saas_web_evidence_t *e = good();

    e->dns.dnssec = SAAS_WEB_DNSSEC_UNSIGNED;
    expect(e, "dns_dnssec_signed", SAAS_WEB_FAIL);
    ck_assert_int_eq(judge(e, "dns_dnssec_signed").severity, SAAS_WEB_LOW);
    e->dns.dnssec = SAAS_WEB_DNSSEC_BOGUS;
    e->dns.dnssec_why = "signature expired";
    expect(e, "dns_dnssec_signed", SAAS_WEB_FAIL);
    ck_assert_int_eq(judge(e, "dns_dnssec_signed").severity, SAAS_WEB_MEDIUM);
    ck_assert_ptr_nonnull(strstr(judge(e, "dns_dnssec_signed").comment, "signature expired"));
}
END_TEST

START_TEST(dns_https)
{
    saas_web_evidence_t *e = good();
    apr_array_header_t *alias = apr_array_make(unit_pool, 1, sizeof(saas_web_https_t));

    ck_assert_ptr_nonnull(strstr(judge(e, "dns_https_record").comment, "alpn=h2,h3"));
    e->dns.https = told("example.com", NULL);
    expect(e, "dns_https_record", SAAS_WEB_FAIL);
    APR_ARRAY_PUSH(alias, saas_web_https_t) = (saas_web_https_t){ 0, "cdn.example", "" };
    e->dns.https = told("example.com", alias);
    expect(e, "dns_https_record", SAAS_WEB_PASS);
    ck_assert_ptr_nonnull(strstr(judge(e, "dns_https_record").comment, "alias of cdn.example"));
}
END_TEST

START_TEST(mail_spf)
{
    static const struct {
        const char *text;
        saas_web_status_e status;
    } cases[] = {
        { "v=spf1 -all", SAAS_WEB_PASS },
        { "V=SPF1 MX ~ALL", SAAS_WEB_PASS },
        { "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a:mail.example.com/24 include:_spf.example.net exp=e.example.com -all", SAAS_WEB_PASS },
        { "v=spf1", SAAS_WEB_FAIL },
        { "v=spf1 mx", SAAS_WEB_FAIL },
        { "v=spf1 mx ?all", SAAS_WEB_FAIL },
        { "v=spf1 +all", SAAS_WEB_FAIL },
        { "v=spf1 all", SAAS_WEB_FAIL },
        { "v=spf1 all -all", SAAS_WEB_FAIL },
        { "v=spf1 redirect=_spf.example.net", SAAS_WEB_MANUAL },
        { "v=spf1 redirect=_spf.example.net -all", SAAS_WEB_PASS },
        { "v=spf1 ipv4:192.0.2.1 -all", SAAS_WEB_FAIL },
        { "v=spf1 a a a a a a a a a a -all", SAAS_WEB_PASS },
        { "v=spf1 a a a a a a a a a a a -all", SAAS_WEB_FAIL },
        { "v=spf10 -all", SAAS_WEB_FAIL },
        { "spf1 -all", SAAS_WEB_FAIL },
        { "", SAAS_WEB_FAIL },
    };
    saas_web_evidence_t *e = good();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_verdict_t v;

        e->dns.spf = told("example.com", texts(cases[i].text, NULL));
        v = judge(e, "mail_spf_strict");
        ck_assert_msg(v.status == cases[i].status, "%s: %d: %s", cases[i].text, v.status, v.comment);
    }
    e->dns.spf = told("example.com", texts("v=spf1 -all", "v=spf1 -all", NULL));
    expect(e, "mail_spf_strict", SAAS_WEB_FAIL);
    e->dns.spf = told("example.com", NULL);
    expect(e, "mail_spf_strict", SAAS_WEB_FAIL);
}
END_TEST

START_TEST(mail_dmarc)
{
    static const struct {
        const char *text;
        saas_web_status_e status;
    } cases[] = {
        { "v=DMARC1; p=reject", SAAS_WEB_PASS },
        { "v=DMARC1 ; P = Quarantine ; rua=mailto:a@example.com", SAAS_WEB_PASS },
        { "v=DMARC1;p=reject;sp=quarantine;pct=100", SAAS_WEB_PASS },
        { "v=DMARC1; p=none", SAAS_WEB_FAIL },
        { "v=DMARC1; p=reject; sp=none", SAAS_WEB_FAIL },
        { "v=DMARC1; p=reject; pct=20", SAAS_WEB_FAIL },
        { "v=DMARC1; sp=reject", SAAS_WEB_FAIL },
        { "v=DMARC1; p=rejected", SAAS_WEB_FAIL },
        { "v=DMARC1", SAAS_WEB_FAIL },
        { "v=DMARC12; p=reject", SAAS_WEB_FAIL },
        { "p=reject; v=DMARC1", SAAS_WEB_FAIL },
    };
    saas_web_evidence_t *e = good();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_verdict_t v;

        e->dns.dmarc = told("_dmarc.example.com", texts(cases[i].text, NULL));
        v = judge(e, "mail_dmarc_enforced");
        ck_assert_msg(v.status == cases[i].status, "%s: %d: %s", cases[i].text, v.status, v.comment);
    }
    e->dns.dmarc = told("_dmarc.example.com", texts("v=DMARC1; p=reject", "v=DMARC1; p=none", NULL));
    expect(e, "mail_dmarc_enforced", SAAS_WEB_FAIL);
    e->dns.dmarc = told("_dmarc.example.com", NULL);
    expect(e, "mail_dmarc_enforced", SAAS_WEB_FAIL);
}
END_TEST

START_TEST(mail_mta_sts)
{
    static const struct {
        const char *body;
        saas_web_status_e status;
    } cases[] = {
        { "version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 86400", SAAS_WEB_PASS },
        { "mode:enforce\nmx:other.example\nmx:MX.example.com\nmax_age:1\nversion:STSv1\nextra: x\n", SAAS_WEB_PASS },
        { "version: STSv1\nmode: testing\nmx: mx.example.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: none\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmx: mx2.example.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmx: *.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmx: *.mx.example.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmx: mx.example.com\n", SAAS_WEB_FAIL },
        { "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 99999999999\n", SAAS_WEB_FAIL },
        { "version: STSv2\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "mode: enforce\nmx: mx.example.com\nmax_age: 86400\n", SAAS_WEB_FAIL },
        { "<html>", SAAS_WEB_FAIL },
        { "", SAAS_WEB_FAIL },
    };
    saas_web_evidence_t *e = good();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_verdict_t v;

        policy(e, cases[i].body);
        v = judge(e, "mail_mta_sts_enforced");
        ck_assert_msg(v.status == cases[i].status, "%s: %d: %s", cases[i].body, v.status, v.comment);
    }
    e = good();
    e->sts_cert.trusted = 0;
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e = good();
    e->sts_cert.host_matches = 0;
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e = good();
    e->sts_cert.not_after = e->now - 1;
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e = good();
    saas_web_reply_last(e->sts_reply);
    APR_ARRAY_IDX(e->sts_reply->hops, 0, saas_web_hop_t *)->status = 301;
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e = good();
    e->sts_reply = reply(SAAS_WEB_FETCH_GUARDED, "it is not publicly routable");
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e = good();
    e->dns.mta_sts = told("_mta-sts.example.com", texts("v=STSv1; id=a-b;", NULL));
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e->dns.mta_sts = told("_mta-sts.example.com", texts("v=STSv1; id=1", "v=STSv1; id=1", NULL));
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    e->dns.mta_sts = told("_mta-sts.example.com", NULL);
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_FAIL);
    /* A domain that takes no mail needs none; one without an MX may still take some. */
    e->dns.mx = told("example.com", mx(""));
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_PASS);
    e->dns.mx = told("example.com", NULL);
    expect(e, "mail_mta_sts_enforced", SAAS_WEB_MANUAL);
}
END_TEST

/* ------------------------------------------------------------ addresses */

static saas_web_evidence_t *at(const char *address)
{
    saas_web_evidence_t *e = good();

    e->at = e->address = address;
    e->dns.unasked = e->addresses.unknown = "asked for the whole name";
    return e;
}

static saas_web_evidence_t *two(saas_web_evidence_t *other)
{
    saas_web_evidence_t *e = good();

    e->at = "192.0.2.1";
    e->addresses.all = 2;
    e->others = apr_array_make(unit_pool, 1, sizeof(const saas_web_evidence_t *));
    APR_ARRAY_PUSH(e->others, const saas_web_evidence_t *) = other;
    return e;
}

static saas_web_verdict_t everywhere(const saas_web_evidence_t *e, const char *name)
{
    saas_web_verdict_t v = { 0 };

    for (int i = 0; i < saas_web_check_count; i++) {
        if (strcmp(saas_web_checks[i].name, name) == 0) {
            saas_web_check_everywhere(unit_pool, &saas_web_checks[i], e, &v);
        }
    }
    ck_assert_ptr_nonnull(v.comment);
    return v;
}

START_TEST(weak_address_counts)
{
    saas_web_evidence_t *weak = at("192.0.2.2");
    saas_web_evidence_t *e = two(weak);
    saas_web_verdict_t v;

    for (int i = 0; i < saas_web_check_count; i++) {
        v = everywhere(e, saas_web_checks[i].name);
        ck_assert_msg(v.status == judge(e, saas_web_checks[i].name).status && !strstr(v.comment, "[at"), "%s: %s",
                      saas_web_checks[i].name, v.comment);
    }
    hello(weak, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_HELLO, 0x0301);
    set(APR_ARRAY_IDX(weak->https->hops, 0, saas_web_hop_t *), "content-security-policy", NULL);
    v = everywhere(e, "tls_legacy_protocols_disabled");
    ck_assert_int_eq(v.status, SAAS_WEB_FAIL);
    ck_assert_ptr_nonnull(strstr(v.comment, "[at 192.0.2.2]"));
    v = everywhere(e, "csp_present");
    ck_assert_int_eq(v.status, SAAS_WEB_FAIL);
    ck_assert_ptr_nonnull(strstr(v.comment, "[at 192.0.2.2]"));
    ck_assert_int_eq(everywhere(e, "hsts_enabled").status, SAAS_WEB_PASS);
    /* The graver one wins; where all are alike none is named. */
    weak->cert.not_after = weak->now + apr_time_from_sec(86400 * 3);
    e->cert.not_after = e->now + apr_time_from_sec(86400 * 20);
    v = everywhere(e, "tls_certificate_expiry_margin");
    ck_assert_int_eq(v.severity, SAAS_WEB_HIGH);
    ck_assert_ptr_nonnull(strstr(v.comment, "[at 192.0.2.2]"));
    hello(e, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_HELLO, 0x0301);
    v = everywhere(e, "tls_legacy_protocols_disabled");
    ck_assert_int_eq(v.status, SAAS_WEB_FAIL);
    ck_assert_ptr_null(strstr(v.comment, "[at"));
    /* The first one is named where it is the weak one. */
    hello(weak, SAAS_WEB_HELLO_TLS10, SAAS_WEB_ANSWER_ALERT, 0);
    ck_assert_ptr_nonnull(strstr(everywhere(e, "tls_legacy_protocols_disabled").comment, "[at 192.0.2.1]"));
}
END_TEST

START_TEST(silent_address)
{
    static const struct {
        saas_web_fetch_e how;
        saas_web_status_e status;
    } hows[] = { { SAAS_WEB_FETCH_CLOSED, SAAS_WEB_FAIL },
                 { SAAS_WEB_FETCH_UNREACHABLE, SAAS_WEB_MANUAL },
                 { SAAS_WEB_FETCH_NO_TLS, SAAS_WEB_PASS } };

    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        saas_web_evidence_t *other = at("192.0.2.2");
        saas_web_evidence_t *e = two(other);
        saas_web_verdict_t v;

        other->https = reply(hows[i].how, "the reason");
        other->http = reply(hows[i].how, "the reason");
        other->main = NULL;
        other->tls_hop = NULL;
        memset(&other->cert, 0, sizeof(other->cert));
        memset(other->hello, 0, sizeof(other->hello));
        v = everywhere(e, "addresses_all_answer");
        ck_assert_msg(v.status == hows[i].status, "%d: %s", hows[i].how, v.comment);
        ck_assert_ptr_nonnull(strstr(v.comment, hows[i].status == SAAS_WEB_PASS ? "192.0.2.1" : "192.0.2.2"));
        ck_assert_int_eq(everywhere(e, "tls_1_2_or_1_3_supported").status,
                         hows[i].how == SAAS_WEB_FETCH_NO_TLS ? SAAS_WEB_FAIL : SAAS_WEB_PASS);
        ck_assert_int_eq(everywhere(e, "csp_present").status, SAAS_WEB_PASS);
    }
}
END_TEST

START_TEST(addresses_not_looked_at)
{
    saas_web_evidence_t *e = good();

    expect(e, "addresses_all_answer", SAAS_WEB_PASS);
    e->addresses.all = 12;
    e->addresses.left_out = 4;
    expect(e, "addresses_all_answer", SAAS_WEB_MANUAL);
    e->addresses.left_out = 0;
    e->addresses.refused = 1;
    expect(e, "addresses_all_answer", SAAS_WEB_MANUAL);
    e->addresses.unknown = "the reason";
    expect(e, "addresses_all_answer", SAAS_WEB_MANUAL);
    e->at = NULL;
    expect(e, "addresses_all_answer", SAAS_WEB_ERROR);
}
END_TEST

Suite *suite_web_checks(void);
Suite *suite_web_checks(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_checks", 10, &tc);

    tcase_add_test(tc, table);
    tcase_add_test(tc, all_good);
    tcase_add_test(tc, nothing_seen);
    tcase_add_test(tc, probes_unanswered);
    tcase_add_test(tc, http_only);
    tcase_add_test(tc, certificates);
    tcase_add_test(tc, protocols);
    tcase_add_test(tc, redirects);
    tcase_add_test(tc, content);
    tcase_add_test(tc, extras);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, profile);
    tcase_add_test(tc, dns_unanswered);
    tcase_add_test(tc, dns_not_asked);
    tcase_add_test(tc, dns_of_what_is_inside);
    tcase_add_test(tc, dns_caa);
    tcase_add_test(tc, dns_signed);
    tcase_add_test(tc, dns_https);
    tcase_add_test(tc, mail_spf);
    tcase_add_test(tc, mail_dmarc);
    tcase_add_test(tc, mail_mta_sts);
    tcase_add_test(tc, weak_address_counts);
    tcase_add_test(tc, silent_address);
    tcase_add_test(tc, addresses_not_looked_at);
    return s;
}
