/* Certificate verdicts of the web engine, on chains made here. */

#include "unit.h"

#include "plugins/engines/web/cert.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

typedef struct {
    X509 *x;
    EVP_PKEY *key;
} cert_t;

static EVP_PKEY *ec_key(void)
{
    return EVP_EC_gen("P-256");
}

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ck_assert_ptr_nonnull(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* Takes the key over. by NULL: self-signed. days: from yesterday on. */
static cert_t make(const char *cn, const cert_t *by, EVP_PKEY *key, const char *san, int days, const EVP_MD *md)
{
    static long serial = 1;
    cert_t c = { X509_new(), key };
    X509_NAME *name = X509_get_subject_name(c.x);

    X509_set_version(c.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), serial++);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(c.x, by ? X509_get_subject_name(by->x) : name);
    X509_gmtime_adj(X509_getm_notBefore(c.x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(c.x), 86400L * (days - 1));
    X509_set_pubkey(c.x, key);
    if (san) {
        extension(c.x, by ? by->x : c.x, NID_subject_alt_name, san);
    }
    else {
        extension(c.x, by ? by->x : c.x, NID_basic_constraints, "critical,CA:TRUE");
    }
    ck_assert_int_gt(X509_sign(c.x, by ? by->key : key, md), 0);
    return c;
}

static void drop(cert_t c)
{
    X509_free(c.x);
    EVP_PKEY_free(c.key);
}

static saas_web_cert_t judge(X509_STORE *store, const char *host, int is_ip, int n, X509 *const *chain)
{
    saas_web_handshake_t tls = { .chain = apr_array_make(unit_pool, 4, sizeof(X509 *)), .early_data = -1 };
    saas_web_cert_t out;

    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(tls.chain, X509 *) = chain[i];
    }
    saas_web_cert_judge(unit_pool, &tls, host, is_ip, store, &out);
    return out;
}

START_TEST(chains)
{
    X509_STORE *store = X509_STORE_new();
    cert_t root = make("Root", NULL, ec_key(), NULL, 3000, EVP_sha256());
    cert_t mid = make("Mid", &root, ec_key(), NULL, 2000, EVP_sha256());
    cert_t leaf = make("Leaf", &mid, ec_key(), "DNS:example.com,DNS:*.w.example,IP:192.0.2.1", 90, EVP_sha256());
    cert_t stray = make("Stray", NULL, ec_key(), NULL, 90, EVP_sha256());
    saas_web_cert_t c;

    X509_STORE_add_cert(store, root.x);
    c = judge(store, "example.com", 0, 2, (X509 *[]){ leaf.x, mid.x });
    ck_assert(c.have && c.trusted && c.host_matches && c.key_is_strong);
    ck_assert_ptr_null(c.chain_problem);
    ck_assert_ptr_null(c.weak_signature);
    ck_assert_str_eq(c.names, "example.com, *.w.example, 192.0.2.1");
    ck_assert_int_eq(apr_time_sec(c.not_after - c.not_before), 90 * 86400);

    ck_assert(judge(store, "a.w.example", 0, 2, (X509 *[]){ leaf.x, mid.x }).host_matches);
    ck_assert(!judge(store, "a.b.w.example", 0, 2, (X509 *[]){ leaf.x, mid.x }).host_matches);
    ck_assert(judge(store, "192.0.2.1", 1, 2, (X509 *[]){ leaf.x, mid.x }).host_matches);
    ck_assert(!judge(store, "192.0.2.2", 1, 2, (X509 *[]){ leaf.x, mid.x }).host_matches);
    /* The common name does not count. */
    ck_assert(!judge(store, "Leaf", 0, 2, (X509 *[]){ leaf.x, mid.x }).host_matches);

    c = judge(store, "example.com", 0, 1, (X509 *[]){ leaf.x });
    ck_assert(!c.trusted && c.chain_problem && c.trust_problem);
    c = judge(store, "example.com", 0, 3, (X509 *[]){ leaf.x, stray.x, mid.x });
    ck_assert(c.trusted && c.chain_problem);
    c = judge(store, "example.com", 0, 3, (X509 *[]){ leaf.x, mid.x, root.x });
    ck_assert(c.trusted && !c.chain_problem);
    c = judge(store, "x", 0, 1, (X509 *[]){ stray.x });
    ck_assert(!c.trusted && !c.host_matches);
    c = judge(store, "x", 0, 0, NULL);
    ck_assert(!c.have && !c.trusted);

    drop(leaf);
    drop(mid);
    drop(root);
    drop(stray);
    X509_STORE_free(store);
}
END_TEST

