/*
 * Passwords as Django's hashers store them (django.contrib.auth.hashers), so that imported users log in with what they
 * have. The salt of PBKDF2 and scrypt is text as it stands, not base64. Must never take a failure for a match.
 *
 *     pbkdf2_sha256$iterations$salt$key=         pbkdf2_sha1$…
 *     scrypt$N$salt$r$p$key==
 *     argon2$argon2id$v=19$m=KiB,t=passes,p=lanes$salt$key
 *     bcrypt_sha256$$2b$12$…                     of the password's SHA-256 in hex
 *     bcrypt$$2b$12$…
 */

#include "password_forms.h"

#include "token.h"

#include <string.h>

#include <argon2.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SALT_TEXT_MAX 128
#define PBKDF2_ITERATIONS_MAX 10000000
#define ARGON2_LANES_MAX 64
#define ARGON2_BLOCK 1024
#define ARGON2_LANE_BLOCKS_MIN 8 /* two in each of the four slices of a lane */
#define ARGON2_SALT_MIN 8

/* Text up to a dollar sign, past which *s moves. */
static int take_salt(const char **s, const unsigned char **salt, size_t *len)
{
    *salt = (const unsigned char *)*s;
    *len = strcspn(*s, "$");
    if (*len == 0 || *len > SALT_TEXT_MAX || (*s)[*len] != '$') {
        return 0;
    }
    *s += *len + 1;
    return 1;
}

/* A key of this many bytes in base64 with its padding, and nothing behind it. */
static int take_key(const char *s, unsigned char key[SAAS_BLOB_MAX], size_t len)
{
    size_t digits = (len * 8 + 5) / 6, padding = (4 - digits % 4) % 4, got;
    return strlen(s) == digits + padding && strspn(s + digits, "=") == padding && saas_take_base64(s, digits, key, &got)
           && got == len;
}

apr_status_t saas_verify_django_pbkdf2(const char *password, const char *stored, saas_password_form_t *form)
{
    unsigned char want[SAAS_BLOB_MAX], key[SAAS_BLOB_MAX];
    const unsigned char *salt;
    unsigned iterations;
    size_t salt_len;

    form->weak = 1;
    int sha1 = saas_take_text(&stored, "pbkdf2_sha1$");
    const EVP_MD *digest = sha1 ? EVP_sha1() : EVP_sha256();
    size_t len = (size_t)EVP_MD_size(digest);
    if ((!sha1 && !saas_take_text(&stored, "pbkdf2_sha256$"))
        || !saas_take_number(&stored, PBKDF2_ITERATIONS_MAX, &iterations) || !saas_take_text(&stored, "$")
        || !take_salt(&stored, &salt, &salt_len) || !take_key(stored, want, len)) {
        return APR_EINVAL;
    }
    if (password == NULL) {
        return APR_INCOMPLETE;
    }
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_len, (int)iterations, digest, (int)len, key)
        != 1) {
        return APR_EGENERAL;
    }
    int same = CRYPTO_memcmp(key, want, len) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same ? APR_SUCCESS : APR_EMISMATCH;
}

apr_status_t saas_verify_django_scrypt(const char *password, const char *stored, saas_password_form_t *form)
{
    unsigned char want[SAAS_BLOB_MAX];
    const unsigned char *salt;
    saas_scrypt_cost_t cost = { 0 };
    size_t salt_len;
    unsigned n;

    form->weak = 1;
    if (!saas_take_text(&stored, "scrypt$") || !saas_take_number(&stored, SAAS_COST_NUMBER_MAX, &n) || n < 2
        || (n & (n - 1)) != 0 || !saas_take_text(&stored, "$") || !take_salt(&stored, &salt, &salt_len)
        || !saas_take_number(&stored, SAAS_COST_NUMBER_MAX, &cost.r) || !saas_take_text(&stored, "$")
        || !saas_take_number(&stored, SAAS_COST_NUMBER_MAX, &cost.p) || !saas_take_text(&stored, "$")
        || !take_key(stored, want, 64)) {
        return APR_EINVAL;
    }
    for (; n > 1; n >>= 1) {
        cost.ln++;
    }
    if (!saas_scrypt_bounded(cost, &form->memory)) {
        return APR_EINVAL;
    }
    return saas_scrypt_compare(password, salt, salt_len, cost, want, 64);
}

