/*
 * Random tokens and their hashes. Hashing is on the path of every authenticated request, hence the digest that
 * is fetched from OpenSSL once: an implicit fetch takes a lock and costs several times the hash itself.
 */

#include "token.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

apr_status_t saas_token_make(apr_pool_t *p, const char *prefix, const char **token)
{
    *token = NULL;
    size_t head = prefix ? strlen(prefix) : 0;
    char *out = apr_palloc(p, head + SAAS_TOKEN_LEN + 1);
    if (head > 0) {
        memcpy(out, prefix, head);
    }

    unsigned char random[64];
    size_t made = 0;
    while (made < SAAS_TOKEN_LEN) {
        if (RAND_bytes(random, sizeof(random)) != 1) {
            OPENSSL_cleanse(out, head + made);
            return APR_EGENERAL;
        }
        /* Six bits a byte; 62 and 63 are thrown away, so that every character is equally likely. */
        for (size_t i = 0; i < sizeof(random) && made < SAAS_TOKEN_LEN; i++) {
            unsigned char pick = random[i] & 63;
            if (pick < 62) {
                out[head + made++] = alphabet[pick];
            }
        }
    }
    OPENSSL_cleanse(random, sizeof(random));
    out[head + SAAS_TOKEN_LEN] = '\0';
    *token = out;
    return APR_SUCCESS;
}

void saas_hex_encode(char *out, const void *data, size_t len)
{
    const unsigned char *in = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = "0123456789abcdef"[in[i] >> 4];
        *out++ = "0123456789abcdef"[in[i] & 15];
    }
    *out = '\0';
}

/* Held for the life of the process; OpenSSL's own method store holds the same object, so nothing grows when
 * httpd unloads and reloads the module. */
static const EVP_MD *digest(void)
{
    static _Atomic(EVP_MD *) cached;

    EVP_MD *md = atomic_load_explicit(&cached, memory_order_acquire);
    if (md == NULL) {
        EVP_MD *fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (atomic_compare_exchange_strong(&cached, &md, fetched)) {
            md = fetched;
        }
        else {
            EVP_MD_free(fetched);
        }
    }
    return md;
}

apr_status_t saas_sha256_hex(char out[SAAS_HASH_LEN + 1], const void *data, size_t len)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    const EVP_MD *md = digest();

    out[0] = '\0';
    if (md == NULL || EVP_Digest(data, len, sum, &size, md, NULL) != 1 || size != SAAS_HASH_LEN / 2) {
        return APR_EGENERAL;
    }
    saas_hex_encode(out, sum, size);
    return APR_SUCCESS;
}

apr_status_t saas_token_hash(char out[SAAS_HASH_LEN + 1], const char *token)
{
    if (token == NULL) {
        out[0] = '\0';
        return APR_EINVAL;
    }
    return saas_sha256_hex(out, token, strlen(token));
}

int saas_equal_ct(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return 0;
    }
    size_t len = strlen(a);
    return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}
