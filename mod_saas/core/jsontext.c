/*
 * The JSON text writer. Nearly all that it is given is plain ASCII, which is copied in runs and looked at eight
 * bytes at a time. Must never add what would make the whole text unreadable: that would cost a client the whole
 * reply for one cell.
 */

#include "jsontext.h"

#include <stdint.h>
#include <string.h>

#include "text.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

#define REPLACEMENT "\xef\xbf\xbd"

/* Makes room for so many bytes more; returns where they go. */
static char *reserve(saas_jsontext_t *out, size_t more)
{
    if (out->size - out->len < more) {
        size_t size = out->size;
        while (size - out->len < more) {
            size *= 2;
        }
        char *data = apr_palloc(out->pool, size);
        memcpy(data, out->data, out->len);
        out->data = data;
        out->size = size;
    }
    return out->data + out->len;
}

void saas_jsontext_init(saas_jsontext_t *out, apr_pool_t *p, size_t room)
{
    out->pool = p;
    out->len = 0;
    out->size = room > 64 ? room : 64;
    out->data = apr_palloc(p, out->size);
}

void saas_jsontext_put(saas_jsontext_t *out, const char *bytes, size_t len)
{
    memcpy(reserve(out, len), bytes, len);
    out->len += len;
}

/* ASCII that stands for itself in a JSON string. */
static inline int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Non-zero when a byte of the word equals c; the word has none above 0x7f. */
static inline uint64_t has_byte(uint64_t word, unsigned char c)
{
    uint64_t x = word ^ (ONES * c);
    return (x - ONES) & ~x & HIGHS;
}

/* How many bytes at the beginning are plain. */
static inline size_t plain_run(const char *s, size_t len)
{
    size_t n = 0;
    uint64_t word;

    for (; len - n >= sizeof(word); n += sizeof(word)) {
        memcpy(&word, s + n, sizeof(word));
        if ((word & HIGHS) || ((word - ONES * 0x20) & HIGHS) || has_byte(word, '"') || has_byte(word, '\\')) {
            break;
        }
    }
    while (n < len && is_plain((unsigned char)s[n])) {
        n++;
    }
    return n;
}

/* How many bytes at the beginning are above ASCII: whole characters, if it is UTF-8. */
static size_t high_run(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && ((unsigned char)s[n] & 0x80)) {
        n++;
    }
    return n;
}

/* Bytes of a run that is not all UTF-8: what is stays. */
static void put_mended(saas_jsontext_t *out, const char *s, size_t len)
{
    while (len > 0) {
        size_t step = 2;
        while (step <= 4 && step <= len && !saas_utf8_valid(s, step)) {
            step++;
        }
        if (step <= 4 && step <= len) {
            saas_jsontext_put(out, s, step);
        }
        else {
            SAAS_JSONTEXT_PUT(out, REPLACEMENT);
            step = 1;
        }
        s += step;
        len -= step;
    }
}

static void put_escape(saas_jsontext_t *out, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char short_forms[0x20] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
    char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    if (c < 0x20 && !short_forms[c]) {
        saas_jsontext_put(out, escape, 6);
        return;
    }
    escape[1] = c < 0x20 ? short_forms[c] : (char)c;
    saas_jsontext_put(out, escape, 2);
}

static void put_string(saas_jsontext_t *out, const char *s, size_t len)
{
    size_t run;

    reserve(out, len + 2);
    SAAS_JSONTEXT_PUT(out, "\"");
    for (; len > 0; s += run, len -= run) {
        if ((run = plain_run(s, len)) > 0) {
            saas_jsontext_put(out, s, run);
        }
        else if ((run = high_run(s, len)) == 0) {
            put_escape(out, (unsigned char)*s);
            run = 1;
        }
        else if (saas_utf8_valid(s, run)) {
            saas_jsontext_put(out, s, run);
        }
        else {
            put_mended(out, s, run);
        }
    }
    SAAS_JSONTEXT_PUT(out, "\"");
}

void saas_jsontext_string(saas_jsontext_t *out, const char *s)
{
    if (s == NULL) {
        SAAS_JSONTEXT_PUT(out, "null");
        return;
    }
    put_string(out, s, strlen(s));
}

size_t saas_jsontext_quote(char *dst, const char *s, size_t len)
{
    /* With the room that is promised it never grows. */
    saas_jsontext_t out = { .data = dst, .size = SAAS_JSONTEXT_ROOM(len) };
    put_string(&out, s, len);
    return out.len;
}

void saas_jsontext_int(saas_jsontext_t *out, apr_int64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) {
        digits[--at] = '-';
    }
    saas_jsontext_put(out, digits + at, sizeof(digits) - at);
}