START_TEST(dates)
{
    X509_STORE *store = X509_STORE_new();
    cert_t root = make("Root", NULL, ec_key(), NULL, 3000, EVP_sha256());
    cert_t old_leaf = make("Leaf", &root, ec_key(), "DNS:example.com", 0, EVP_sha256());
    cert_t old_mid = make("Mid", &root, ec_key(), NULL, 0, EVP_sha256());
    cert_t leaf = make("Leaf", &old_mid, ec_key(), "DNS:example.com", 90, EVP_sha256());

    X509_STORE_add_cert(store, root.x);
    /* An expired leaf is told by its dates alone, an expired intermediate by the lack of trust. */
    ck_assert(judge(store, "example.com", 0, 1, (X509 *[]){ old_leaf.x }).trusted);
    ck_assert(!judge(store, "example.com", 0, 2, (X509 *[]){ leaf.x, old_mid.x }).trusted);
    drop(leaf);
    drop(old_mid);
    drop(old_leaf);
    drop(root);
    X509_STORE_free(store);
}
END_TEST

START_TEST(strength)
{
    X509_STORE *store = X509_STORE_new();
    cert_t root = make("Root", NULL, ec_key(), NULL, 3000, EVP_sha1());
    cert_t mid = make("Mid", &root, ec_key(), NULL, 900, EVP_sha1());
    cert_t weak = make("Leaf", &mid, EVP_RSA_gen(1024), "DNS:a.example", 90, EVP_sha256());
    cert_t strong = make("Leaf", &root, EVP_RSA_gen(2048), "DNS:a.example", 90, EVP_sha256());
    cert_t sha1 = make("Leaf", &root, EVP_EC_gen("P-384"), "DNS:a.example", 90, EVP_sha1());
    saas_web_cert_t c = judge(store, "a.example", 0, 2, (X509 *[]){ weak.x, mid.x });

    ck_assert(!c.key_is_strong);
    ck_assert_str_eq(c.key, "RSA 1024 bits");
    ck_assert_ptr_nonnull(c.weak_signature);
    ck_assert_ptr_nonnull(strstr(c.weak_signature, "Mid"));
    c = judge(store, "a.example", 0, 2, (X509 *[]){ strong.x, root.x });
    ck_assert(c.key_is_strong);
    ck_assert_ptr_null(c.weak_signature); /* a root's own signature does not count */
    c = judge(store, "a.example", 0, 1, (X509 *[]){ sha1.x });
    ck_assert(c.key_is_strong);
    ck_assert_str_eq(c.key, "EC 384 bits");
    ck_assert_ptr_nonnull(c.weak_signature);
    drop(sha1);
    drop(strong);
    drop(weak);
    drop(mid);
    drop(root);
    X509_STORE_free(store);
}
END_TEST

START_TEST(hostile_staple)
{
    X509_STORE *store = X509_STORE_new();
    cert_t root = make("Root", NULL, ec_key(), NULL, 3000, EVP_sha256());
    saas_web_handshake_t tls = { .chain = apr_array_make(unit_pool, 4, sizeof(X509 *)),
                                 .staple = (const unsigned char *)"\x30\x03\x0a\x01\x06",
                                 .staple_len = 5 };
    saas_web_cert_t c;

    APR_ARRAY_PUSH(tls.chain, X509 *) = root.x;
    saas_web_cert_judge(unit_pool, &tls, "x", 0, store, &c);
    ck_assert_int_eq(c.staple, -1);
    ck_assert_ptr_nonnull(c.staple_problem);
    tls.staple = (const unsigned char *)"garbage";
    tls.staple_len = 7;
    saas_web_cert_judge(unit_pool, &tls, "x", 0, store, &c);
    ck_assert_int_eq(c.staple, -1);
    drop(root);
    X509_STORE_free(store);
}
END_TEST

Suite *suite_web_cert(void);
Suite *suite_web_cert(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_cert", 30, &tc);

    tcase_add_test(tc, chains);
    tcase_add_test(tc, dates);
    tcase_add_test(tc, strength);
    tcase_add_test(tc, hostile_staple);
    return s;
}