typedef struct {
    argon2_type type;
    unsigned version, memory, passes, lanes; /* memory in KiB */
    unsigned char salt[SAAS_BLOB_MAX], want[SAAS_BLOB_MAX];
    size_t salt_len, want_len;
} argon2_form_t;

static int take_argon2(const char *s, argon2_form_t *a)
{
    static const struct {
        const char *name;
        argon2_type type;
    } types[] = { { "argon2id$", Argon2_id }, { "argon2i$", Argon2_i }, { "argon2d$", Argon2_d } };
    size_t i, text, count = sizeof(types) / sizeof(types[0]);

    if (!saas_take_text(&s, "argon2$")) {
        return 0;
    }
    for (i = 0; i < count && !saas_take_text(&s, types[i].name); i++) {
        ;
    }
    if (i == count) {
        return 0;
    }
    a->type = types[i].type;
    a->version = ARGON2_VERSION_10; /* what was before versions were written */
    if (saas_take_text(&s, "v=")
        && (!saas_take_number(&s, ARGON2_VERSION_13, &a->version) || !saas_take_text(&s, "$"))) {
        return 0;
    }
    if ((a->version != ARGON2_VERSION_10 && a->version != ARGON2_VERSION_13) || !saas_take_text(&s, "m=")
        || !saas_take_number(&s, SAAS_COST_NUMBER_MAX, &a->memory) || !saas_take_text(&s, ",t=")
        || !saas_take_number(&s, SAAS_COST_NUMBER_MAX, &a->passes) || !saas_take_text(&s, ",p=")
        || !saas_take_number(&s, ARGON2_LANES_MAX, &a->lanes) || !saas_take_text(&s, "$")) {
        return 0;
    }
    text = strcspn(s, "$");
    return s[text] == '$' && saas_take_base64(s, text, a->salt, &a->salt_len) && a->salt_len >= ARGON2_SALT_MIN
           && saas_take_base64(s + text + 1, strlen(s + text + 1), a->want, &a->want_len) && a->want_len >= SAAS_KEY_MIN
           && a->memory >= ARGON2_LANE_BLOCKS_MIN * a->lanes
           && saas_memory_bounded((size_t)a->memory * ARGON2_BLOCK, a->passes);
}

apr_status_t saas_verify_django_argon2(const char *password, const char *stored, saas_password_form_t *form)
{
    unsigned char key[SAAS_BLOB_MAX];
    argon2_form_t a;

    form->weak = 1;
    if (!take_argon2(stored, &a)) {
        return APR_EINVAL;
    }
    form->memory = (size_t)a.memory * ARGON2_BLOCK;
    if (password == NULL) {
        return APR_INCOMPLETE;
    }
    /* The lanes are in the result; by how many threads they are computed is not: this one, so that a log-in takes one
     * core as with any other form. The library does not write to the password, which it is told by the flags. */
    argon2_context context = { .out = key,
                               .outlen = (uint32_t)a.want_len,
                               .pwd = (uint8_t *)(uintptr_t)password,
                               .pwdlen = (uint32_t)strlen(password),
                               .salt = a.salt,
                               .saltlen = (uint32_t)a.salt_len,
                               .t_cost = a.passes,
                               .m_cost = a.memory,
                               .lanes = a.lanes,
                               .threads = 1,
                               .version = a.version,
                               .flags = ARGON2_DEFAULT_FLAGS };
    if (argon2_ctx(&context, a.type) != ARGON2_OK) {
        return APR_EGENERAL;
    }
    int same = CRYPTO_memcmp(key, a.want, a.want_len) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same ? APR_SUCCESS : APR_EMISMATCH;
}

apr_status_t saas_verify_django_bcrypt(const char *password, const char *stored, saas_password_form_t *form)
{
    char hex[SAAS_HASH_LEN + 1];

    if (saas_take_text(&stored, "bcrypt$")) {
        return saas_verify_bcrypt(password, stored, form);
    }
    if (!saas_take_text(&stored, "bcrypt_sha256$")) {
        return APR_EINVAL;
    }
    if (password != NULL && saas_sha256_hex(hex, password, strlen(password)) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    apr_status_t status = saas_verify_bcrypt(password != NULL ? hex : NULL, stored, form);
    OPENSSL_cleanse(hex, sizeof(hex));
    return status;
}
