/* See cert.h. Verification runs here and not in libcurl, because a scan wants
 * every answer and not the first refusal: a name mismatch must not hide that
 * the chain is trusted. This file must never fetch an issuer or a CRL.
 */
#include "cert.h"

#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define NAMES_SHOWN 10

static const char *name_text(apr_pool_t *p, X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *text = "";
    char *data;
    long len;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        len = BIO_get_mem_data(bio, &data);
        text = apr_pstrmemdup(p, data, len > 256 ? 256 : len);
    }
    BIO_free(bio);
    return text;
}

static apr_time_t asn1_time(const ASN1_TIME *t)
{
    struct tm tm;

    if (!t || ASN1_TIME_to_tm(t, &tm) != 1) {
        return 0;
    }
    return apr_time_from_sec(timegm(&tm));
}

static X509 *chain_get(const apr_array_header_t *chain, int i)
{
    return APR_ARRAY_IDX(chain, i, X509 *);
}

static int is_self_issued(X509 *x)
{
    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

/* The leaf's dates have checks of their own; those of an intermediate do not. */
static int ignore_leaf_dates(int ok, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx);

    if (!ok && X509_STORE_CTX_get_error_depth(ctx) == 0
        && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return ok;
}

/* Trust alone: the host has a check of its own. */
static void judge_trust(apr_pool_t *p, const apr_array_header_t *chain, X509_STORE *store, saas_web_cert_t *out)
{
    STACK_OF(X509) *sent = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;

    for (int i = 0; sent && i < chain->nelts; i++) {
        sk_X509_push(sent, chain_get(chain, i));
    }
    if (sent && ctx && X509_STORE_CTX_init(ctx, store, chain_get(chain, 0), sent) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

        X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
        X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_SERVER);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST);
        X509_VERIFY_PARAM_set_auth_level(param, 0);
        X509_STORE_CTX_set_verify_cb(ctx, ignore_leaf_dates);
        X509_verify_cert(ctx);
        error = X509_STORE_CTX_get_error(ctx);
    }
    out->trusted = error == X509_V_OK;
    if (!out->trusted) {
        out->trust_problem = apr_pstrdup(p, X509_verify_cert_error_string(error));
    }
    if (!out->chain_problem
        && (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            || error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)) {
        out->chain_problem = apr_psprintf(p, "the issuer \"%s\" is neither sent nor in the trust store",
                                          name_text(p, X509_get_issuer_name(chain_get(chain, chain->nelts - 1))));
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(sent);
}

static void judge_order(apr_pool_t *p, const apr_array_header_t *chain, saas_web_cert_t *out)
{
    for (int i = 0; i + 1 < chain->nelts; i++) {
        if (X509_check_issued(chain_get(chain, i + 1), chain_get(chain, i)) != X509_V_OK) {
            out->chain_problem =
                apr_psprintf(p, "certificate %d of %d (\"%s\") is not the issuer of the one before", i + 2,
                             chain->nelts, name_text(p, X509_get_subject_name(chain_get(chain, i + 1))));
            return;
        }
    }
}

static void judge_names(apr_pool_t *p, X509 *leaf, const char *host, int host_is_ip, saas_web_cert_t *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    const char *shown = "";
    int n = sk_GENERAL_NAME_num(names);

    /* Browsers have not looked at the common name since 2017, RFC 9525. */
    out->host_matches = host_is_ip ? X509_check_ip_asc(leaf, host, 0) == 1
                                   : X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    for (int i = 0, listed = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        const char *text = NULL;

        if (g->type == GEN_DNS) {
            text =
                apr_pstrmemdup(p, (const char *)ASN1_STRING_get0_data(g->d.dNSName), ASN1_STRING_length(g->d.dNSName));
        }
        else if (g->type == GEN_IPADD) {
            struct sockaddr_storage ss;
            const unsigned char *raw = ASN1_STRING_get0_data(g->d.iPAddress);
            int len = ASN1_STRING_length(g->d.iPAddress);

            memset(&ss, 0, sizeof(ss));
            if (len == 4) {
                ss.ss_family = AF_INET;
                memcpy(&((struct sockaddr_in *)&ss)->sin_addr, raw, 4);
            }
            else if (len == 16) {
                ss.ss_family = AF_INET6;
                memcpy(&((struct sockaddr_in6 *)&ss)->sin6_addr, raw, 16);
            }
            text = saas_web_address_text(p, (struct sockaddr *)&ss);
        }
        if (text && listed++ < NAMES_SHOWN) {
            shown = apr_pstrcat(p, shown, *shown ? ", " : "", text, NULL);
        }
        else if (text) {
            shown = apr_psprintf(p, "%s and more", shown);
            break;
        }
    }
    out->names = *shown ? shown : "none";
    GENERAL_NAMES_free(names);
}

static void judge_key(apr_pool_t *p, X509 *leaf, saas_web_cert_t *out)
{
    static const struct {
        int type;
        const char *name;
        int least;
    } kinds[] = {
        { EVP_PKEY_RSA, "RSA", 2048 },      { EVP_PKEY_RSA_PSS, "RSA-PSS", 2048 }, { EVP_PKEY_EC, "EC", 256 },
        { EVP_PKEY_ED25519, "Ed25519", 0 }, { EVP_PKEY_ED448, "Ed448", 0 },
    };
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    int bits = key ? EVP_PKEY_get_bits(key) : 0;

    out->key = apr_psprintf(p, "unknown kind, %d bits", bits);
    for (size_t i = 0; key && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (EVP_PKEY_get_base_id(key) == kinds[i].type) {
            out->key = apr_psprintf(p, "%s %d bits", kinds[i].name, bits);
            out->key_is_strong = bits >= kinds[i].least;
        }
    }
}

