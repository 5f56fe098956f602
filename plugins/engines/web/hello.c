/* See hello.h. Formats: RFC 5246 and 8446 (messages), RFC 6066 (server name),
 * RFC 5746 (renegotiation), RFC 6101 (SSL 3.0). The reader works on hostile
 * bytes: every length is checked against what has arrived before it is used.
 */
#include "hello.h"

#include <apr_strings.h>
#include <string.h>

/* Short names for the table below; the first five are public. */
enum {
    NULL_ = SAAS_WEB_SUITE_NULL,
    ANON = SAAS_WEB_SUITE_ANON,
    EXPORT = SAAS_WEB_SUITE_EXPORT,
    RC4 = SAAS_WEB_SUITE_RC4,
    DES = SAAS_WEB_SUITE_DES,
    STATIC = 0x20, /* the certificate's own key, by RSA, DH or ECDH: no forward secrecy */
    DHE = 0x40,
    TLS12 = 0x80,   /* not defined for earlier versions */
    PROFILE = 0x100 /* of Mozilla's profile Intermediate, see SAAS_WEB_PROFILE */
};

static const struct {
    unsigned short id;
    unsigned short flags;
    const char *name;
} suites[] = {
    { 0x0001, NULL_ | STATIC, "RSA_WITH_NULL_MD5" },
    { 0x0002, NULL_ | STATIC, "RSA_WITH_NULL_SHA" },
    { 0x0003, EXPORT | RC4 | STATIC, "RSA_EXPORT_WITH_RC4_40_MD5" },
    { 0x0004, RC4 | STATIC, "RSA_WITH_RC4_128_MD5" },
    { 0x0005, RC4 | STATIC, "RSA_WITH_RC4_128_SHA" },
    { 0x0006, EXPORT | STATIC, "RSA_EXPORT_WITH_RC2_CBC_40_MD5" },
    { 0x0007, STATIC, "RSA_WITH_IDEA_CBC_SHA" },
    { 0x0008, EXPORT | DES | STATIC, "RSA_EXPORT_WITH_DES40_CBC_SHA" },
    { 0x0009, DES | STATIC, "RSA_WITH_DES_CBC_SHA" },
    { 0x000a, DES | STATIC, "RSA_WITH_3DES_EDE_CBC_SHA" },
    { 0x000d, DES | STATIC, "DH_DSS_WITH_3DES_EDE_CBC_SHA" },
    { 0x0010, DES | STATIC, "DH_RSA_WITH_3DES_EDE_CBC_SHA" },
    { 0x0011, EXPORT | DES | DHE, "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA" },
    { 0x0012, DES | DHE, "DHE_DSS_WITH_DES_CBC_SHA" },
    { 0x0013, DES | DHE, "DHE_DSS_WITH_3DES_EDE_CBC_SHA" },
    { 0x0014, EXPORT | DES | DHE, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA" },
    { 0x0015, DES | DHE, "DHE_RSA_WITH_DES_CBC_SHA" },
    { 0x0016, DES | DHE, "DHE_RSA_WITH_3DES_EDE_CBC_SHA" },
    { 0x0017, ANON | EXPORT | RC4, "DH_anon_EXPORT_WITH_RC4_40_MD5" },
    { 0x0018, ANON | RC4, "DH_anon_WITH_RC4_128_MD5" },
    { 0x0019, ANON | EXPORT | DES, "DH_anon_EXPORT_WITH_DES40_CBC_SHA" },
    { 0x001a, ANON | DES, "DH_anon_WITH_DES_CBC_SHA" },
    { 0x001b, ANON | DES, "DH_anon_WITH_3DES_EDE_CBC_SHA" },
    { 0x002f, STATIC, "RSA_WITH_AES_128_CBC_SHA" },
    { 0x0030, STATIC, "DH_DSS_WITH_AES_128_CBC_SHA" },
    { 0x0031, STATIC, "DH_RSA_WITH_AES_128_CBC_SHA" },
    { 0x0032, DHE, "DHE_DSS_WITH_AES_128_CBC_SHA" },
    { 0x0033, DHE, "DHE_RSA_WITH_AES_128_CBC_SHA" },
    { 0x0034, ANON, "DH_anon_WITH_AES_128_CBC_SHA" },
    { 0x0035, STATIC, "RSA_WITH_AES_256_CBC_SHA" },
    { 0x0036, STATIC, "DH_DSS_WITH_AES_256_CBC_SHA" },
    { 0x0037, STATIC, "DH_RSA_WITH_AES_256_CBC_SHA" },
    { 0x0038, DHE, "DHE_DSS_WITH_AES_256_CBC_SHA" },
    { 0x0039, DHE, "DHE_RSA_WITH_AES_256_CBC_SHA" },
    { 0x003a, ANON, "DH_anon_WITH_AES_256_CBC_SHA" },
    { 0x003b, NULL_ | STATIC | TLS12, "RSA_WITH_NULL_SHA256" },
    { 0x003c, STATIC | TLS12, "RSA_WITH_AES_128_CBC_SHA256" },
    { 0x003d, STATIC | TLS12, "RSA_WITH_AES_256_CBC_SHA256" },
    { 0x003f, STATIC | TLS12, "DH_RSA_WITH_AES_128_CBC_SHA256" },
    { 0x0040, DHE | TLS12, "DHE_DSS_WITH_AES_128_CBC_SHA256" },
    { 0x0041, STATIC, "RSA_WITH_CAMELLIA_128_CBC_SHA" },
    { 0x0044, DHE, "DHE_DSS_WITH_CAMELLIA_128_CBC_SHA" },
    { 0x0045, DHE, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA" },
    { 0x0046, ANON, "DH_anon_WITH_CAMELLIA_128_CBC_SHA" },
    { 0x0062, EXPORT | DES | STATIC, "RSA_EXPORT1024_WITH_DES_CBC_SHA" },
    { 0x0064, EXPORT | RC4 | STATIC, "RSA_EXPORT1024_WITH_RC4_56_SHA" },
    { 0x0067, DHE | TLS12, "DHE_RSA_WITH_AES_128_CBC_SHA256" },
    { 0x0069, STATIC | TLS12, "DH_RSA_WITH_AES_256_CBC_SHA256" },
    { 0x006a, DHE | TLS12, "DHE_DSS_WITH_AES_256_CBC_SHA256" },
    { 0x006b, DHE | TLS12, "DHE_RSA_WITH_AES_256_CBC_SHA256" },
    { 0x006c, ANON | TLS12, "DH_anon_WITH_AES_128_CBC_SHA256" },
    { 0x006d, ANON | TLS12, "DH_anon_WITH_AES_256_CBC_SHA256" },
    { 0x0084, STATIC, "RSA_WITH_CAMELLIA_256_CBC_SHA" },
    { 0x0087, DHE, "DHE_DSS_WITH_CAMELLIA_256_CBC_SHA" },
    { 0x0088, DHE, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA" },
    { 0x0089, ANON, "DH_anon_WITH_CAMELLIA_256_CBC_SHA" },
    { 0x0096, STATIC, "RSA_WITH_SEED_CBC_SHA" },
    { 0x0099, DHE, "DHE_DSS_WITH_SEED_CBC_SHA" },
    { 0x009a, DHE, "DHE_RSA_WITH_SEED_CBC_SHA" },
    { 0x009b, ANON, "DH_anon_WITH_SEED_CBC_SHA" },
    { 0x009c, STATIC | TLS12, "RSA_WITH_AES_128_GCM_SHA256" },
    { 0x009d, STATIC | TLS12, "RSA_WITH_AES_256_GCM_SHA384" },
    { 0x009e, DHE | TLS12, "DHE_RSA_WITH_AES_128_GCM_SHA256" },
    { 0x009f, DHE | TLS12, "DHE_RSA_WITH_AES_256_GCM_SHA384" },
    { 0x00a0, STATIC | TLS12, "DH_RSA_WITH_AES_128_GCM_SHA256" },
    { 0x00a1, STATIC | TLS12, "DH_RSA_WITH_AES_256_GCM_SHA384" },
    { 0x00a2, DHE | TLS12, "DHE_DSS_WITH_AES_128_GCM_SHA256" },
    { 0x00a3, DHE | TLS12, "DHE_DSS_WITH_AES_256_GCM_SHA384" },
    { 0x00a6, ANON | TLS12, "DH_anon_WITH_AES_128_GCM_SHA256" },
    { 0x00a7, ANON | TLS12, "DH_anon_WITH_AES_256_GCM_SHA384" },
    { 0x00ba, STATIC | TLS12, "RSA_WITH_CAMELLIA_128_CBC_SHA256" },
    { 0x00be, DHE | TLS12, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" },
    { 0x00bf, ANON | TLS12, "DH_anon_WITH_CAMELLIA_128_CBC_SHA256" },
    { 0x00c0, STATIC | TLS12, "RSA_WITH_CAMELLIA_256_CBC_SHA256" },
    { 0x00c4, DHE | TLS12, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256" },
    { 0x00c5, ANON | TLS12, "DH_anon_WITH_CAMELLIA_256_CBC_SHA256" },
    { 0xc001, NULL_ | STATIC, "ECDH_ECDSA_WITH_NULL_SHA" },
    { 0xc002, RC4 | STATIC, "ECDH_ECDSA_WITH_RC4_128_SHA" },
    { 0xc003, DES | STATIC, "ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA" },
    { 0xc004, STATIC, "ECDH_ECDSA_WITH_AES_128_CBC_SHA" },
    { 0xc005, STATIC, "ECDH_ECDSA_WITH_AES_256_CBC_SHA" },
    { 0xc006, NULL_, "ECDHE_ECDSA_WITH_NULL_SHA" },
    { 0xc007, RC4, "ECDHE_ECDSA_WITH_RC4_128_SHA" },
    { 0xc008, DES, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA" },
    { 0xc009, 0, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA" },
    { 0xc00a, 0, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA" },
    { 0xc00b, NULL_ | STATIC, "ECDH_RSA_WITH_NULL_SHA" },
    { 0xc00c, RC4 | STATIC, "ECDH_RSA_WITH_RC4_128_SHA" },
    { 0xc00d, DES | STATIC, "ECDH_RSA_WITH_3DES_EDE_CBC_SHA" },
    { 0xc00e, STATIC, "ECDH_RSA_WITH_AES_128_CBC_SHA" },
    { 0xc00f, STATIC, "ECDH_RSA_WITH_AES_256_CBC_SHA" },
    { 0xc010, NULL_, "ECDHE_RSA_WITH_NULL_SHA" },
    { 0xc011, RC4, "ECDHE_RSA_WITH_RC4_128_SHA" },
    { 0xc012, DES, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA" },
    { 0xc013, 0, "ECDHE_RSA_WITH_AES_128_CBC_SHA" },
    { 0xc014, 0, "ECDHE_RSA_WITH_AES_256_CBC_SHA" },
    { 0xc015, NULL_ | ANON, "ECDH_anon_WITH_NULL_SHA" },
    { 0xc016, ANON | RC4, "ECDH_anon_WITH_RC4_128_SHA" },
    { 0xc017, ANON | DES, "ECDH_anon_WITH_3DES_EDE_CBC_SHA" },
    { 0xc018, ANON, "ECDH_anon_WITH_AES_128_CBC_SHA" },
    { 0xc019, ANON, "ECDH_anon_WITH_AES_256_CBC_SHA" },
    { 0xc023, TLS12, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256" },
    { 0xc024, TLS12, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384" },
    { 0xc025, STATIC | TLS12, "ECDH_ECDSA_WITH_AES_128_CBC_SHA256" },
    { 0xc026, STATIC | TLS12, "ECDH_ECDSA_WITH_AES_256_CBC_SHA384" },
    { 0xc027, TLS12, "ECDHE_RSA_WITH_AES_128_CBC_SHA256" },
    { 0xc028, TLS12, "ECDHE_RSA_WITH_AES_256_CBC_SHA384" },
    { 0xc029, STATIC | TLS12, "ECDH_RSA_WITH_AES_128_CBC_SHA256" },
    { 0xc02a, STATIC | TLS12, "ECDH_RSA_WITH_AES_256_CBC_SHA384" },
    { 0xc02b, TLS12 | PROFILE, "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
    { 0xc02c, TLS12 | PROFILE, "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
    { 0xc02d, STATIC | TLS12, "ECDH_ECDSA_WITH_AES_128_GCM_SHA256" },
    { 0xc02e, STATIC | TLS12, "ECDH_ECDSA_WITH_AES_256_GCM_SHA384" },
    { 0xc02f, TLS12 | PROFILE, "ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
    { 0xc030, TLS12 | PROFILE, "ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
    { 0xc031, STATIC | TLS12, "ECDH_RSA_WITH_AES_128_GCM_SHA256" },
    { 0xc032, STATIC | TLS12, "ECDH_RSA_WITH_AES_256_GCM_SHA384" },
    { 0xc050, STATIC | TLS12, "RSA_WITH_ARIA_128_GCM_SHA256" },
    { 0xc051, STATIC | TLS12, "RSA_WITH_ARIA_256_GCM_SHA384" },
    { 0xc052, DHE | TLS12, "DHE_RSA_WITH_ARIA_128_GCM_SHA256" },
    { 0xc053, DHE | TLS12, "DHE_RSA_WITH_ARIA_256_GCM_SHA384" },
    { 0xc05a, ANON | TLS12, "DH_anon_WITH_ARIA_128_GCM_SHA256" },
    { 0xc05b, ANON | TLS12, "DH_anon_WITH_ARIA_256_GCM_SHA384" },
    { 0xc05c, TLS12, "ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256" },
    { 0xc05d, TLS12, "ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384" },
    { 0xc060, TLS12, "ECDHE_RSA_WITH_ARIA_128_GCM_SHA256" },
    { 0xc061, TLS12, "ECDHE_RSA_WITH_ARIA_256_GCM_SHA384" },
    { 0xc072, TLS12, "ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256" },
    { 0xc073, TLS12, "ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384" },
    { 0xc076, TLS12, "ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" },
    { 0xc077, TLS12, "ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384" },
    { 0xc07a, STATIC | TLS12, "RSA_WITH_CAMELLIA_128_GCM_SHA256" },
    { 0xc07b, STATIC | TLS12, "RSA_WITH_CAMELLIA_256_GCM_SHA384" },
    { 0xc09c, STATIC | TLS12, "RSA_WITH_AES_128_CCM" },
    { 0xc09d, STATIC | TLS12, "RSA_WITH_AES_256_CCM" },
    { 0xc09e, DHE | TLS12, "DHE_RSA_WITH_AES_128_CCM" },
    { 0xc09f, DHE | TLS12, "DHE_RSA_WITH_AES_256_CCM" },
    { 0xc0a0, STATIC | TLS12, "RSA_WITH_AES_128_CCM_8" },
    { 0xc0a1, STATIC | TLS12, "RSA_WITH_AES_256_CCM_8" },
    { 0xc0a2, DHE | TLS12, "DHE_RSA_WITH_AES_128_CCM_8" },
    { 0xc0a3, DHE | TLS12, "DHE_RSA_WITH_AES_256_CCM_8" },
    { 0xc0ac, TLS12, "ECDHE_ECDSA_WITH_AES_128_CCM" },
    { 0xc0ad, TLS12, "ECDHE_ECDSA_WITH_AES_256_CCM" },
    { 0xc0ae, TLS12, "ECDHE_ECDSA_WITH_AES_128_CCM_8" },
    { 0xc0af, TLS12, "ECDHE_ECDSA_WITH_AES_256_CCM_8" },
    { 0xcca8, TLS12 | PROFILE, "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
    { 0xcca9, TLS12 | PROFILE, "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
    { 0xccaa, DHE | TLS12, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
};

static const unsigned short suites13[] = { 0x1301, 0x1302, 0x1303 };

/* What each hello offers: any of (0 = all but weak ones), none of, version. */
static const struct {
    int version;
    unsigned any;
    unsigned none;
} offers[SAAS_WEB_HELLO_COUNT] = {
    [SAAS_WEB_HELLO_TLS13] = { 0x0304, 0, 0 },
    [SAAS_WEB_HELLO_TLS12] = { 0x0303, 0, NULL_ | ANON | EXPORT },
    [SAAS_WEB_HELLO_TLS11] = { 0x0302, 0, TLS12 },
    [SAAS_WEB_HELLO_TLS10] = { 0x0301, 0, TLS12 },
    [SAAS_WEB_HELLO_SSL30] = { 0x0300, 0, TLS12 },
    [SAAS_WEB_HELLO_STATIC_RSA] = { 0x0303, STATIC, 0 },
    [SAAS_WEB_HELLO_WEAK] = { 0x0303, SAAS_WEB_SUITE_WEAK, 0 },
    [SAAS_WEB_HELLO_DHE] = { 0x0303, DHE, EXPORT },
    [SAAS_WEB_HELLO_HYBRID] = { 0x0304, 0, 0 },
    [SAAS_WEB_HELLO_BEYOND] = { 0x0303, 0, PROFILE | STATIC | DHE | SAAS_WEB_SUITE_WEAK },
};

typedef struct {
    unsigned char *at;
    unsigned char *end;
    int overflow;
} writer_t;

static void put(writer_t *w, const void *bytes, apr_size_t len)
{
    if ((apr_size_t)(w->end - w->at) < len) {
        w->overflow = 1;
        return;
    }
    memcpy(w->at, bytes, len);
    w->at += len;
}

static void put8(writer_t *w, int v)
{
    unsigned char b = (unsigned char)v;

    put(w, &b, 1);
}

static void put16(writer_t *w, int v)
{
    put8(w, v >> 8);
    put8(w, v);
}

/* Leaves room for a length of two bytes and fills it in when the part ends. */
static unsigned char *open16(writer_t *w)
{
    unsigned char *mark = w->at;

    put16(w, 0);
    return mark;
}

static void close16(writer_t *w, unsigned char *mark)
{
    apr_size_t len = w->at - mark - 2;

    if (!w->overflow) {
        mark[0] = (unsigned char)(len >> 8);
        mark[1] = (unsigned char)len;
    }
}

static int put_suites(writer_t *w, saas_web_hello_e kind, unsigned without)
{
    unsigned char *mark = open16(w);
    int n = 0;

    if (offers[kind].version == 0x0304) {
        for (size_t i = 0; i < sizeof(suites13) / sizeof(suites13[0]); i++, n++) {
            put16(w, suites13[i]);
        }
    }
    else {
        for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
            unsigned f = suites[i].flags;

            if ((offers[kind].any && !(f & offers[kind].any)) || (f & offers[kind].none) || (f & without)) {
                continue;
            }
            put16(w, suites[i].id);
            n++;
        }
        if (kind == SAAS_WEB_HELLO_SSL30) {
            put16(w, 0x00ff); /* SSL 3.0 has no extensions: RFC 5746's signalling suite */
        }
    }
    close16(w, mark);
    return n;
}

static void put_server_name(writer_t *w, const char *sni)
{
    unsigned char *ext, *list, *name;

    put16(w, 0x0000);
    ext = open16(w);
    list = open16(w);
    put8(w, 0);
    name = open16(w);
    put(w, sni, strlen(sni));
    close16(w, name);
    close16(w, list);
    close16(w, ext);
}

static void put_extensions(writer_t *w, saas_web_hello_e kind, const char *sni, const unsigned char *key)
{
    static const unsigned char groups[] = { 0x00, 0x0a, 0x00, 0x0a, 0x00, 0x08, 0x00,
                                            0x1d, 0x00, 0x17, 0x00, 0x18, 0x00, 0x19 };
    static const unsigned char formats[] = { 0x00, 0x0b, 0x00, 0x02, 0x01, 0x00 };
    static const unsigned char renegotiation[] = { 0xff, 0x01, 0x00, 0x01, 0x00 };
    static const int algorithms[] = { 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806,
                                      0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0402, 0x0202 };
    static const unsigned char versions[] = { 0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04 };
    static const unsigned char psk_modes[] = { 0x00, 0x2d, 0x00, 0x02, 0x01, 0x01 };
    static const unsigned char share[] = { 0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20 };
    static const unsigned char hybrid[] = {
        0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, SAAS_WEB_GROUP_HYBRID >> 8, SAAS_WEB_GROUP_HYBRID & 0xff
    };
    static const unsigned char no_share[] = { 0x00, 0x33, 0x00, 0x02, 0x00, 0x00 };
    unsigned char *all = open16(w);

    if (sni) {
        put_server_name(w, sni);
    }
    if (kind == SAAS_WEB_HELLO_HYBRID) {
        put(w, hybrid, sizeof(hybrid));
    }
    else {
        put(w, groups, sizeof(groups));
    }
    put(w, formats, sizeof(formats));
    if (offers[kind].version >= 0x0303) {
        unsigned char *ext, *list;

        put16(w, 0x000d);
        ext = open16(w);
        list = open16(w);
        for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
            put16(w, algorithms[i]);
        }
        close16(w, list);
        close16(w, ext);
    }
    if (offers[kind].version == 0x0304) {
        put(w, versions, sizeof(versions));
        put(w, psk_modes, sizeof(psk_modes));
        if (kind == SAAS_WEB_HELLO_HYBRID) {
            put(w, no_share,
                sizeof(no_share)); /* RFC 8446 4.2.8: answered by a HelloRetryRequest that names the group */
        }
        else {
            put(w, share, sizeof(share));
            put(w, key, 32);
        }
    }
    else {
        put(w, renegotiation, sizeof(renegotiation));
    }
    close16(w, all);
}

apr_size_t saas_web_hello_write(unsigned char *buf, saas_web_hello_e kind, const char *sni, const unsigned char *random,
                                unsigned without)
{
    writer_t w = { buf, buf + SAAS_WEB_HELLO_MAX, 0 };
    int version = offers[kind].version;
    int legacy = version > 0x0303 ? 0x0303 : version; /* 1.3 hides behind 1.2, RFC 8446 4.1.2 */
    unsigned char *record, *body;
    int n;

    put8(&w, 22);
    put16(&w, version == 0x0300 ? 0x0300 : 0x0301);
    record = open16(&w);
    put8(&w, 1);
    put8(&w, 0);
    body = open16(&w);
    put16(&w, legacy);
    put(&w, random, 32);
    if (offers[kind].version == 0x0304) {
        put8(&w, 32);
        put(&w, random + 32, 32);
    }
    else {
        put8(&w, 0);
    }
    n = put_suites(&w, kind, without);
    if (offers[kind].version == 0x0304) {
        put16(&w, 0x0100);
    }
    else {
        put8(&w, 2); /* DEFLATE, then none: a server that compresses takes the first */
        put16(&w, 0x0100);
    }
    if (version > 0x0300) {
        put_extensions(&w, kind, sni, random + 64);
    }
    close16(&w, body);
    close16(&w, record);
    return n == 0 || w.overflow ? 0 : (apr_size_t)(w.at - buf);
}

static int get16(const unsigned char *b)
{
    return b[0] << 8 | b[1];
}

/* A ServerHello body. Zero when it is malformed. */
static int read_server_hello(const unsigned char *b, apr_size_t len, saas_web_answer_t *out)
{
    apr_size_t at;

    if (len < 35 || len < (at = 35 + (apr_size_t)b[34]) + 3) {
        return 0;
    }
    out->version = get16(b);
    out->suite = get16(b + at);
    out->compression = b[at + 2];
    at += 3;
    if (len - at < 2) {
        return at == len;
    }
    at += 2;
    while (len - at >= 4) {
        int type = get16(b + at);
        apr_size_t size = get16(b + at + 2);

        at += 4;
        if (len - at < size) {
            return 0;
        }
        if (type == 0xff01) {
            out->secure_renegotiation = 1;
        }
        else if (type == 0x0033 && size >= 2) {
            out->group = get16(b + at);
        }
        else if (type == 0x002b && size == 2) {
            out->version = get16(b + at);
        }
        at += size;
    }
    return 1;
}

/* One handshake message. Non-zero when *out is final. */
static int read_message(int type, const unsigned char *b, apr_size_t len, int want_dh, saas_web_answer_t *out)
{
    if (type == 2) {
        out->what = read_server_hello(b, len, out) ? SAAS_WEB_ANSWER_HELLO : SAAS_WEB_ANSWER_NOT_TLS;
        return out->what == SAAS_WEB_ANSWER_NOT_TLS || !want_dh;
    }
    if (out->what != SAAS_WEB_ANSWER_HELLO) {
        out->what = SAAS_WEB_ANSWER_NOT_TLS;
        return 1;
    }
    if (type == 12 && len >= 3) {
        apr_size_t size = get16(b);

        if (len - 2 >= size && size > 0) {
            apr_size_t zeros = 0;
            int bits = 0;

            while (zeros < size && b[2 + zeros] == 0) {
                zeros++;
            }
            if (zeros < size) {
                for (int top = b[2 + zeros]; top; top >>= 1) {
                    bits++;
                }
                bits += (int)(size - zeros - 1) * 8;
            }
            out->dh_bits = bits;
        }
        return 1;
    }
    return type == 14;
}

int saas_web_hello_read(const unsigned char *buf, apr_size_t len, unsigned char *scratch, int want_dh,
                        saas_web_answer_t *out)
{
    apr_size_t have = 0;
    apr_size_t at = 0;
    apr_size_t pos = 0;

    memset(out, 0, sizeof(*out));
    out->alert = -1;
    while (len - at >= 5) {
        int type = buf[at];
        apr_size_t size = get16(buf + at + 3);
        apr_size_t here = len - at - 5 < size ? len - at - 5 : size;

        if (buf[at + 1] != 3 || (type != 21 && type != 22) || size == 0 || size > 16384 + 2048) {
            if (out->what != SAAS_WEB_ANSWER_HELLO) {
                out->what = SAAS_WEB_ANSWER_NOT_TLS;
            }
            return 1;
        }
        at += 5;
        if (type == 21) {
            if (here < 2) {
                return 0;
            }
            /* Level 1 is a warning (unrecognized_name): the ServerHello follows. */
            if (buf[at] != 1 && out->what != SAAS_WEB_ANSWER_HELLO) {
                out->what = SAAS_WEB_ANSWER_ALERT;
                out->alert = buf[at + 1];
            }
            if (buf[at] != 1) {
                return 1;
            }
        }
        else {
            memcpy(scratch + have, buf + at, here);
            have += here;
            while (have - pos >= 4) {
                apr_size_t body = (apr_size_t)scratch[pos + 1] << 16 | get16(scratch + pos + 2);

                if (have - pos - 4 < body) {
                    break;
                }
                if (read_message(scratch[pos], scratch + pos + 4, body, want_dh, out)) {
                    return 1;
                }
                pos += 4 + body;
            }
        }
        if (here < size) {
            return 0;
        }
        at += size;
    }
    /* Something that is plainly no TLS need not be waited for. */
    if (len > 0 && at == 0 && buf[0] != 21 && buf[0] != 22) {
        out->what = SAAS_WEB_ANSWER_NOT_TLS;
        return 1;
    }
    return 0;
}

unsigned saas_web_suite_families(int suite)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].id == suite) {
            return suites[i].flags & SAAS_WEB_SUITE_WEAK;
        }
    }
    return 0;
}

const char *saas_web_suite_name(apr_pool_t *p, int suite)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].id == suite) {
            return suites[i].name;
        }
    }
    return apr_psprintf(p, "cipher suite 0x%04x", suite);
}
