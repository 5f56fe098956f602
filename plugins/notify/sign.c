/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See sign.h. No secret may ever get into a message or a log from here. */
#include "sign.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#define PREFIX "whsec_"
#define SECRET_BYTES 32
#define KEY_MAX 96 /* bytes; the specification says 24 to 64 */

static const char *base64(apr_pool_t *p, const unsigned char *bytes, int len)
{
    unsigned char *text = apr_palloc(p, (apr_size_t)(len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock(text, bytes, len);
    return (const char *)text;
}

const char *saas_notify_secret(apr_pool_t *p)
{
    unsigned char bytes[SECRET_BYTES];
    const char *text;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NULL;
    }
    text = apr_pstrcat(p, PREFIX, base64(p, bytes, sizeof(bytes)), NULL);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return text;
}

/* The key that a secret stands for; its length, -1: it is none. */
static int key_of(const char *secret, unsigned char *key)
{
    apr_size_t len;
    int n, pad;

    if (strncmp(secret, PREFIX, strlen(PREFIX))) {
        return -1;
    }
    secret += strlen(PREFIX);
    len = strlen(secret);
    if (!len || len % 4 || len / 4 * 3 > KEY_MAX
        || (n = EVP_DecodeBlock(key, (const unsigned char *)secret, (int)len)) < 0) {
        return -1;
    }
    pad = secret[len - 1] == '=' ? 1 + (secret[len - 2] == '=') : 0;
    return n - pad;
}

static const char *signature(apr_pool_t *p, const char *secret, const char *content, apr_size_t len)
{
    unsigned char key[KEY_MAX + 3], digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int n = key_of(secret, key);
    int made = n > 0 && HMAC(EVP_sha256(), key, n, (const unsigned char *)content, len, digest, &size);

    OPENSSL_cleanse(key, sizeof(key));
    return made ? apr_pstrcat(p, "v1,", base64(p, digest, (int)size), NULL) : NULL;
}

const char *saas_notify_sign(apr_pool_t *p, const char *secret, const char *second, const char *id, apr_int64_t timestamp,
                             const char *body, apr_size_t len)
{
    const char *head = apr_psprintf(p, "%s.%" APR_INT64_T_FMT ".", id, timestamp), *one, *two;
    apr_size_t head_len = strlen(head);
    char *content = apr_palloc(p, head_len + len);

    memcpy(content, head, head_len);
    memcpy(content + head_len, body, len);
    one = signature(p, secret, content, head_len + len);
    two = one && second ? signature(p, second, content, head_len + len) : NULL;
    return two ? apr_pstrcat(p, one, " ", two, NULL) : second ? NULL : one;
}
