/*
 * Password hashing and verification. Must never take a failure for a match: every path that is not a successful
 * comparison of a complete hash ends in a status other than APR_SUCCESS.
 */

#include "password.h"

#include "common_passwords.h"
#include "text.h"

#include <stdint.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_md5.h>
#include <apr_strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define PASSWORD_BYTES_MAX 1024
#define SALT_LEN 16
#define KEY_LEN 32
#define BLOB_MAX 64 /* salts and keys in stored strings */

/* Bounds on stored costs. scrypt takes 128 * N * r bytes and about N * r * p steps; these allow for the strongest
 * setting that OWASP lists (ln=17, r=8, p=1) with some room in time and none in memory. */
#define SCRYPT_LN_MAX 20
#define SCRYPT_RP_MAX 1024
#define SCRYPT_BYTES_MAX (UINT64_C(128) << 20)
#define SCRYPT_STEPS_MAX (UINT64_C(1) << 22)
#define PBKDF2_ITERATIONS_MAX 10000000
#define BCRYPT_COST_MAX 15
#define SHA_CRYPT_ROUNDS_MAX 1000000

typedef struct {
    unsigned ln, r, p;
} cost_t;

static const cost_t current = { 15, 8, 3 };

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 without padding; out has room for 4/3 of len, rounded up, and a NUL. */
static void put_base64(char *out, const unsigned char *in, size_t len)
{
    unsigned bits = 0, value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | in[i];
        for (bits += 8; bits >= 6; bits -= 6) {
            *out++ = base64[(value >> (bits - 6)) & 63];
        }
    }
    if (bits > 0) {
        *out++ = base64[(value << (6 - bits)) & 63];
    }
    *out = '\0';
}

/* Reads canonical base64 of len characters without padding; 0 when it is none or is more than BLOB_MAX bytes. */
static int take_base64(const char *in, size_t len, unsigned char out[BLOB_MAX], size_t *size)
{
    unsigned bits = 0, value = 0;
    *size = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = in[i] ? strchr(base64, in[i]) : NULL;
        if (digit == NULL || *size == BLOB_MAX) {
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

/* A decimal number without leading zeros, from 1 to max; *s moves past it. */
static int take_number(const char **s, unsigned max, unsigned *value)
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

static int take_text(const char **s, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*s, text, len) != 0) {
        return 0;
    }
    *s += len;
    return 1;
}

