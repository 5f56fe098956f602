/*
 * Reading stored passwords: numbers, base64, bounds on costs; and scrypt, which two forms are made with. Must never
 * compute what a stored string asks for before it is known to be bounded.
 */

#include "password_forms.h"

#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* scrypt takes 128 * N * r bytes and about N * r * p steps, each a pass over 128 bytes; these allow for the strongest
 * setting that OWASP lists (ln=17, r=8, p=1) with some room in time and none in memory. */
#define SCRYPT_LN_MAX 20
#define SCRYPT_RP_MAX 1024
#define BYTES_MAX (UINT64_C(128) << 20)
#define STEPS_MAX (UINT64_C(1) << 22)
#define STEP 128

int saas_take_base64(const char *in, size_t len, unsigned char out[SAAS_BLOB_MAX], size_t *size)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, value = 0;
    *size = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = in[i] ? strchr(base64, in[i]) : NULL;
        if (digit == NULL || *size == SAAS_BLOB_MAX) {
            return 0;
        }
        value = (value << 6 | (unsigned)(digit - base64)) & 0xfff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*size)++] = (unsigned char)(value >> bits);
        }
    }
    return bits < 6 && (value & ((1u << bits) - 1)) == 0;
}

int saas_take_number(const char **s, unsigned max, unsigned *value)
{
    uint64_t n = 0;
    if (**s < '1' || **s > '9') {
        return 0;
    }
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        n = n * 10 + (uint64_t)(**s - '0');
        if (n > max) {
            return 0;
        }
    }
    *value = (unsigned)n;
    return 1;
}

int saas_take_text(const char **s, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*s, text, len) != 0) {
        return 0;
    }
    *s += len;
    return 1;
}

int saas_memory_bounded(size_t memory, unsigned passes)
{
    return memory <= BYTES_MAX && memory / STEP * passes <= STEPS_MAX;
}

int saas_scrypt_bounded(saas_scrypt_cost_t cost, size_t *memory)
{
    if (cost.ln > SCRYPT_LN_MAX || cost.r > SCRYPT_RP_MAX || cost.p > SCRYPT_RP_MAX
        || cost.r * cost.p > SCRYPT_RP_MAX) {
        return 0;
    }
    *memory = ((size_t)STEP * cost.r) << cost.ln;
    return saas_memory_bounded(*memory, cost.p);
}

apr_status_t saas_scrypt_derive(const char *password, const unsigned char *salt, size_t salt_len,
                                saas_scrypt_cost_t cost, unsigned char *key, size_t key_len)
{
    uint64_t n = UINT64_C(1) << cost.ln;
    uint64_t memory = 128 * cost.r * (n + cost.p + 2) + 4096;
    int done = EVP_PBE_scrypt(password, strlen(password), salt, salt_len, n, cost.r, cost.p, memory, key, key_len);
    return done == 1 ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t saas_scrypt_compare(const char *password, const unsigned char *salt, size_t salt_len,
                                 saas_scrypt_cost_t cost, const unsigned char *want, size_t want_len)
{
    unsigned char key[SAAS_BLOB_MAX];

    if (password == NULL) {
        return APR_INCOMPLETE;
    }
    if (saas_scrypt_derive(password, salt, salt_len, cost, key, want_len) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    int same = CRYPTO_memcmp(key, want, want_len) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same ? APR_SUCCESS : APR_EMISMATCH;
}
