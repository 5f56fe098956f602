/*
 * UUIDv7: 48 bits of Unix milliseconds, 12 bits of sub-millisecond time that double as a counter (RFC 9562,
 * section 6.2, method 3), 62 random bits. Must never repeat or go backwards within a process.
 */

#include "id.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

/* The last (milliseconds << 12 | fraction) handed out. A step back of the clock, or more than 4096 ids within
 * one millisecond, only makes the value run ahead of the clock until the clock has caught up. */
static _Atomic uint64_t last_stamp;

static uint64_t next_stamp(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);

    uint64_t ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    uint64_t fraction = ((uint64_t)ts.tv_nsec % 1000000) * 4096 / 1000000;
    uint64_t clock = ms << 12 | fraction;

    uint64_t last = atomic_load_explicit(&last_stamp, memory_order_relaxed);
    uint64_t next;
    do {
        next = clock > last ? clock : last + 1;
    } while (!atomic_compare_exchange_weak(&last_stamp, &last, next));
    return next;
}

static void put_hex(char *out, uint64_t value, int digits)
{
    while (digits > 0) {
        out[--digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* Zero: none have been drawn. */
static uint64_t process_bits;

static apr_status_t draw(uint64_t *random)
{
    return RAND_bytes((unsigned char *)random, sizeof(*random)) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

static void write_uuid7(char out[SAAS_UUID_LEN + 1], uint64_t random)
{
    uint64_t stamp = next_stamp();
    uint64_t ms = stamp >> 12;
    put_hex(out, ms >> 16, 8);
    out[8] = '-';
    put_hex(out + 9, ms & 0xffff, 4);
    out[13] = '-';
    put_hex(out + 14, 0x7000 | (stamp & 0xfff), 4);
    out[18] = '-';
    put_hex(out + 19, 0x8000 | (random >> 50), 4);
    out[23] = '-';
    put_hex(out + 24, random & UINT64_C(0xffffffffffff), 12);
    out[SAAS_UUID_LEN] = '\0';
}

apr_status_t saas_uuid7(char out[SAAS_UUID_LEN + 1])
{
    uint64_t random;
    apr_status_t rv = draw(&random);
    if (rv != APR_SUCCESS) {
        out[0] = '\0';
        return rv;
    }
    write_uuid7(out, random);
    return APR_SUCCESS;
}

apr_status_t saas_uuid7_process_init(void)
{
    return draw(&process_bits);
}

apr_status_t saas_uuid7_of_process(char out[SAAS_UUID_LEN + 1])
{
    if (!process_bits) {
        return saas_uuid7(out);
    }
    write_uuid7(out, process_bits);
    return APR_SUCCESS;
}

apr_status_t saas_uuid_named(char out[SAAS_UUID_LEN + 1], const char *space, const char *name)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* Where one ends and the other begins is part of it. */
    int made = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) && EVP_DigestUpdate(context, space, strlen(space) + 1)
               && EVP_DigestUpdate(context, name, strlen(name)) && EVP_DigestFinal_ex(context, digest, NULL);
    char *to = out;
    EVP_MD_CTX_free(context);
    if (!made) {
        out[0] = '\0';
        return APR_EGENERAL;
    }
    digest[6] = (unsigned char)(0x80 | (digest[6] & 0x0f));
    digest[8] = (unsigned char)(0x80 | (digest[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *to++ = '-';
        }
        put_hex(to, digest[i], 2);
        to += 2;
    }
    *to = '\0';
    return APR_SUCCESS;
}

static int is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int saas_uuid_is(const char *s)
{
    if (s == NULL) {
        return 0;
    }
    for (int i = 0; i < SAAS_UUID_LEN; i++) {
        int dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !is_hex(s[i])) {
            return 0;
        }
    }
    return s[SAAS_UUID_LEN] == '\0';
}

apr_status_t saas_uuid_canonical(char out[SAAS_UUID_LEN + 1], const char *in)
{
    if (!saas_uuid_is(in)) {
        return APR_EINVAL;
    }
    for (int i = 0; i < SAAS_UUID_LEN; i++) {
        char c = in[i];
        out[i] = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
    }
    out[SAAS_UUID_LEN] = '\0';
    return APR_SUCCESS;
}
