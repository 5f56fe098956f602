/*
 * UTF-8, names, e-mail addresses, slugs. Everything here sees hostile input first: it must reject what it does
 * not know, and never read past the end it was given.
 */

#include "text.h"

#include "domain.h"
#include "id.h"

#include <stdint.h>
#include <string.h>

#include <apr_strings.h>

typedef struct {
    uint32_t from, to;
} range_t;

/* Never in a name or an address. */
static const range_t unprintable[] = {
    { 0x0000, 0x001f },   /* C0 controls */
    { 0x007f, 0x009f },   /* DEL, C1 controls */
    { 0x200b, 0x200b },   /* zero width space */
    { 0x200e, 0x200f },   /* direction marks */
    { 0x2028, 0x202e },   /* line and paragraph separator, bidirectional embedding and override */
    { 0x2060, 0x206f },   /* invisible operators, bidirectional isolates, deprecated format characters */
    { 0xfdd0, 0xfdef },   /* noncharacters */
    { 0xfeff, 0xfeff },   /* byte order mark */
    { 0xfff0, 0xfffb },   /* specials but the two replacement characters */
    { 0xe0000, 0xe0fff }, /* tags and other invisible format characters */
};

static const range_t spaces[] = {
    { 0x0009, 0x000d }, { 0x0020, 0x0020 }, { 0x0085, 0x0085 }, { 0x00a0, 0x00a0 }, { 0x1680, 0x1680 },
    { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

#define IN_RANGES(table, cp) in_ranges(table, sizeof(table) / sizeof(table[0]), cp)

static int in_ranges(const range_t *table, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n && cp >= table[i].from; i++) {
        if (cp <= table[i].to) {
            return 1;
        }
    }
    return 0;
}

static int is_unprintable(uint32_t cp)
{
    return IN_RANGES(unprintable, cp) || (cp & 0xfffe) == 0xfffe;
}

static int is_space(uint32_t cp)
{
    return IN_RANGES(spaces, cp);
}

/* Reads one code point and returns its length in bytes, or 0 when the bytes at s begin none (RFC 3629, 4). */
static size_t decode(const unsigned char *s, const unsigned char *end, uint32_t *cp)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len;

    if (s[0] < 0x80) {
        *cp = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        len = 2;
    }
    else if ((s[0] & 0xf0) == 0xe0) {
        len = 3;
    }
    else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        len = 4;
    }
    else {
        return 0;
    }
    if ((size_t)(end - s) < len) {
        return 0;
    }
    uint32_t value = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (s[i] & 0x3f);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *cp = value;
    return len;
}

apr_status_t saas_utf8_length(const char *s, size_t len, size_t *count)
{
    const unsigned char *at = (const unsigned char *)s;
    const unsigned char *end = at + len;
    size_t n = 0;

    while (at < end) {
        uint64_t word;
        if ((size_t)(end - at) >= sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                n += sizeof(word);
                continue;
            }
        }
        uint32_t cp;
        size_t step = decode(at, end, &cp);
        if (step == 0) {
            return APR_EINVAL;
        }
        at += step;
        n++;
    }
    *count = n;
    return APR_SUCCESS;
}

int saas_utf8_valid(const char *s, size_t len)
{
    size_t count;
    return len == 0 || saas_utf8_length(s, len, &count) == APR_SUCCESS;
}

/* Cuts white space off both ends of valid UTF-8. */
static void trim(const char **s, size_t *len)
{
    const unsigned char *at = (const unsigned char *)*s;
    const unsigned char *end = at + *len;
    const unsigned char *first = NULL, *last = at;
    uint32_t cp;

    for (size_t step; at < end && (step = decode(at, end, &cp)) > 0; at += step) {
        if (!is_space(cp)) {
            first = first ? first : at;
            last = at + step;
        }
    }
    *s = (const char *)(first ? first : last);
    *len = first ? (size_t)(last - first) : 0;
}

