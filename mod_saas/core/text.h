#ifndef SAAS_CORE_TEXT_H
#define SAAS_CORE_TEXT_H

/*
 * Text that people type: UTF-8, names, e-mail addresses, slugs. Lengths are counted in code points, as people
 * and databases count them. Nothing is normalized (NFC/NFKC): text is kept as it was sent.
 */

#include <stddef.h>

#include <apr_errno.h>
#include <apr_pools.h>

#define SAAS_EMAIL_MAX 254 /* bytes; RFC 5321 through erratum 1690 */
#define SAAS_SLUG_MAX 63

/** True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF). */
int saas_utf8_valid(const char *s, size_t len);

/** Counts code points. @return APR_EINVAL when the bytes are not well-formed UTF-8. */
apr_status_t saas_utf8_length(const char *s, size_t len, size_t *count);

/**
 * Trims white space and checks a display name: 1 to max code points, all of them printable. Refused are control
 * characters, line and paragraph separators, bidirectional overrides and other invisible marks that make two
 * names look alike (joiners stay, scripts and emoji need them).
 * @param out the name in the pool
 * @param why on refusal, text for the field's error, static or in the pool; may be NULL
 * @return APR_EINVAL on refusal.
 */
apr_status_t saas_name_clean(apr_pool_t *p, const char *in, size_t max, const char **out, const char **why);

/**
 * Trims and checks an e-mail address: one @, a dot-atom before it (UTF-8 allowed, RFC 6531; quoted local parts
 * are not), host name labels behind it, of which one is enough ("root@localhost"). Never contains a space,
 * a control character or a character that has a meaning in a mail header, so it is safe to put into one.
 * @return APR_EINVAL when it is none.
 */
apr_status_t saas_email_parse(apr_pool_t *p, const char *in, const char **email);

/**
 * The key under which an address is looked up and held unique: the local part with its ASCII letters in lower case, as
 * practically all mail systems take it, and the domain in its ASCII form (domain.h), so that all spellings of one mailbox
 * are one.  Non-ASCII letters of the local part stay: what they are worth is the mail system's to say.  Of what is no
 * address (the domain is none) the ASCII letters are folded.
 */
const char *saas_email_fold(apr_pool_t *p, const char *email);

/**
 * The key that an address had before domains had one form: a user who shares a mailbox with another since then is looked
 * up by it, before the user of the mailbox is.
 */
const char *saas_email_spelled(apr_pool_t *p, const char *email);

/**
 * A slug from a name: lower-case ASCII letters and digits in words joined by single dashes, at most max bytes
 * (SAAS_SLUG_MAX when 0 or more). Latin letters lose their accents. The result is "" when nothing of the name
 * is left (other scripts), and may not pass saas_slug_is when it looks like a UUID: the caller then makes one up.
 */
const char *saas_slugify(apr_pool_t *p, const char *name, size_t max);

/** True for a slug of the form above. What looks like a UUID is none, as some places take "id or slug". */
int saas_slug_is(const char *s);

#endif
