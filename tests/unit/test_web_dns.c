/* Messages of the DNS as facts, the organization's domain of a host, names that have no public zone. */

#include "unit.h"

#include "plugins/engines/web/dns.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

/* A whole answer with these records, as the wire has it. */
static apr_array_header_t *answer(int type, const char *const *lines)
{
    ldns_pkt *packet = ldns_pkt_new();
    apr_array_header_t *read;
    uint8_t *wire;
    size_t len;

    for (; *lines; lines++) {
        ldns_rr *rr;

        ck_assert_msg(ldns_rr_new_frm_str(&rr, *lines, 0, NULL, NULL) == LDNS_STATUS_OK, "%s", *lines);
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
    }
    ck_assert_int_eq(ldns_pkt2wire(&wire, packet, &len), LDNS_STATUS_OK);
    ldns_pkt_free(packet);
    read = saas_web_dns_read(unit_pool, type, wire, len);
    /* Whatever is cut off: an error or less, never more. */
    for (size_t n = 0; n < len; n++) {
        apr_array_header_t *less = saas_web_dns_read(unit_pool, type, wire, n);

        ck_assert(!less || less->nelts <= read->nelts);
    }
    free(wire);
    return read;
}

START_TEST(records)
{
    static const char *const lines[] = {
        "www.example.com. 60 IN CNAME Example.COM.",
        "example.com. 60 IN A 192.0.2.7",
        "example.com. 60 IN AAAA 2001:db8::7",
        "example.com. 60 IN MX 10 MX.example.com.",
        "example.com. 60 IN MX 0 .",
        "example.com. 60 IN TXT \"v=spf1 \" \"-all\"",
        "example.com. 60 IN TXT \"say \\\"hi\\\" \\; \\195\\188\"",
        "example.com. 60 IN CAA 128 Issue \"ca.example; accounturi=https://ca.example/1\"",
        "example.com. 60 IN HTTPS 1 . alpn=h2,h3",
        "example.com. 60 IN HTTPS 0 CDN.example.",
        NULL,
    };
    apr_array_header_t *got = answer(SAAS_WEB_DNS_A, lines);
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_storage *ss;

    ck_assert_int_eq(got->nelts, 1);
    ss = &APR_ARRAY_IDX(got, 0, struct sockaddr_storage);
    ck_assert_str_eq(inet_ntop(AF_INET, &((struct sockaddr_in *)ss)->sin_addr, text, sizeof(text)), "192.0.2.7");
    got = answer(SAAS_WEB_DNS_AAAA, lines);
    ck_assert_int_eq(got->nelts, 1);
    ss = &APR_ARRAY_IDX(got, 0, struct sockaddr_storage);
    ck_assert_str_eq(inet_ntop(AF_INET6, &((struct sockaddr_in6 *)ss)->sin6_addr, text, sizeof(text)), "2001:db8::7");
    got = answer(SAAS_WEB_DNS_MX, lines);
    ck_assert_int_eq(got->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, saas_web_mx_t).host, "mx.example.com");
    ck_assert_int_eq(APR_ARRAY_IDX(got, 0, saas_web_mx_t).preference, 10);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 1, saas_web_mx_t).host, "");
    got = answer(SAAS_WEB_DNS_TXT, lines);
    ck_assert_int_eq(got->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, const char *), "v=spf1 -all");
    ck_assert_str_eq(APR_ARRAY_IDX(got, 1, const char *), "say \"hi\" ; \303\274");
    got = answer(SAAS_WEB_DNS_CAA, lines);
    ck_assert_int_eq(got->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, saas_web_caa_t).tag, "issue");
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, saas_web_caa_t).value, "ca.example; accounturi=https://ca.example/1");
    ck_assert(APR_ARRAY_IDX(got, 0, saas_web_caa_t).critical);
    got = answer(SAAS_WEB_DNS_HTTPS, lines);
    ck_assert_int_eq(got->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, saas_web_https_t).params, "alpn=h2,h3");
    ck_assert_str_eq(APR_ARRAY_IDX(got, 0, saas_web_https_t).target, "");
    ck_assert_int_eq(APR_ARRAY_IDX(got, 1, saas_web_https_t).priority, 0);
    ck_assert_str_eq(APR_ARRAY_IDX(got, 1, saas_web_https_t).target, "cdn.example");
}
END_TEST

START_TEST(many_records)
{
    const char *lines[SAAS_WEB_DNS_RECORDS_MAX + 11] = { NULL };

    for (int i = 0; i < SAAS_WEB_DNS_RECORDS_MAX + 10; i++) {
        lines[i] = apr_psprintf(unit_pool, "example.com. 60 IN A 192.0.2.%d", i);
    }
    ck_assert_int_eq(answer(SAAS_WEB_DNS_A, lines)->nelts, SAAS_WEB_DNS_RECORDS_MAX);
}
END_TEST

START_TEST(no_message)
{
    unsigned char noise[200];
    uint64_t seed = 11;

    ck_assert_ptr_null(saas_web_dns_read(unit_pool, SAAS_WEB_DNS_A, "", 0));
    ck_assert_ptr_null(saas_web_dns_read(unit_pool, SAAS_WEB_DNS_A, "short", 5));
    for (int round = 0; round < 5000; round++) {
        for (size_t i = 0; i < sizeof(noise); i++) {
            noise[i] = (unsigned char)unit_random(&seed);
        }
        noise[4] = noise[6] = noise[8] = noise[10] = 0; /* else it says that there are thousands of records */
        noise[7] = (unsigned char)(round % 4);
        (void)saas_web_dns_read(unit_pool, SAAS_WEB_DNS_TXT, noise, sizeof(noise));
    }
}
END_TEST

START_TEST(domains)
{
    static const struct {
        const char *host, *domain;
    } cases[] = {
        { "example.com", "example.com" },          { "www.shop.example.com", "example.com" },
        { "a.b.example.co.uk", "example.co.uk" },  { "co.uk", NULL },
        { "com", NULL },                           { "someone.github.io", "someone.github.io" },
        { "www.someone.github.io", "someone.github.io" }, { "host.unlisted-tld", "host.unlisted-tld" },
    };
    const void *list = saas_web_suffixes(unit_pool);

    ck_assert_ptr_nonnull(list);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *domain = saas_web_dns_domain(unit_pool, list, cases[i].host);

        ck_assert_msg(domain ? cases[i].domain && strcmp(domain, cases[i].domain) == 0 : !cases[i].domain, "%s: %s", cases[i].host,
                      domain ? domain : "none");
    }
    ck_assert_ptr_null(saas_web_dns_domain(unit_pool, NULL, "example.com"));
}
END_TEST

START_TEST(special_names)
{
    static const char *const special[] = { "localhost", "a.localhost", "printer.local", "x.test", "x.invalid", "x.onion", "a.b.internal",
                                           "router.home.arpa", "intranet", "LOCALHOST" };
    static const char *const others[] = { "example.com", "notlocalhost.com", "mylocal.example", "xtest.example", "arpa.example", "local.example" };

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        ck_assert_msg(saas_web_dns_is_special(special[i]), "%s", special[i]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_msg(!saas_web_dns_is_special(others[i]), "%s", others[i]);
    }
}
END_TEST

Suite *suite_web_dns(void);
Suite *suite_web_dns(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_dns", 10, &tc);

    tcase_add_test(tc, records);
    tcase_add_test(tc, many_records);
    tcase_add_test(tc, no_message);
    tcase_add_test(tc, domains);
    tcase_add_test(tc, special_names);
    return s;
}