/* All printable, and something to see among them. */
static int is_visible(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    const unsigned char *end = at + len;
    int seen = 0;
    uint32_t cp;

    for (size_t step; at < end; at += step) {
        step = decode(at, end, &cp);
        if (step == 0 || is_unprintable(cp)) {
            return 0;
        }
        seen |= !is_space(cp) && cp != 0x200c && cp != 0x200d;
    }
    return seen;
}

apr_status_t saas_name_clean(apr_pool_t *p, const char *in, size_t max, const char **out, const char **why)
{
    const char *ignored;
    size_t len = in ? strlen(in) : 0;
    size_t count;

    why = why ? why : &ignored;
    *why = NULL;
    *out = NULL;
    if (len > 0 && !saas_utf8_valid(in, len)) {
        *why = "Not a valid string.";
        return APR_EINVAL;
    }
    trim(&in, &len);
    if (len == 0) {
        *why = "This field may not be blank.";
        return APR_EINVAL;
    }
    if (!is_visible(in, len)) {
        *why = "Control and invisible characters are not allowed.";
        return APR_EINVAL;
    }
    if (saas_utf8_length(in, len, &count) != APR_SUCCESS || count > max) {
        *why = apr_psprintf(p, "Ensure this field has no more than %" APR_SIZE_T_FMT " characters.", max);
        return APR_EINVAL;
    }
    *out = apr_pstrmemdup(p, in, len);
    return APR_SUCCESS;
}

static int is_lower_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

/* RFC 5322 atext and, after RFC 6531, anything beyond ASCII; dots only between. */
static int is_local_part(const char *s, size_t len)
{
    if (len < 1 || len > 64 || s[0] == '.' || s[len - 1] == '.') {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        int dot = c == '.' && s[i + 1] != '.';
        if (!dot && c < 0x80 && !is_lower_alnum(lower(c)) && memchr("!#$%&'*+-/=?^_`{|}~", c, 19) == NULL) {
            return 0;
        }
    }
    return 1;
}

