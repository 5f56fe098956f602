#ifndef SAAS_CORE_PASSWORD_FORMS_H
#define SAAS_CORE_PASSWORD_FORMS_H

/*
 * What the files that verify passwords share: reading stored strings, and the bounds on the costs that they name. A
 * stored string is data, of an import or of somebody who could write to the table.
 */

#include "password.h"

#include <stddef.h>

#define SAAS_BLOB_MAX 64 /* bytes of salts and keys in stored strings */
#define SAAS_KEY_MIN 16  /* a shorter one would match by chance */
#define SAAS_COST_NUMBER_MAX (1u << 24)

typedef struct {
    unsigned ln, r, p;
} saas_scrypt_cost_t;

/**
 * Verifies one scheme, and says what it has read in form (zeroed before).
 * @param password NULL: to read only; never APR_SUCCESS then, but APR_INCOMPLETE for what could be compared.
 */
typedef apr_status_t saas_password_verify_t(const char *password, const char *stored, saas_password_form_t *form);

saas_password_verify_t saas_verify_django_pbkdf2, saas_verify_django_scrypt, saas_verify_django_argon2,
    saas_verify_django_bcrypt;
/** "$2a$", "$2b$" and "$2y$". */
saas_password_verify_t saas_verify_bcrypt;

/** Reads canonical base64 of len characters without padding; 0 when it is none or is more than SAAS_BLOB_MAX bytes. */
int saas_take_base64(const char *in, size_t len, unsigned char out[SAAS_BLOB_MAX], size_t *size);
/** A decimal number without leading zeros, from 1 to max; *s moves past it. */
int saas_take_number(const char **s, unsigned max, unsigned *value);
/** Moves *s past text, or answers 0. */
int saas_take_text(const char **s, const char *text);

/** Whether a cost is within the bounds; *memory: the bytes that it takes. */
int saas_scrypt_bounded(saas_scrypt_cost_t cost, size_t *memory);
/** The bounds on memory and on memory times passes are those of scrypt for every other form, too. */
int saas_memory_bounded(size_t memory, unsigned passes);

/** A key of key_len bytes; APR_EGENERAL when OpenSSL fails. */
apr_status_t saas_scrypt_derive(const char *password, const unsigned char *salt, size_t salt_len,
                                saas_scrypt_cost_t cost, unsigned char *key, size_t key_len);
/** Derives and compares; password NULL: APR_INCOMPLETE. */
apr_status_t saas_scrypt_compare(const char *password, const unsigned char *salt, size_t salt_len,
                                 saas_scrypt_cost_t cost, const unsigned char *want, size_t want_len);

#endif
