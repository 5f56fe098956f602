/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See guard.h. The ranges are those of the IANA special-purpose registries
 * (RFC 6890 and its updates); for IPv6 only 2000::/3 is routed globally, so
 * everything outside it is refused without being named. Addresses that carry
 * an IPv4 address inside are judged by what they carry. This file must never
 * resolve a name or connect to anything.
 */
#include "guard.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int bits; /* 32 or 128 */
    unsigned char b[16];
} ip_t;

typedef struct {
    ip_t net;
    int prefix;
} cidr_t;

struct saas_guard_t {
    apr_array_header_t *allow; /* cidr_t */
    apr_array_header_t *own;   /* ip_t */
    apr_array_header_t *ports; /* int */
};

static const struct {
    unsigned char net[4];
    int prefix;
} special4[] = {
    { { 0, 0, 0, 0 }, 8 },       /* this network */
    { { 10, 0, 0, 0 }, 8 },      /* private */
    { { 100, 64, 0, 0 }, 10 },   /* carrier NAT */
    { { 127, 0, 0, 0 }, 8 },     /* loopback */
    { { 169, 254, 0, 0 }, 16 },  /* link local, cloud metadata */
    { { 172, 16, 0, 0 }, 12 },   /* private */
    { { 192, 0, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2, 0 }, 24 },    /* documentation */
    { { 192, 88, 99, 0 }, 24 },  /* 6to4 relays, deprecated */
    { { 192, 168, 0, 0 }, 16 },  /* private */
    { { 198, 18, 0, 0 }, 15 },   /* benchmarking */
    { { 198, 51, 100, 0 }, 24 }, /* documentation */
    { { 203, 0, 113, 0 }, 24 },  /* documentation */
    { { 224, 0, 0, 0 }, 4 },     /* multicast */
    { { 240, 0, 0, 0 }, 4 },     /* reserved, broadcast */
};

/* Inside 2000::/3 and still not to be reached. */
static const struct {
    unsigned char net[4];
    int prefix;
} special6[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* protocol assignments, ORCHID, benchmarking */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x3f, 0xff, 0x00, 0x00 }, 20 }, /* documentation */
};

static const int web_ports[] = { 80, 443, 8080, 8443 };

static int is_open(const saas_guard_t *g, int port)
{
    for (int i = 0; i < g->ports->nelts; i++) {
        if (APR_ARRAY_IDX(g->ports, i, int) == port) {
            return 1;
        }
    }
    return 0;
}

static int same_prefix(const unsigned char *a, const unsigned char *b, int bits)
{
    int bytes = bits / 8;
    int rest = bits % 8;

    if (memcmp(a, b, bytes) != 0) {
        return 0;
    }
    return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

static int is_global4(const unsigned char *b)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++) {
        if (same_prefix(b, special4[i].net, special4[i].prefix)) {
            return 0;
        }
    }
    return 1;
}

/* The IPv4 addresses that packets to an IPv6 one go to on their way: none to two. */
static int carried(const unsigned char *b, ip_t out[2])
{
    static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const unsigned char teredo[4] = { 0x20, 0x01, 0x00, 0x00 };
    static const unsigned char six_to_four[2] = { 0x20, 0x02 };

    memset(out, 0, sizeof(ip_t) * 2);
    out[0].bits = out[1].bits = 32;
    if (memcmp(b, nat64, sizeof(nat64)) == 0) {
        memcpy(out[0].b, b + 12, 4);
        return 1;
    }
    if (memcmp(b, six_to_four, sizeof(six_to_four)) == 0) {
        memcpy(out[0].b, b + 2, 4);
        return 1;
    }
    if (memcmp(b, teredo, sizeof(teredo)) == 0) {
        memcpy(out[0].b, b + 4, 4);
        for (int i = 0; i < 4; i++) {
            out[1].b[i] = b[12 + i] ^ 0xff; /* stored inverted, RFC 4380 */
        }
        return 2;
    }
    return 0;
}

static int is_global6(const unsigned char *b)
{
    ip_t inside[2];
    int n = carried(b, inside);

    if (n > 0) {
        return is_global4(inside[0].b) && (n == 1 || is_global4(inside[1].b));
    }
    if ((b[0] & 0xe0) != 0x20) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++) {
        if (same_prefix(b, special6[i].net, special6[i].prefix)) {
            return 0;
        }
    }
    return 1;
}

/* An IPv4-mapped address is the IPv4 address: the kernel connects to that. */
static void normalize(ip_t *ip)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (ip->bits == 128 && memcmp(ip->b, mapped, sizeof(mapped)) == 0) {
        memmove(ip->b, ip->b + 12, 4);
        memset(ip->b + 4, 0, 12);
        ip->bits = 32;
    }
}

