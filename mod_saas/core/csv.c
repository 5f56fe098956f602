/*
 * The CSV cell writer. An export puts millions of cells through here, nearly all plain: those are copied and
 * looked at in one pass, eight bytes at a time. Must never emit a cell that a spreadsheet takes for a formula.
 */

#include "csv.h"

#include <stdint.h>
#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Non-zero when a byte of the word equals c. */
static inline uint64_t has_byte(uint64_t word, unsigned char c)
{
    uint64_t x = word ^ (ONES * c);
    return (x - ONES) & ~x & HIGHS;
}

static inline int needs_quotes(uint64_t word)
{
    return (has_byte(word, ',') | has_byte(word, '"') | has_byte(word, '\r') | has_byte(word, '\n')) != 0;
}

static inline int is_special(char c)
{
    return c == ',' || c == '"' || c == '\r' || c == '\n';
}

static inline int starts_formula(char c)
{
    return c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r';
}

/* Copies len bytes; 0 as soon as one of them calls for quotes. */
static inline int copy_plain(char *dst, const char *src, size_t len)
{
    uint64_t word;

    if (len < sizeof(word)) {
        for (size_t i = 0; i < len; i++) {
            if (is_special(src[i])) {
                return 0;
            }
            dst[i] = src[i];
        }
        return 1;
    }
    /* The last word may overlap the one before it: the same bytes are then written twice. */
    for (size_t i = 0; i < len; i += sizeof(word)) {
        size_t at = i + sizeof(word) <= len ? i : len - sizeof(word);
        memcpy(&word, src + at, sizeof(word));
        if (needs_quotes(word)) {
            return 0;
        }
        memcpy(dst + at, &word, sizeof(word));
    }
    return 1;
}

static size_t put_quoted(char *dst, int guard, const char *src, size_t len)
{
    char *out = dst;
    const char *end = src + len;

    *out++ = '"';
    if (guard) {
        *out++ = '\'';
    }
    while (src < end) {
        const char *quote = memchr(src, '"', (size_t)(end - src));
        size_t run = quote ? (size_t)(quote - src) + 1 : (size_t)(end - src);
        memcpy(out, src, run);
        out += run;
        src += run;
        if (quote) {
            *out++ = '"';
        }
    }
    *out++ = '"';
    return (size_t)(out - dst);
}

size_t saas_csv_put(char *dst, const char *src, size_t len)
{
    if (len == 0) {
        return 0;
    }
    int guard = starts_formula(src[0]);
    if (copy_plain(dst + guard, src, len)) {
        if (guard) {
            dst[0] = '\'';
        }
        return len + (size_t)guard;
    }
    return put_quoted(dst, guard, src, len);
}
