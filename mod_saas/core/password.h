#ifndef SAAS_CORE_PASSWORD_H
#define SAAS_CORE_PASSWORD_H

/*
 * Passwords: made with scrypt (RFC 7914; parameters after OWASP's Password Storage Cheat Sheet), verified also in
 * the forms that existing users bring along. Every hash here costs tens of milliseconds and 32 MiB for that time,
 * some foreign ones up to 128 MiB: call these outside of database transactions, behind the login throttle.
 */

#include <apr_errno.h>
#include <apr_pools.h>

#define SAAS_PASSWORD_MIN 10 /* code points */
#define SAAS_PASSWORD_MAX 128

/**
 * Hashes a password into the PHC string "$scrypt$ln=15,r=8,p=3$<salt>$<key>" (base64 without padding).
 * @return APR_EGENERAL when OpenSSL fails, as for want of memory.
 */
apr_status_t saas_password_hash(apr_pool_t *p, const char *password, const char **phc);

/** What is read in a stored string. */
typedef struct saas_password_form_t {
    int ours;          /**< made by saas_password_hash, at today's cost */
    int weak;          /**< weaker than that */
    apr_size_t memory; /**< bytes that a verification takes; 0: next to none */
} saas_password_form_t;

/** The memory of one of our own hashes. */
#define SAAS_PASSWORD_MEMORY (32 << 20)

/**
 * Reads a stored string without comparing anything to it.
 * @return APR_SUCCESS when some password could match it, else what saas_password_verify() would say
 */
apr_status_t saas_password_read(const char *stored, saas_password_form_t *form);

/**
 * Verifies a password against what is stored: our scrypt strings, Django's (pbkdf2_sha256$, pbkdf2_sha1$, scrypt$,
 * argon2$, bcrypt_sha256$, bcrypt$), and bcrypt, $apr1$, {SHA} and crypt(3) as apr_password_validate does. Costs read
 * from the stored string are bounded, so that a row somebody planted cannot burn memory or minutes. Passwords of more
 * than 1024 bytes match nothing.
 * @param needs_rehash 1 when it matched but is weaker than what saas_password_hash makes; may be NULL
 * @return APR_SUCCESS, APR_EMISMATCH (also for an empty value and those that begin with ! or *, which disable
 *         a password), APR_ENOTIMPL for an unknown form, APR_EINVAL for a malformed or too expensive one,
 *         APR_EGENERAL when OpenSSL fails. Only APR_SUCCESS may let anybody in.
 */
apr_status_t saas_password_verify(apr_pool_t *p, const char *password, const char *stored, int *needs_rehash);

/**
 * Spends the time of one verification of a string that saas_password_hash made: for users that do not exist, so
 * that the answer's time does not tell.
 */
void saas_password_dummy(apr_pool_t *p, const char *password);

/**
 * Judges a new password: 10 to 128 code points of valid UTF-8, not the e-mail address, not one of the common ones.
 * @param email may be NULL
 * @param why on refusal, static text for the field's error
 * @return APR_EINVAL on refusal.
 */
apr_status_t saas_password_check(const char *password, const char *email, const char **why);

#endif
