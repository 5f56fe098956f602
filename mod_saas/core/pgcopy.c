/*
 * Binary rows in, CSV records out. Lengths come from a server and are checked all the same: must never read
 * outside of the message.
 */

#include "pgcopy.h"

#include "csv.h"
#include "timefmt.h"

#include <stdint.h>
#include <string.h>

/* 2000-01-01, where PostgreSQL counts microseconds from, in those of apr_time_t. */
#define EPOCH INT64_C(946684800000000)

static const char signature[11] = "PGCOPY\n\377\r\n"; /* and the NUL */

static const struct {
    unsigned oid;
    saas_pgcopy_type_e type;
} types_by_oid[] = {
    { 25, SAAS_PGCOPY_TEXT },      { 1043, SAAS_PGCOPY_TEXT },    { 1042, SAAS_PGCOPY_TEXT },
    { 19, SAAS_PGCOPY_TEXT },      { 114, SAAS_PGCOPY_TEXT },     { 20, SAAS_PGCOPY_INTEGER },
    { 23, SAAS_PGCOPY_INTEGER },   { 21, SAAS_PGCOPY_INTEGER },   { 1184, SAAS_PGCOPY_TIME },
    { 2950, SAAS_PGCOPY_UUID },
};

apr_status_t saas_pgcopy_type(unsigned oid, saas_pgcopy_type_e *type)
{
    for (size_t i = 0; i < sizeof(types_by_oid) / sizeof(*types_by_oid); i++) {
        if (types_by_oid[i].oid == oid) {
            *type = types_by_oid[i].type;
            return APR_SUCCESS;
        }
    }
    return APR_ENOTIMPL;
}

/* Big-endian, as everything on the wire is. */
static inline uint64_t number(const char *data, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        n = n << 8 | (unsigned char)data[i];
    }
    return n;
}

size_t saas_pgcopy_header(const char *data, size_t len)
{
    size_t fixed = sizeof(signature) + 8, extension;
    if (len < fixed || memcmp(data, signature, sizeof(signature)) || number(data + sizeof(signature), 4)) {
        return 0;
    }
    extension = number(data + sizeof(signature) + 4, 4);
    return extension <= len - fixed ? fixed + extension : 0;
}

/* Digits of at most 20 bytes. */
static apr_status_t print_integer(char *dst, size_t *written, const char *data, size_t len)
{
    char digits[21], *first = digits + sizeof(digits);
    if (len != 2 && len != 4 && len != 8) {
        return APR_EINVAL;
    }
    uint64_t n = number(data, len);
    uint64_t sign = UINT64_C(1) << (8 * len - 1);
    int negative = (n & sign) != 0;
    if (negative) {
        n = sign - (n & (sign - 1));
    }
    do {
        *--first = (char)('0' + n % 10);
    } while (n /= 10);
    if (negative) {
        *--first = '-';
    }
    *written = (size_t)(digits + sizeof(digits) - first);
    memcpy(dst, first, *written);
    return APR_SUCCESS;
}

static apr_status_t put_integer(char *dst, size_t *written, const char *data, size_t len)
{
    char digits[SAAS_PGCOPY_SCRATCH];
    size_t n;
    apr_status_t rv = print_integer(digits, &n, data, len);
    *written = rv == APR_SUCCESS ? saas_csv_put(dst, digits, n) : 0;
    return rv;
}

static apr_status_t put_time(char *dst, size_t *written, const char *data, size_t len)
{
    int64_t micros = (int64_t)number(data, 8 <= len ? 8 : len);
    if (len != 8) {
        return APR_EINVAL;
    }
    int has_form = micros <= INT64_MAX - EPOCH && saas_time_iso(dst, micros + EPOCH) == APR_SUCCESS;
    *written = has_form ? SAAS_TIME_ISO_SIZE - 1 : 0;
    return APR_SUCCESS;
}

