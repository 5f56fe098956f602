#ifndef SAAS_CORE_JSONTEXT_H
#define SAAS_CORE_JSONTEXT_H

/*
 * JSON written straight as text into a buffer that grows in a pool: for replies of many rows, where a tree of
 * values would be built only to be taken apart again. What is written is compact and is valid JSON, whatever the
 * strings hold.
 */

#include <stddef.h>

#include <apr.h>
#include <apr_pools.h>

/** Nesting that JSON may have which is put in by saas_jsontext_json. */
#define SAAS_JSONTEXT_DEPTH 64

/** The text so far; it moves when it grows, and is not NUL-terminated. */
typedef struct {
    apr_pool_t *pool;
    char *data;
    size_t len, size;
} saas_jsontext_t;

/** Starts an empty text with room for so many bytes, which need not suffice. */
void saas_jsontext_init(saas_jsontext_t *out, apr_pool_t *p, size_t room);

/** Adds bytes as they are. */
void saas_jsontext_put(saas_jsontext_t *out, const char *bytes, size_t len);

/** Adds a literal. */
#define SAAS_JSONTEXT_PUT(out, literal) saas_jsontext_put(out, literal, sizeof(literal) - 1)

/** Adds a string in quotes; NULL is null. A byte that is no UTF-8 becomes U+FFFD. */
void saas_jsontext_string(saas_jsontext_t *out, const char *s);

/** Room that saas_jsontext_quote may need for a string of so many bytes: every byte an escape, two quotes. */
#define SAAS_JSONTEXT_ROOM(len) (6 * (size_t)(len) + 2)

/**
 * Writes a string in quotes, as saas_jsontext_string does, and no NUL; one in the string becomes \u0000. dst must have
 * SAAS_JSONTEXT_ROOM(len) bytes and not overlap s, which may be NULL when len is 0.
 * @return the bytes written.
 */
size_t saas_jsontext_quote(char *dst, const char *s, size_t len);

void saas_jsontext_int(saas_jsontext_t *out, apr_int64_t n);

/**
 * Adds one JSON value that is text already, without the white space in it.
 * @return 0 when it is no JSON (RFC 8259, UTF-8), or nests deeper than SAAS_JSONTEXT_DEPTH: nothing was added.
 */
int saas_jsontext_json(saas_jsontext_t *out, const char *json);

#endif
