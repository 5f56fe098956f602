/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See signature.h.  The HMAC is taken over the literal text of t, and every
 * candidate is compared with every secret in constant time: how long it takes
 * must not tell which one was nearer.
 */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define HEX_LEN 64
#define TIME_DIGITS_MAX 12

typedef struct {
    const char *time; /* into the header, time_len characters */
    size_t time_len;
    const char *v1[SAAS_SIGNATURE_MAX]; /* HEX_LEN characters each */
    int nv1;
} header_t;

static int is_time(const char *s, size_t len)
{
    size_t i;
    if (len == 0 || len > TIME_DIGITS_MAX || s[0] == '0') {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return 0;
        }
    }
    return 1;
}

static int is_digest(const char *s, size_t len)
{
    size_t i;
    if (len != HEX_LEN) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) {
            return 0;
        }
    }
    return 1;
}

/* One "key=value".  A v1 that cannot be a digest is no candidate, but counts. */
static int read_element(header_t *h, int *seen, const char *element, size_t len)
{
    const char *equals = memchr(element, '=', len);
    const char *value;
    size_t key_len, value_len;

    if (!equals) {
        return 0;
    }
    key_len = (size_t)(equals - element);
    value = equals + 1;
    value_len = len - key_len - 1;
    if (key_len == 1 && element[0] == 't') {
        if (h->time || !is_time(value, value_len)) {
            return 0;
        }
        h->time = value;
        h->time_len = value_len;
    } else if (key_len == 2 && !memcmp(element, "v1", 2)) {
        if (++*seen > SAAS_SIGNATURE_MAX) {
            return 0;
        }
        if (is_digest(value, value_len)) {
            h->v1[h->nv1++] = value;
        }
    }
    return 1;
}

static int read_header(header_t *h, const char *header)
{
    const char *at = header, *c;
    size_t len = strnlen(header, SAAS_SIGNATURE_HEADER_MAX + 1);
    int seen = 0;

    memset(h, 0, sizeof(*h));
    if (len > SAAS_SIGNATURE_HEADER_MAX) {
        return 0;
    }
    for (c = header; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) {
            return 0;
        }
    }
    while (*at) {
        size_t element = strcspn(at, ",");
        if (element > 0 && !read_element(h, &seen, at, element)) {
            return 0;
        }
        at += element;
        if (*at == ',') {
            at++;
        }
    }
    return h->time != NULL && h->nv1 > 0;
}

static int digest(char hex[HEX_LEN + 1], const char *secret, const header_t *h, const char *body, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t mac_len = 0, i;
    OSSL_PARAM parameters[2];
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    int done;

    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    parameters[1] = OSSL_PARAM_construct_end();
    done = context && EVP_MAC_init(context, (const unsigned char *)secret, strlen(secret), parameters)
           && EVP_MAC_update(context, (const unsigned char *)h->time, h->time_len)
           && EVP_MAC_update(context, (const unsigned char *)".", 1)
           && EVP_MAC_update(context, (const unsigned char *)body, len)
           && EVP_MAC_final(context, mac, &mac_len, sizeof(mac)) && mac_len == HEX_LEN / 2;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(hmac);
    if (!done) {
        return 0;
    }
    for (i = 0; i < mac_len; i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    hex[HEX_LEN] = '\0';
    return 1;
}

saas_signature_e saas_signature_verify(const char *header, const char *body, size_t len, const char *const *secrets,
                                       int nsecrets, apr_int64_t now, apr_int64_t tolerance)
{
    header_t h;
    char hex[HEX_LEN + 1];
    apr_int64_t when = 0;
    size_t i;
    int s, v, matched = 0;

    if (!header || len == 0 || !read_header(&h, header)) {
        return SAAS_SIGNATURE_MALFORMED;
    }
    for (s = 0; s < nsecrets; s++) {
        if (!*secrets[s] || !digest(hex, secrets[s], &h, body, len)) {
            continue;
        }
        for (v = 0; v < h.nv1; v++) {
            matched |= CRYPTO_memcmp(hex, h.v1[v], HEX_LEN) == 0;
        }
    }
    OPENSSL_cleanse(hex, sizeof(hex));
    if (!matched) {
        return SAAS_SIGNATURE_MISMATCH;
    }
    for (i = 0; i < h.time_len; i++) {
        when = when * 10 + (h.time[i] - '0');
    }
    if (when > now + tolerance || when < now - tolerance) {
        return SAAS_SIGNATURE_STALE;
    }
    return SAAS_SIGNATURE_OK;
}

const char *saas_signature_text(saas_signature_e result)
{
    static const char *const text[] = {
        "it is genuine",
        "the body is empty, or the Stripe-Signature header missing or malformed",
        "no signature matches a configured secret",
        "its time is too far from this server's clock",
    };
    return text[result];
}
