/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Domain names by libidn2, which has Unicode's tables.  Names of ASCII letters alone, which nearly all are, do not need it.
 */
#include "domain.h"

#include <apr_strings.h>
#include <idn2.h>

#include <string.h>

#define LABEL_MAX 63
#define A_LABEL "xn--"

static int is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of letters, digits and hyphens within, joined by dots, none of them empty; lower case. */
static int is_ascii_name(const char *name)
{
    const char *label = name, *c;
    for (c = name;; c++) {
        if (*c == '.' || !*c) {
            if (c == label || c - label > LABEL_MAX || *label == '-' || c[-1] == '-') {
                return 0;
            }
            label = c + 1;
        }
        else if (!is_letter_or_digit(*c) && *c != '-') {
            return 0;
        }
        if (!*c) {
            return c - name <= SAAS_DOMAIN_MAX;
        }
    }
}

/* Nothing beyond ASCII, and no label that is another's ASCII form: that has to be looked at, too. */
static int is_plain(const char *name)
{
    const char *c;
    for (c = name; *c && (unsigned char)*c < 0x80; c++) {
    }
    return !*c && !strstr(name, A_LABEL);
}

const char *saas_domain_ascii(apr_pool_t *p, const char *domain, apr_size_t len)
{
    char *name = apr_pstrmemdup(p, domain, len), *c;
    uint8_t *mapped = NULL;
    for (c = name; *c; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    if (!is_plain(name)) {
        if (idn2_lookup_u8((const uint8_t *)name, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
            return NULL;
        }
        name = apr_pstrdup(p, (const char *)mapped);
        idn2_free(mapped);
    }
    return is_ascii_name(name) ? name : NULL;
}
