/*
 * Password hashing and verification. Must never take a failure for a match: every path that is not a successful
 * comparison of a complete hash ends in a status other than APR_SUCCESS. Django's forms are in password_django.c.
 */

#include "password.h"

#include "common_passwords.h"
#include "password_forms.h"
#include "text.h"

#include <stdint.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_md5.h>
#include <apr_strings.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define PASSWORD_BYTES_MAX 1024
#define SALT_LEN 16
#define KEY_LEN 32

#define BCRYPT_LEN 60
#define BCRYPT_COST_MAX 15
#define SHA_CRYPT_ROUNDS_MAX 1000000
#define YESCRYPT_BYTES (16 << 20)

static const saas_scrypt_cost_t current = { 15, 8, 3 };

/* Base64 without padding; out has room for 4/3 of len, rounded up, and a NUL. */
static void put_base64(char *out, const unsigned char *in, size_t len)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

apr_status_t saas_password_hash(apr_pool_t *p, const char *password, const char **phc)
{
    unsigned char salt[SALT_LEN], key[KEY_LEN];
    char salt_text[2 * SALT_LEN], key_text[2 * KEY_LEN];

    *phc = NULL;
    if (RAND_bytes(salt, sizeof(salt)) != 1
        || saas_scrypt_derive(password, salt, sizeof(salt), current, key, sizeof(key)) != APR_SUCCESS) {
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
        saas_scrypt_derive(password, salt, sizeof(salt), current, key, sizeof(key));
        OPENSSL_cleanse(key, sizeof(key));
    }
}

static apr_status_t verify_scrypt(const char *password, const char *stored, saas_password_form_t *form)
{
    unsigned char salt[SAAS_BLOB_MAX], want[SAAS_BLOB_MAX];
    size_t salt_len, want_len;
    saas_scrypt_cost_t cost;

    if (!saas_take_text(&stored, "$scrypt$ln=") || !saas_take_number(&stored, 63, &cost.ln)
        || !saas_take_text(&stored, ",r=") || !saas_take_number(&stored, SAAS_COST_NUMBER_MAX, &cost.r)
        || !saas_take_text(&stored, ",p=") || !saas_take_number(&stored, SAAS_COST_NUMBER_MAX, &cost.p)
        || !saas_take_text(&stored, "$") || !saas_scrypt_bounded(cost, &form->memory)) {
        return APR_EINVAL;
    }
    size_t salt_text = strcspn(stored, "$");
    if (!saas_take_base64(stored, salt_text, salt, &salt_len) || salt_len == 0 || stored[salt_text] != '$') {
        return APR_EINVAL;
    }
    stored += salt_text + 1;
    if (!saas_take_base64(stored, strlen(stored), want, &want_len) || want_len < SAAS_KEY_MIN) {
        return APR_EINVAL;
    }
    form->weak =
        cost.ln < current.ln || cost.r < current.r || cost.p < current.p || salt_len < SALT_LEN || want_len < KEY_LEN;
    form->ours = !form->weak && cost.ln == current.ln && cost.r == current.r && cost.p == current.p;
    return saas_scrypt_compare(password, salt, salt_len, cost, want, want_len);
}

/* What apr-util knows. It works on memory of its own call, and so in any number of threads at once. That its comparison
 * ends at the first difference tells nothing to somebody who does not know the salt. */
static apr_status_t verify_apr(const char *password, const char *stored, saas_password_form_t *form)
{
    form->weak = 1;
    if (password == NULL) {
        return APR_INCOMPLETE;
    }
    return apr_password_validate(password, stored) == APR_SUCCESS ? APR_SUCCESS : APR_EMISMATCH;
}

/* $2y$NN$ and 53 characters. apr-util computes $2a$ and $2y$ itself; $2b$, which is another name of $2y$, it would
 * leave to the system's crypt(3), which knows bcrypt on some systems only. */
