/*
 * The Stripe-Signature header, against a second reading of its grammar that is written here in another way.
 *
 * An input is a header, a newline, a body. What cannot be guessed is put in: '@' in the header stands for the right digest of
 * the header's first t and the body, '~' for the second secret's, '^' for the one that anybody can make, of an empty secret; so
 * that the fuzzer gets past the HMAC.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "plugins/webhooks/signature.h"

#define NOW 1800000000
#define HEADER_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const secrets[] = { "whsec_fuzz_one", "", "whsec_fuzz_two" };
static const char signs[] = "@^~"; /* each for a digest with the secret in its place */

static void sign(char hex[65], const char *secret, const char *time, size_t time_len, const char *body, size_t len)
{
    unsigned char mac[EVP_MAX_MD_SIZE], *text = malloc(time_len + 1 + len);
    unsigned mac_len = 0, i;

    memcpy(text, time, time_len);
    text[time_len] = '.';
    memcpy(text + time_len + 1, body, len);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), text, time_len + 1 + len, mac, &mac_len) || mac_len != 32) {
        abort();
    }
    for (i = 0; i < mac_len; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", mac[i]);
    }
    free(text);
}

/* The first t of the header as it is before anything is put in; "" without one. */
static void find_time(const char *header, const char **time, size_t *len)
{
    const char *at = header;
    *time = "";
    *len = 0;
    while (at) {
        if (!strncmp(at, "t=", 2)) {
            *time = at + 2;
            *len = strcspn(at + 2, ",");
            return;
        }
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
}

/* The header with digests put in, for the caller to free. */
static char *fill(const char *header, const char *body, size_t len)
{
    char *filled = malloc(HEADER_MAX + 1), *to = filled, digests[3][65];
    const char *time, *c, *sign_of;
    size_t time_len;
    int i;

    find_time(header, &time, &time_len);
    for (i = 0; i < 3; i++) {
        sign(digests[i], secrets[i], time, time_len, body, len);
    }
    for (c = header; *c && to - filled < HEADER_MAX - 64; c++) {
        sign_of = strchr(signs, *c);
        if (sign_of) {
            memcpy(to, digests[sign_of - signs], 64);
            to += 64;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
    return filled;
}

/* What Stripe's documentation and billing.md's grammar say of it, element by element. */
static saas_signature_e read_again(const char *header, const char *body, size_t len)
{
    size_t length = strlen(header), i, times = 0, candidates = 0, digests = 0;
    char time[13] = "", right[2][65];
    char *copy, *element, *rest;
    int matched = 0;

    if (len == 0 || length > 4096) {
        return SAAS_SIGNATURE_MALFORMED;
    }
    for (i = 0; i < length; i++) {
        if (header[i] < '!' || header[i] > '~') {
            return SAAS_SIGNATURE_MALFORMED;
        }
    }
    for (int pass = 0; pass < 2; pass++) {
        copy = strdup(header);
        for (element = strtok_r(copy, ",", &rest); element; element = strtok_r(NULL, ",", &rest)) {
            if (!strchr(element, '=')) {
                free(copy);
                return SAAS_SIGNATURE_MALFORMED;
            }
            if (!strncmp(element, "t=", 2) && !pass) {
                size_t digits = strspn(element + 2, "0123456789");
                if (times++ || digits == 0 || digits > 12 || element[2] == '0' || element[2 + digits]) {
                    free(copy);
                    return SAAS_SIGNATURE_MALFORMED;
                }
                strcpy(time, element + 2);
            } else if (!strncmp(element, "v1=", 3)) {
                if (!pass) {
                    candidates++;
                    digests += strlen(element + 3) == 64 && strspn(element + 3, "0123456789abcdef") == 64;
                } else {
                    matched |= !strcmp(element + 3, right[0]) || !strcmp(element + 3, right[1]);
                }
            }
        }
        free(copy);
        if (!pass) {
            if (times != 1 || digests == 0 || candidates > 16) {
                return SAAS_SIGNATURE_MALFORMED;
            }
            sign(right[0], secrets[0], time, strlen(time), body, len);
            sign(right[1], secrets[2], time, strlen(time), body, len);
        }
    }
    if (!matched) {
        return SAAS_SIGNATURE_MISMATCH;
    }
    return llabs(strtoll(time, NULL, 10) - NOW) <= 300 ? SAAS_SIGNATURE_OK : SAAS_SIGNATURE_STALE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = memchr(data, '\n', size);
    size_t header_len = newline ? (size_t)(newline - data) : size, len = newline ? size - header_len - 1 : 0;
    char *body = malloc(len ? len : 1), *header, *given = malloc(header_len + 1);
    saas_signature_e got, want;

    memcpy(given, data, header_len);
    given[header_len] = '\0';
    if (len) {
        memcpy(body, newline + 1, len);
    }
    header = fill(given, body, len);
    got = saas_signature_verify(header, body, len, secrets, 3, NOW, SAAS_SIGNATURE_TOLERANCE);
    want = read_again(header, body, len);
    if (got != want) {
        fprintf(stderr, "%s\n is %d, not %d\n", header, got, want);
        abort();
    }
    if (saas_signature_verify(header, body, len, secrets + 1, 1, NOW, SAAS_SIGNATURE_TOLERANCE) == SAAS_SIGNATURE_OK
        || !*saas_signature_text(got)) {
        abort();
    }
    free(given);
    free(header);
    free(body);
    return 0;
}
