/* ClientHello messages made by hand, and the reading of what a server answers
 * to them. A TLS library can only ask what it speaks itself; these bytes can
 * ask a server about SSL 3.0, RC4, 3DES and export suites, which the local
 * library no longer has. No key is ever agreed on: the answer's first
 * messages say all. Pure: bytes in, bytes out.
 */
#ifndef SAAS_WEB_HELLO_H
#define SAAS_WEB_HELLO_H

#include <apr_pools.h>

typedef enum {
    SAAS_WEB_HELLO_TLS13,
    SAAS_WEB_HELLO_TLS12,
    SAAS_WEB_HELLO_TLS11,
    SAAS_WEB_HELLO_TLS10,
    SAAS_WEB_HELLO_SSL30,
    SAAS_WEB_HELLO_STATIC_RSA, /* only key exchanges without forward secrecy */
    SAAS_WEB_HELLO_WEAK,       /* only NULL, anonymous, export, RC4, DES and 3DES suites */
    SAAS_WEB_HELLO_DHE,        /* only finite-field ephemeral Diffie-Hellman */
    SAAS_WEB_HELLO_HYBRID,     /* TLS 1.3 with X25519MLKEM768 only, and no key yet: who knows the group asks for one */
    SAAS_WEB_HELLO_BEYOND,     /* only what has forward secrecy by elliptic curves and is not of the profile */
    SAAS_WEB_HELLO_COUNT
} saas_web_hello_e;

typedef enum {
    SAAS_WEB_ANSWER_NONE,    /* not (yet) enough to tell */
    SAAS_WEB_ANSWER_HELLO,   /* ServerHello: the offer was accepted */
    SAAS_WEB_ANSWER_ALERT,   /* a fatal alert: the offer was refused */
    SAAS_WEB_ANSWER_CLOSED,  /* the connection was closed or reset: refused without a word */
    SAAS_WEB_ANSWER_NOT_TLS, /* the peer speaks something else */
    SAAS_WEB_ANSWER_TIMEOUT,
    SAAS_WEB_ANSWER_NO_CONNECTION,
    SAAS_WEB_ANSWER_GUARDED /* the address guard refused the peer */
} saas_web_answer_e;

typedef struct {
    saas_web_answer_e what;
    int version; /* chosen version, 0x0300 to 0x0304 */
    int suite;   /* chosen cipher suite */
    int compression;
    int secure_renegotiation; /* RFC 5746 extension in the answer */
    int group;                /* chosen by a TLS 1.3 server, 0 when none was seen */
    int dh_bits;              /* size of the DHE prime, 0 when none was seen */
    int alert;                /* alert description, -1 when none */
} saas_web_answer_t;

/* The families of weak suites, for `without` and saas_web_suite_families. */
#define SAAS_WEB_SUITE_NULL 0x01
#define SAAS_WEB_SUITE_ANON 0x02
#define SAAS_WEB_SUITE_EXPORT 0x04
#define SAAS_WEB_SUITE_RC4 0x08
#define SAAS_WEB_SUITE_DES 0x10
#define SAAS_WEB_SUITE_WEAK 0x1f

/* Mozilla's "Server Side TLS", profile Intermediate: the suites that are marked in hello.c, TLS 1.2 and 1.3. Since 5.8 no
 * suite with finite-field Diffie-Hellman, and X25519MLKEM768 first among the groups of each profile. */
#define SAAS_WEB_PROFILE "5.8"
#define SAAS_WEB_PROFILE_DATE "2026-05-03" /* of its release */
#define SAAS_WEB_PROFILE_DAYS 366 /* that a certificate is valid at most */

#define SAAS_WEB_GROUP_HYBRID 0x11ec /* X25519MLKEM768 */

#define SAAS_WEB_HELLO_MAX 1024
#define SAAS_WEB_HELLO_RANDOM 96

/* Writes a whole record into buf (SAAS_WEB_HELLO_MAX bytes) and returns its
 * length. sni is a host name, or NULL for an IP address. random are 96 random
 * bytes. without masks weak families out of a WEAK hello; 0 is returned when
 * no suite is left to offer. */
apr_size_t saas_web_hello_write(unsigned char *buf, saas_web_hello_e kind, const char *sni, const unsigned char *random,
                                unsigned without);

/* Reads all that has arrived. Returns non-zero when *out is final, zero when
 * more bytes are needed. scratch holds at least len bytes. With want_dh it
 * reads on to the ServerKeyExchange. */
int saas_web_hello_read(const unsigned char *buf, apr_size_t len, unsigned char *scratch, int want_dh,
                        saas_web_answer_t *out);

/* The weak families that a suite belongs to, 0 for none. */
unsigned saas_web_suite_families(int suite);

/* The IANA name without "TLS_", or its number in hex (from p). */
const char *saas_web_suite_name(apr_pool_t *p, int suite);

#endif