static void judge_signatures(apr_pool_t *p, const apr_array_header_t *chain, saas_web_cert_t *out)
{
    for (int i = 0; i < chain->nelts && !out->weak_signature; i++) {
        X509 *x = chain_get(chain, i);
        int md = NID_undef;

        if (i > 0 && is_self_issued(x)) {
            continue; /* a root is trusted for its key, not for its signature */
        }
        if (X509_get_signature_info(x, &md, NULL, NULL, NULL) != 1) {
            int nid = X509_get_signature_nid(x);

            if (!OBJ_find_sigid_algs(nid, &md, NULL)) {
                md = NID_undef;
            }
        }
        if (md == NID_md2 || md == NID_md4 || md == NID_md5 || md == NID_sha1 || md == NID_md5_sha1) {
            out->weak_signature = apr_psprintf(p, "%s on \"%s\"", OBJ_nid2ln(X509_get_signature_nid(x)),
                                               name_text(p, X509_get_subject_name(x)));
        }
    }
}

/* TLS feature extension with status_request (5), RFC 7633. */
static int must_staple(X509 *leaf)
{
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    int found = 0;

    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == 5) {
            found = 1;
        }
    }
    TLS_FEATURE_free(features);
    return found;
}

static int names_responder(X509 *leaf)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
    int n = sk_OPENSSL_STRING_num(urls);

    X509_email_free(urls);
    return n > 0;
}

static const char *staple_problem(OCSP_RESPONSE *response, OCSP_BASICRESP *basic, const apr_array_header_t *chain,
                                  X509_STORE *store)
{
    STACK_OF(X509) *sent = sk_X509_new_null();
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
    OCSP_CERTID *id = NULL;
    const char *problem = NULL;
    int status = V_OCSP_CERTSTATUS_UNKNOWN;
    int reason = 0;

    for (int i = 0; sent && i < chain->nelts; i++) {
        sk_X509_push(sent, chain_get(chain, i));
    }
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL || !basic) {
        problem = "the stapled response is an error response";
    }
    else if (chain->nelts < 2 || !(id = OCSP_cert_to_id(EVP_sha1(), chain_get(chain, 0), chain_get(chain, 1)))) {
        problem = "the stapled response cannot be matched without the issuer's certificate";
    }
    else if (OCSP_basic_verify(basic, sent, store, 0) != 1) {
        problem = "the signature of the stapled response does not verify";
    }
    else if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &this_update, &next_update) != 1) {
        problem = "the stapled response is about another certificate";
    }
    else if (status != V_OCSP_CERTSTATUS_GOOD) {
        problem = status == V_OCSP_CERTSTATUS_REVOKED ? "the certificate is revoked"
                                                      : "the responder does not know the certificate";
    }
    else if (OCSP_check_validity(this_update, next_update, 300, -1) != 1) {
        problem = "the stapled response is out of date";
    }
    OCSP_CERTID_free(id);
    sk_X509_free(sent);
    return problem;
}

static void judge_staple(const saas_web_handshake_t *tls, X509_STORE *store, saas_web_cert_t *out)
{
    const unsigned char *der = tls->staple;
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;

    if (!der) {
        return;
    }
    out->staple = -1;
    response = d2i_OCSP_RESPONSE(NULL, &der, (long)tls->staple_len);
    if (!response) {
        out->staple_problem = "the stapled response cannot be read";
        return;
    }
    basic = OCSP_response_get1_basic(response);
    out->staple_problem = staple_problem(response, basic, tls->chain, store);
    if (!out->staple_problem) {
        out->staple = 1;
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

void saas_web_cert_judge(apr_pool_t *p, const saas_web_handshake_t *tls, const char *host, int host_is_ip,
                         X509_STORE *store, saas_web_cert_t *out)
{
    X509 *leaf;

    memset(out, 0, sizeof(*out));
    if (!tls->chain || tls->chain->nelts == 0) {
        return;
    }
    leaf = chain_get(tls->chain, 0);
    out->have = 1;
    out->chain_len = tls->chain->nelts;
    out->subject = name_text(p, X509_get_subject_name(leaf));
    out->issuer = name_text(p, X509_get_issuer_name(leaf));
    out->not_before = asn1_time(X509_get0_notBefore(leaf));
    out->not_after = asn1_time(X509_get0_notAfter(leaf));
    out->must_staple = must_staple(leaf);
    out->names_responder = names_responder(leaf);
    judge_order(p, tls->chain, out);
    judge_trust(p, tls->chain, store, out);
    judge_names(p, leaf, host, host_is_ip, out);
    judge_key(p, leaf, out);
    judge_signatures(p, tls->chain, out);
    judge_staple(tls, store, out);
    ERR_clear_error(); /* the thread's error queue belongs to others too */
}

static apr_status_t free_store(void *store)
{
    X509_STORE_free(store);
    return APR_SUCCESS;
}

apr_status_t saas_web_cert_store(X509_STORE **out, apr_pool_t *p)
{
    X509_STORE *store = X509_STORE_new();

    if (!store) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(p, store, free_store, apr_pool_cleanup_null);
    if (X509_STORE_set_default_paths(store) != 1) {
        return APR_EGENERAL;
    }
    *out = store;
    return APR_SUCCESS;
}