static int from_sockaddr(const struct sockaddr *sa, ip_t *ip, int *port)
{
    memset(ip, 0, sizeof(*ip));
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        ip->bits = 32;
        memcpy(ip->b, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return 1;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        ip->bits = 128;
        memcpy(ip->b, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
        normalize(ip);
        return 1;
    }
    return 0;
}

static int is_listed(const saas_guard_t *g, const ip_t *ip)
{
    for (int i = 0; i < g->allow->nelts; i++) {
        const cidr_t *c = &APR_ARRAY_IDX(g->allow, i, cidr_t);

        if (c->net.bits == ip->bits && same_prefix(c->net.b, ip->b, c->prefix)) {
            return 1;
        }
    }
    return 0;
}

static int is_own(const saas_guard_t *g, const ip_t *ip)
{
    for (int i = 0; i < g->own->nelts; i++) {
        const ip_t *o = &APR_ARRAY_IDX(g->own, i, ip_t);

        if (o->bits == ip->bits && memcmp(o->b, ip->b, ip->bits / 8) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Also by way of a translator or relay, which would bring the packets back here. */
static int leads_home(const saas_guard_t *g, const ip_t *ip)
{
    ip_t inside[2];
    int n = ip->bits == 128 ? carried(ip->b, inside) : 0;

    return is_own(g, ip) || (n > 0 && is_own(g, &inside[0])) || (n > 1 && is_own(g, &inside[1]));
}

saas_guard_t *saas_guard_create(apr_pool_t *p)
{
    saas_guard_t *g = apr_palloc(p, sizeof(*g));

    g->allow = apr_array_make(p, 4, sizeof(cidr_t));
    g->own = apr_array_make(p, 4, sizeof(ip_t));
    g->ports = apr_array_make(p, 4, sizeof(int));
    for (size_t i = 0; i < sizeof(web_ports) / sizeof(web_ports[0]); i++) {
        APR_ARRAY_PUSH(g->ports, int) = web_ports[i];
    }
    return g;
}

/* What listens on this machine's own addresses trusts its neighbours. */
saas_guard_t *saas_guard_here(apr_pool_t *p, const saas_guard_t *base)
{
    saas_guard_t *g = apr_palloc(p, sizeof(*g));
    struct ifaddrs *list = NULL;

    g->allow = apr_array_copy(p, base->allow);
    g->own = apr_array_copy(p, base->own);
    g->ports = base->ports;
    if (getifaddrs(&list) == 0) {
        for (struct ifaddrs *i = list; i; i = i->ifa_next) {
            if (i->ifa_addr) {
                saas_guard_own(g, i->ifa_addr);
            }
        }
        freeifaddrs(list);
    }
    return g;
}

const char *saas_guard_allow(saas_guard_t *g, apr_pool_t *p, const char *cidr)
{
    const char *slash = strchr(cidr, '/');
    const char *host = slash ? apr_pstrmemdup(p, cidr, slash - cidr) : cidr;
    cidr_t c;

    memset(&c, 0, sizeof(c));
    if (inet_pton(AF_INET, host, c.net.b) == 1) {
        c.net.bits = 32;
    }
    else if (inet_pton(AF_INET6, host, c.net.b) == 1) {
        ip_t plain;

        c.net.bits = 128;
        plain = c.net;
        normalize(&plain);
        if (plain.bits != 128) {
            return apr_psprintf(p, "\"%s\": write an IPv4-mapped range as IPv4", cidr);
        }
    }
    else {
        return apr_psprintf(p, "\"%s\" is not an IP address or CIDR range", cidr);
    }

    c.prefix = c.net.bits;
    if (slash) {
        char *end;
        long n;

        if (slash[1] < '0' || slash[1] > '9') {
            return apr_psprintf(p, "\"%s\" has no prefix length after the slash", cidr);
        }
        n = strtol(slash + 1, &end, 10);
        if (*end != '\0' || n > c.net.bits) {
            return apr_psprintf(p, "\"%s\": the prefix length must be 0 to %d", cidr, c.net.bits);
        }
        c.prefix = (int)n;
    }
    for (int bit = c.prefix; bit < c.net.bits; bit++) {
        if (c.net.b[bit / 8] & (0x80 >> (bit % 8))) {
            return apr_psprintf(p, "\"%s\" has bits set to the right of its prefix length", cidr);
        }
    }
    APR_ARRAY_PUSH(g->allow, cidr_t) = c;
    return NULL;
}

const char *saas_guard_open(saas_guard_t *g, apr_pool_t *p, const char *port)
{
    size_t digits = strspn(port, "0123456789");
    long number = digits > 0 && digits <= 5 && !port[digits] ? strtol(port, NULL, 10) : 0;

    if (number < 1 || number > 65535) {
        return apr_psprintf(p, "\"%s\" is no port, 1 to 65535", port);
    }
    if (!is_open(g, (int)number)) {
        APR_ARRAY_PUSH(g->ports, int) = (int)number;
    }
    return NULL;
}

const char *saas_guard_ports(apr_pool_t *p, const saas_guard_t *g)
{
    const char *text = "";

    for (int i = 0; i < g->ports->nelts; i++) {
        text = apr_psprintf(p, "%s%s%d", text, i == 0 ? "" : i < g->ports->nelts - 1 ? ", " : " or ",
                            APR_ARRAY_IDX(g->ports, i, int));
    }
    return text;
}

void saas_guard_own(saas_guard_t *g, const struct sockaddr *sa)
{
    ip_t ip;
    int port;

    if (from_sockaddr(sa, &ip, &port)) {
        APR_ARRAY_PUSH(g->own, ip_t) = ip;
    }
}

saas_guard_e saas_guard_ask(const saas_guard_t *g, const struct sockaddr *sa)
{
    ip_t ip;
    int port;

    if (!from_sockaddr(sa, &ip, &port)) {
        return SAAS_GUARD_REFUSED_ADDRESS;
    }
    if (is_listed(g, &ip)) {
        return SAAS_GUARD_LISTED;
    }
    if (!(ip.bits == 32 ? is_global4(ip.b) : is_global6(ip.b)) || leads_home(g, &ip)) {
        return SAAS_GUARD_REFUSED_ADDRESS;
    }
    return is_open(g, port) ? SAAS_GUARD_ADMITTED : SAAS_GUARD_REFUSED_PORT;
}

int saas_guard_port(const saas_guard_t *g, int port)
{
    return g->allow->nelts > 0 || is_open(g, port);
}
