#ifndef SAAS_CORE_CSV_H
#define SAAS_CORE_CSV_H

/*
 * CSV cells after RFC 4180, safe to open in a spreadsheet: what begins like a formula (= + - @ TAB CR, after
 * OWASP's "CSV Injection") gets a leading apostrophe. Delimiters and line ends are the caller's.
 */

#include <stddef.h>

/** Room that saas_csv_put may need for a cell of so many bytes: every byte doubled, two quotes, an apostrophe. */
#define SAAS_CSV_ROOM(len) (2 * (size_t)(len) + 3)

/**
 * Writes one cell and no NUL. A cell is quoted only when it holds a comma, a quote, CR or LF; an empty cell
 * stays empty. dst must have SAAS_CSV_ROOM(len) bytes and not overlap src; bytes behind the result, within that
 * room, may be overwritten. src may be NULL when len is 0.
 * @return the bytes written.
 */
size_t saas_csv_put(char *dst, const char *src, size_t len);

#endif