apr_status_t saas_verify_bcrypt(const char *password, const char *stored, saas_password_form_t *form)
{
    static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char renamed[BCRYPT_LEN + 1];

    if (strlen(stored) != BCRYPT_LEN || strncmp(stored, "$2", 2) != 0 || strchr("aby", stored[2]) == NULL
        || stored[3] != '$' || stored[6] != '$' || strspn(stored + 4, "0123456789") != 2
        || strspn(stored + 7, alphabet) != BCRYPT_LEN - 7
        || (stored[4] - '0') * 10 + stored[5] - '0' > BCRYPT_COST_MAX) {
        return APR_EINVAL;
    }
    memcpy(renamed, stored, sizeof(renamed));
    renamed[2] = stored[2] == 'b' ? 'y' : stored[2];
    return verify_apr(password, renamed, form);
}

/* $5$ and $6$ with an optional rounds=N$. */
static apr_status_t verify_sha_crypt(const char *password, const char *stored, saas_password_form_t *form)
{
    const char *at = stored + 3;
    unsigned rounds;
    if (saas_take_text(&at, "rounds=") && (!saas_take_number(&at, SHA_CRYPT_ROUNDS_MAX, &rounds) || *at != '$')) {
        return APR_EINVAL;
    }
    return verify_apr(password, stored, form);
}

static apr_status_t verify_yescrypt(const char *password, const char *stored, saas_password_form_t *form)
{
    form->memory = YESCRYPT_BYTES;
    return verify_apr(password, stored, form);
}

static int is_des_crypt(const char *stored)
{
    static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return strlen(stored) == 13 && strspn(stored, alphabet) == 13;
}

static const struct {
    const char *prefix;
    saas_password_verify_t *verify;
} schemes[] = {
    { "$scrypt$", verify_scrypt },
    { "pbkdf2_sha256$", saas_verify_django_pbkdf2 },
    { "pbkdf2_sha1$", saas_verify_django_pbkdf2 },
    { "scrypt$", saas_verify_django_scrypt },
    { "argon2$", saas_verify_django_argon2 },
    { "bcrypt_sha256$", saas_verify_django_bcrypt },
    { "bcrypt$", saas_verify_django_bcrypt },
    { "$2a$", saas_verify_bcrypt },
    { "$2b$", saas_verify_bcrypt },
    { "$2y$", saas_verify_bcrypt },
    { "$apr1$", verify_apr },
    { "{SHA}", verify_apr },
    { "$6$", verify_sha_crypt },
    { "$5$", verify_sha_crypt },
    { "$1$", verify_apr },
    { "$y$j9T$", verify_yescrypt }, /* in the one setting that Debian and others write */
};

static saas_password_verify_t *scheme_of(const char *stored)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(stored, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            return schemes[i].verify;
        }
    }
    return is_des_crypt(stored) ? verify_apr : NULL;
}

/* password NULL: reads only, and ends in APR_INCOMPLETE where a password would be compared. */
static apr_status_t read_form(const char *password, const char *stored, saas_password_form_t *form)
{
    memset(form, 0, sizeof(*form));
    if (stored == NULL || *stored == '\0' || *stored == '!' || *stored == '*') {
        return APR_EMISMATCH;
    }
    saas_password_verify_t *verify = scheme_of(stored);
    return verify != NULL ? verify(password, stored, form) : APR_ENOTIMPL;
}

apr_status_t saas_password_read(const char *stored, saas_password_form_t *form)
{
    apr_status_t status = read_form(NULL, stored, form);
    return status == APR_INCOMPLETE ? APR_SUCCESS : status;
}

apr_status_t saas_password_verify(apr_pool_t *p, const char *password, const char *stored, int *needs_rehash)
{
    saas_password_form_t form;

    (void)p;
    if (needs_rehash != NULL) {
        *needs_rehash = 0;
    }
    if (password == NULL || strlen(password) > PASSWORD_BYTES_MAX) {
        return APR_EMISMATCH;
    }
    apr_status_t status = read_form(password, stored, &form);
    if (status == APR_SUCCESS && needs_rehash != NULL) {
        *needs_rehash = form.weak;
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