static apr_status_t put_uuid(char *dst, size_t *written, const char *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char *out = dst;
    if (len != 16) {
        return APR_EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = hex[(unsigned char)data[i] >> 4];
        *out++ = hex[data[i] & 15];
    }
    *written = (size_t)(out - dst);
    return APR_SUCCESS;
}

static apr_status_t put_text(char *dst, size_t *written, const char *data, size_t len)
{
    *written = saas_csv_put(dst, data, len);
    return APR_SUCCESS;
}

static apr_status_t (*const put[])(char *dst, size_t *written, const char *data, size_t len) = {
    [SAAS_PGCOPY_TEXT] = put_text,
    [SAAS_PGCOPY_INTEGER] = put_integer,
    [SAAS_PGCOPY_TIME] = put_time,
    [SAAS_PGCOPY_UUID] = put_uuid,
};

apr_status_t saas_pgcopy_record(char *dst, size_t *written, const char *data, size_t len,
                                const saas_pgcopy_type_e *types, int columns, apr_uint64_t *blanks)
{
    char *out = dst;
    const char *end = data + len;
    if (len < 2) {
        return APR_EINVAL;
    }
    int count = (int16_t)number(data, 2);
    data += 2;
    if (count == -1 && data == end) {
        return APR_EOF;
    }
    if (count != columns) {
        return APR_EINVAL;
    }
    for (int i = 0; i < columns; i++) {
        if (end - data < 4) {
            return APR_EINVAL;
        }
        int32_t cell = (int32_t)number(data, 4);
        data += 4;
        if (i) {
            *out++ = ',';
        }
        if (cell == -1) {
            continue;
        }
        if (cell < 0 || cell > end - data) {
            return APR_EINVAL;
        }
        size_t n;
        apr_status_t rv = put[types[i]](out, &n, data, (size_t)cell);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *blanks += types[i] == SAAS_PGCOPY_TIME && !n;
        out += n;
        data += cell;
    }
    if (data != end) {
        return APR_EINVAL;
    }
    *out++ = '\r';
    *out++ = '\n';
    *written = (size_t)(out - dst);
    return APR_SUCCESS;
}

/* A type without one is text, which needs no printing. */
static apr_status_t (*const print[])(char *dst, size_t *written, const char *data, size_t len) = {
    [SAAS_PGCOPY_TEXT] = NULL,
    [SAAS_PGCOPY_INTEGER] = print_integer,
    [SAAS_PGCOPY_TIME] = put_time,
    [SAAS_PGCOPY_UUID] = put_uuid,
};

apr_status_t saas_pgcopy_cells(const char **cells, size_t *lengths, char *scratch, const char *data, size_t len,
                               const saas_pgcopy_type_e *types, int columns, apr_uint64_t *blanks)
{
    const char *end = data + len;
    if (len < 2) {
        return APR_EINVAL;
    }
    int count = (int16_t)number(data, 2);
    data += 2;
    if (count == -1 && data == end) {
        return APR_EOF;
    }
    if (count != columns) {
        return APR_EINVAL;
    }
    for (int i = 0; i < columns; i++, scratch += SAAS_PGCOPY_SCRATCH) {
        if (end - data < 4) {
            return APR_EINVAL;
        }
        int32_t cell = (int32_t)number(data, 4);
        data += 4;
        cells[i] = NULL;
        lengths[i] = 0;
        if (cell == -1) {
            continue;
        }
        if (cell < 0 || cell > end - data) {
            return APR_EINVAL;
        }
        if (!print[types[i]]) {
            cells[i] = data;
            lengths[i] = (size_t)cell;
        }
        else {
            apr_status_t rv = print[types[i]](scratch, &lengths[i], data, (size_t)cell);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            cells[i] = lengths[i] ? scratch : NULL;
            *blanks += !lengths[i];
        }
        data += cell;
    }
    return data == end ? APR_SUCCESS : APR_EINVAL;
}
