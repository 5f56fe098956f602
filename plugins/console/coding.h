/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file coding.h
 * Content codings of what is served; pure.
 */
#ifndef SAAS_CONSOLE_CODING_H
#define SAAS_CONSOLE_CODING_H

/** In the order in which they are preferred when the client does not care. */
typedef enum { CONSOLE_BROTLI, CONSOLE_GZIP, CONSOLE_IDENTITY, CONSOLE_CODINGS } console_coding_e;

/** Name in Content-Encoding, suffix of the file; NULL and "" for identity. */
extern const char *const console_coding_name[CONSOLE_CODINGS];
extern const char *const console_coding_suffix[CONSOLE_CODINGS];

/** The coding to send to a client that says accept (Accept-Encoding, NULL: it says nothing), out of those with there[c]
 *  set; identity is always there.  RFC 9110, 12.5.3: quality values, "*", and what is not named is not wanted, but for
 *  identity.  A client that refuses all there is gets identity: it can say no more than that it cannot read it. */
console_coding_e console_coding_choose(const char *accept, const int there[CONSOLE_CODINGS]);

#endif