static apr_status_t derive(const char *password, const unsigned char *salt, size_t salt_len, cost_t cost,
                           unsigned char *key, size_t key_len)
{
    uint64_t n = UINT64_C(1) << cost.ln;
    uint64_t memory = 128 * cost.r * (n + cost.p + 2) + 4096;
    int done = EVP_PBE_scrypt(password, strlen(password), salt, salt_len, n, cost.r, cost.p, memory, key, key_len);
    return done == 1 ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t saas_password_hash(apr_pool_t *p, const char *password, const char **phc)
{
    unsigned char salt[SALT_LEN], key[KEY_LEN];
    char salt_text[2 * SALT_LEN], key_text[2 * KEY_LEN];

    *phc = NULL;
    if (RAND_bytes(salt, sizeof(salt)) != 1
        || derive(password, salt, sizeof(salt), current, key, sizeof(key)) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    put_base64(salt_text, salt, sizeof(salt));
    put_base64(key_text, key, sizeof(key));
    *phc = apr_psprintf(p, "$scrypt$ln=%u,r=%u,p=%u$%s$%s", current.ln, current.r, current.p, salt_text, key_text);
    OPENSSL_cleanse(key, sizeof(key));
    return APR_SUCCESS;
}

void saas_password_dummy(apr_pool_t *p, const char *password)
{
    static const unsigned char salt[SALT_LEN] = { 0 };
    unsigned char key[KEY_LEN];

    (void)p;
    if (strlen(password) <= PASSWORD_BYTES_MAX) {
        derive(password, salt, sizeof(salt), current, key, sizeof(key));
        OPENSSL_cleanse(key, sizeof(key));
    }
}

static apr_status_t verify_scrypt(const char *password, const char *stored, int *weak)
{
    unsigned char salt[BLOB_MAX], want[BLOB_MAX], key[BLOB_MAX];
    size_t salt_len, want_len;
    cost_t cost;

    if (!take_text(&stored, "$scrypt$ln=") || !take_number(&stored, SCRYPT_LN_MAX, &cost.ln)
        || !take_text(&stored, ",r=") || !take_number(&stored, SCRYPT_RP_MAX, &cost.r) || !take_text(&stored, ",p=")
        || !take_number(&stored, SCRYPT_RP_MAX, &cost.p) || !take_text(&stored, "$")) {
        return APR_EINVAL;
    }
    uint64_t blocks = ((uint64_t)cost.r << cost.ln);
    if (cost.r * cost.p > SCRYPT_RP_MAX || 128 * blocks > SCRYPT_BYTES_MAX || blocks * cost.p > SCRYPT_STEPS_MAX) {
        return APR_EINVAL;
    }
    size_t salt_text = strcspn(stored, "$");
    if (!take_base64(stored, salt_text, salt, &salt_len) || salt_len == 0 || stored[salt_text] != '$') {
        return APR_EINVAL;
    }
    stored += salt_text + 1;
    /* A short key would match by chance. */
    if (!take_base64(stored, strlen(stored), want, &want_len) || want_len < 16) {
        return APR_EINVAL;
    }
    if (derive(password, salt, salt_len, cost, key, want_len) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    int same = CRYPTO_memcmp(key, want, want_len) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    *weak = cost.ln < current.ln || cost.r < current.r || cost.p < current.p || salt_len < SALT_LEN
        || want_len < KEY_LEN;
    return same ? APR_SUCCESS : APR_EMISMATCH;
}

static apr_status_t verify_django(const char *password, const char *stored, int *weak)
{
    unsigned char want[BLOB_MAX], key[KEY_LEN];
    unsigned iterations;
    size_t want_len;

    *weak = 1;
    if (!take_text(&stored, "pbkdf2_sha256$") || !take_number(&stored, PBKDF2_ITERATIONS_MAX, &iterations)
        || !take_text(&stored, "$")) {
        return APR_EINVAL;
    }
    const char *salt = stored;
    size_t salt_len = strcspn(stored, "$");
    if (salt_len == 0 || salt_len > 128 || salt[salt_len] != '$') {
        return APR_EINVAL;
    }
    /* 32 bytes are 43 characters and one of padding. */
    stored += salt_len + 1;
    if (strlen(stored) != 44 || stored[43] != '=' || !take_base64(stored, 43, want, &want_len)
        || want_len != sizeof(key)) {
        return APR_EINVAL;
    }
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt, (int)salt_len,
                          (int)iterations, EVP_sha256(), sizeof(key), key)
        != 1) {
        return APR_EGENERAL;
    }
    int same = CRYPTO_memcmp(key, want, sizeof(key)) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same ? APR_SUCCESS : APR_EMISMATCH;
}

static apr_status_t verify_apr(const char *password, const char *stored, int *weak)
{
    *weak = 1;
    return apr_password_validate(password, stored) == APR_SUCCESS ? APR_SUCCESS : APR_EMISMATCH;
}

/* $2y$NN$ and 53 characters. */
static apr_status_t verify_bcrypt(const char *password, const char *stored, int *weak)
{
    if (strlen(stored) != 60 || stored[6] != '$' || strspn(stored + 4, "0123456789") != 2
        || (stored[4] - '0') * 10 + stored[5] - '0' > BCRYPT_COST_MAX) {
        return APR_EINVAL;
    }
    return verify_apr(password, stored, weak);
}

/* $5$ and $6$ with an optional rounds=N$. */
static apr_status_t verify_sha_crypt(const char *password, const char *stored, int *weak)
{
    const char *at = stored + 3;
    unsigned rounds;
    if (take_text(&at, "rounds=") && (!take_number(&at, SHA_CRYPT_ROUNDS_MAX, &rounds) || *at != '$')) {
        return APR_EINVAL;
    }
    return verify_apr(password, stored, weak);
}

static int is_des_crypt(const char *stored)
{
    static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return strlen(stored) == 13 && strspn(stored, alphabet) == 13;
}

typedef apr_status_t verify_t(const char *password, const char *stored, int *weak);

static const struct {
    const char *prefix;
    verify_t *verify;
} schemes[] = {
    { "$scrypt$", verify_scrypt },
    { "pbkdf2_sha256$", verify_django },
    { "$2a$", verify_bcrypt },
    { "$2b$", verify_bcrypt },
    { "$2y$", verify_bcrypt },
    { "$apr1$", verify_apr },
    { "{SHA}", verify_apr },
    { "$6$", verify_sha_crypt },
    { "$5$", verify_sha_crypt },
    { "$1$", verify_apr },
    { "$y$j9T$", verify_apr }, /* yescrypt in the one setting that Debian and others write: 16 MiB */
};

static verify_t *scheme_of(const char *stored)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(stored, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            return schemes[i].verify;
        }
    }
    return is_des_crypt(stored) ? verify_apr : NULL;
}

apr_status_t saas_password_verify(apr_pool_t *p, const char *password, const char *stored, int *needs_rehash)
{
    int weak = 0;

    (void)p;
    if (needs_rehash != NULL) {
        *needs_rehash = 0;
    }
    if (password == NULL || stored == NULL || *stored == '\0' || *stored == '!' || *stored == '*'
        || strlen(password) > PASSWORD_BYTES_MAX) {
        return APR_EMISMATCH;
    }
    verify_t *verify = scheme_of(stored);
    if (verify == NULL) {
        return APR_ENOTIMPL;
    }
    apr_status_t status = verify(password, stored, &weak);
    if (status == APR_SUCCESS && needs_rehash != NULL) {
        *needs_rehash = weak;
    }
    return status;
}

apr_status_t saas_password_check(const char *password, const char *email, const char **why)
{
    size_t count;

    *why = NULL;
    if (saas_utf8_length(password, strlen(password), &count) != APR_SUCCESS) {
        *why = "Not a valid string.";
    }
    else if (count < SAAS_PASSWORD_MIN) {
        *why = "This password is too short. It must contain at least 10 characters.";
    }
    else if (count > SAAS_PASSWORD_MAX) {
        *why = "This password is too long. It must contain at most 128 characters.";
    }
    else if (email != NULL && apr_cstr_casecmp(password, email) == 0) {
        *why = "The password may not be the e-mail address.";
    }
    else if (saas_password_is_common(password)) {
        *why = "This password is too common.";
    }
    return *why == NULL ? APR_SUCCESS : APR_EINVAL;
}