/* ------------------------------------------------------------ JSON as it is -- */

/* What is read, and where it goes: without its white space it is never longer. */
typedef struct {
    const char *in, *end;
    char *to;
} copy_t;

static void skip_space(copy_t *copy)
{
    while (copy->in < copy->end && (*copy->in == ' ' || *copy->in == '\n' || *copy->in == '\t' || *copy->in == '\r')) {
        copy->in++;
    }
}

static void take(copy_t *copy, size_t len)
{
    memcpy(copy->to, copy->in, len);
    copy->to += len;
    copy->in += len;
}

/* The next byte, if it is c. */
static int take_char(copy_t *copy, char c)
{
    if (copy->in == copy->end || *copy->in != c) {
        return 0;
    }
    *copy->to++ = *copy->in++;
    return 1;
}

static int take_digits(copy_t *copy)
{
    const char *from = copy->in;
    while (copy->in < copy->end && *copy->in >= '0' && *copy->in <= '9') {
        *copy->to++ = *copy->in++;
    }
    return copy->in > from;
}

static int take_number(copy_t *copy)
{
    take_char(copy, '-');
    if (!take_char(copy, '0') && !take_digits(copy)) {
        return 0;
    }
    if (take_char(copy, '.') && !take_digits(copy)) {
        return 0;
    }
    if (take_char(copy, 'e') || take_char(copy, 'E')) {
        if (!take_char(copy, '+')) {
            take_char(copy, '-');
        }
        return take_digits(copy);
    }
    return 1;
}

static int take_word(copy_t *copy)
{
    static const char *const words[] = { "true", "false", "null" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(copy->end - copy->in) >= len && memcmp(copy->in, words[i], len) == 0) {
            take(copy, len);
            return 1;
        }
    }
    return 0;
}

static int take_escape(copy_t *copy)
{
    size_t left = (size_t)(copy->end - copy->in);
    if (left >= 2 && copy->in[1] != '\0' && strchr("\"\\/bfnrt", copy->in[1])) {
        take(copy, 2);
        return 1;
    }
    if (left < 6 || copy->in[1] != 'u' || strspn(copy->in + 2, "0123456789abcdefABCDEF") < 4) {
        return 0;
    }
    take(copy, 6);
    return 1;
}

static int take_string(copy_t *copy)
{
    if (!take_char(copy, '"')) {
        return 0;
    }
    while (copy->in < copy->end) {
        size_t left = (size_t)(copy->end - copy->in), run = plain_run(copy->in, left);
        if (run == 0 && (run = high_run(copy->in, left)) > 0 && !saas_utf8_valid(copy->in, run)) {
            return 0;
        }
        if (run > 0) {
            take(copy, run);
        }
        else if (take_char(copy, '"')) {
            return 1;
        }
        else if (*copy->in != '\\' || !take_escape(copy)) {
            return 0;
        }
    }
    return 0;
}

static int take_value(copy_t *copy, unsigned depth);

/* What stands between the brackets, and the closing one. */
static int take_members(copy_t *copy, char closing, unsigned depth)
{
    skip_space(copy);
    if (take_char(copy, closing)) {
        return 1;
    }
    do {
        if (closing == '}') {
            skip_space(copy);
            if (!take_string(copy)) {
                return 0;
            }
            skip_space(copy);
            if (!take_char(copy, ':')) {
                return 0;
            }
        }
        if (!take_value(copy, depth)) {
            return 0;
        }
    } while (take_char(copy, ','));
    return take_char(copy, closing);
}

/* A value and the white space on both sides of it. */
static int take_value(copy_t *copy, unsigned depth)
{
    char closing;
    int taken;

    skip_space(copy);
    if (copy->in == copy->end) {
        return 0;
    }
    switch (*copy->in) {
    case '{':
    case '[':
        closing = *copy->in == '{' ? '}' : ']';
        take(copy, 1);
        taken = depth < SAAS_JSONTEXT_DEPTH && take_members(copy, closing, depth + 1);
        break;
    case '"':
        taken = take_string(copy);
        break;
    case 't':
    case 'f':
    case 'n':
        taken = take_word(copy);
        break;
    default:
        taken = take_number(copy);
    }
    skip_space(copy);
    return taken;
}

int saas_jsontext_json(saas_jsontext_t *out, const char *json)
{
    size_t len = strlen(json);
    copy_t copy = { json, json + len, reserve(out, len) };

    if (!take_value(&copy, 0) || copy.in != copy.end) {
        return 0;
    }
    out->len = (size_t)(copy.to - out->data);
    return 1;
}