static int has_space(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    const unsigned char *end = at + len;
    uint32_t cp;

    for (size_t step; at < end && (step = decode(at, end, &cp)) > 0; at += step) {
        if (is_space(cp)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t saas_email_parse(apr_pool_t *p, const char *in, const char **email)
{
    *email = NULL;
    size_t len = in ? strlen(in) : 0;
    if (len == 0 || !saas_utf8_valid(in, len)) {
        return APR_EINVAL;
    }
    trim(&in, &len);
    if (len == 0 || len > SAAS_EMAIL_MAX || !is_visible(in, len) || has_space(in, len)) {
        return APR_EINVAL;
    }
    const char *at = memchr(in, '@', len);
    if (at == NULL) {
        return APR_EINVAL;
    }
    size_t local = (size_t)(at - in);
    if (!is_local_part(in, local) || memchr(at + 1, '@', len - local - 1)
        || saas_domain_ascii(p, at + 1, len - local - 1) == NULL) {
        return APR_EINVAL;
    }
    *email = apr_pstrmemdup(p, in, len);
    return APR_SUCCESS;
}

const char *saas_email_fold(apr_pool_t *p, const char *email)
{
    const char *at = strrchr(email, '@');
    const char *domain = at && saas_utf8_valid(at, strlen(at)) ? saas_domain_ascii(p, at + 1, strlen(at + 1)) : NULL;
    return saas_email_spelled(p, domain ? apr_pstrcat(p, apr_pstrmemdup(p, email, (apr_size_t)(at + 1 - email)), domain, NULL)
                                        : email);
}

const char *saas_email_spelled(apr_pool_t *p, const char *email)
{
    char *out = apr_pstrdup(p, email);
    for (char *c = out; *c; c++) {
        *c = (char)lower((unsigned char)*c);
    }
    return out;
}

/* Latin letters beyond ASCII (U+00C0 to U+017F) without their accents. */
static const struct {
    uint32_t from, to;
    const char *ascii;
} latin[] = {
    { 0xc0, 0xc5, "a" },    { 0xc6, 0xc6, "ae" },    { 0xc7, 0xc7, "c" },    { 0xc8, 0xcb, "e" },
    { 0xcc, 0xcf, "i" },    { 0xd0, 0xd0, "d" },     { 0xd1, 0xd1, "n" },    { 0xd2, 0xd6, "o" },
    { 0xd8, 0xd8, "o" },    { 0xd9, 0xdc, "u" },     { 0xdd, 0xdd, "y" },    { 0xde, 0xde, "th" },
    { 0xdf, 0xdf, "ss" },   { 0xe0, 0xe5, "a" },     { 0xe6, 0xe6, "ae" },   { 0xe7, 0xe7, "c" },
    { 0xe8, 0xeb, "e" },    { 0xec, 0xef, "i" },     { 0xf0, 0xf0, "d" },    { 0xf1, 0xf1, "n" },
    { 0xf2, 0xf6, "o" },    { 0xf8, 0xf8, "o" },     { 0xf9, 0xfc, "u" },    { 0xfd, 0xfd, "y" },
    { 0xfe, 0xfe, "th" },   { 0xff, 0xff, "y" },     { 0x100, 0x105, "a" },  { 0x106, 0x10d, "c" },
    { 0x10e, 0x111, "d" },  { 0x112, 0x11b, "e" },   { 0x11c, 0x123, "g" },  { 0x124, 0x127, "h" },
    { 0x128, 0x131, "i" },  { 0x132, 0x133, "ij" },  { 0x134, 0x135, "j" },  { 0x136, 0x138, "k" },
    { 0x139, 0x142, "l" },  { 0x143, 0x149, "n" },   { 0x14a, 0x14b, "ng" }, { 0x14c, 0x151, "o" },
    { 0x152, 0x153, "oe" }, { 0x154, 0x159, "r" },   { 0x15a, 0x161, "s" },  { 0x162, 0x167, "t" },
    { 0x168, 0x173, "u" },  { 0x174, 0x175, "w" },   { 0x176, 0x178, "y" },  { 0x179, 0x17e, "z" },
    { 0x17f, 0x17f, "s" },
};

/* The slug's share of a code point: letters, "" to skip it, or NULL for the end of a word. */
static const char *slug_part(uint32_t cp, char one[2])
{
    if (cp < 0x80) {
        one[0] = (char)lower((unsigned char)cp);
        one[1] = '\0';
        return is_lower_alnum((unsigned char)one[0]) ? one : cp == '\'' ? "" : NULL;
    }
    if ((cp >= 0x300 && cp <= 0x36f) || cp == 0x2019) {
        return ""; /* combining accents, and the apostrophe that keyboards of phones make */
    }
    for (size_t i = 0; i < sizeof(latin) / sizeof(latin[0]); i++) {
        if (cp >= latin[i].from && cp <= latin[i].to) {
            return latin[i].ascii;
        }
    }
    return NULL;
}

const char *saas_slugify(apr_pool_t *p, const char *name, size_t max)
{
    const unsigned char *at = (const unsigned char *)name;
    const unsigned char *end = at + strlen(name);
    max = max == 0 || max > SAAS_SLUG_MAX ? SAAS_SLUG_MAX : max;
    char *out = apr_palloc(p, max + 1);
    size_t len = 0;
    int gap = 0;

    while (at < end) {
        char one[2];
        uint32_t cp;
        size_t step = decode(at, end, &cp);
        const char *part = step > 0 ? slug_part(cp, one) : NULL;
        at += step > 0 ? step : 1;
        if (part == NULL) {
            gap = len > 0;
            continue;
        }
        size_t n = strlen(part);
        if (len + (size_t)gap + n > max) {
            break;
        }
        if (gap && n > 0) {
            out[len++] = '-';
            gap = 0;
        }
        memcpy(out + len, part, n);
        len += n;
    }
    out[len] = '\0';
    return out;
}

int saas_slug_is(const char *s)
{
    size_t len = s ? strlen(s) : 0;
    if (len < 1 || len > SAAS_SLUG_MAX || s[0] == '-' || s[len - 1] == '-' || saas_uuid_is(s)) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '-' ? s[i + 1] == '-' : !is_lower_alnum((unsigned char)s[i])) {
            return 0;
        }
    }
    return 1;
}
