/* The address guard: who may be connected to. */

#include "unit.h"

#include "core/guard.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

static socklen_t parse(const char *text, int port, struct sockaddr_storage *ss)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

    memset(ss, 0, sizeof(*ss));
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((unsigned short)port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((unsigned short)port);
        return sizeof(*in6);
    }
    return 0;
}

static saas_guard_e ask(const saas_guard_t *g, const char *ip, int port)
{
    struct sockaddr_storage ss;

    ck_assert_msg(parse(ip, port, &ss) != 0, "%s is no address", ip);
    return saas_guard_ask(g, (struct sockaddr *)&ss);
}

START_TEST(refused)
{
    static const char *const ips[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001:db8:ffff::1",
        "2001:1::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff::1",
        "3fff::1",
        "3fff:fff::1",
        "100::1",
        "5f00::1",
        "4000::1",
        "64:ff9b:1::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "2002:c0a8:101::1",
        "2002:a9fe:a9fe::1",
        /* Teredo: a private server, then a private client (inverted). */
        "2001:0:a00:1::f7f7:f7f7",
        "2001:0:808:808::80ff:fffe",
        "2001:0:808:808::f5ff:fffe",
    };
    saas_guard_t *g = saas_guard_create(unit_pool);

    for (size_t i = 0; i < sizeof(ips) / sizeof(ips[0]); i++) {
        ck_assert_msg(ask(g, ips[i], 443) == SAAS_GUARD_REFUSED_ADDRESS, "%s was not refused", ips[i]);
    }
}
END_TEST

START_TEST(admitted)
{
    static const char *const ips[] = {
        "1.1.1.1",          "8.8.8.8",         "9.255.255.255",
        "11.0.0.0",         "100.63.255.255",  "100.128.0.0",
        "126.255.255.255",  "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",      "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",        "192.0.3.0",       "192.167.255.255",
        "192.169.0.0",      "198.17.255.255",  "198.20.0.0",
        "223.255.255.255",  "2606:4700::1111", "2001:4860:4860::8888",
        "2001:200::1",      "2001:db7::1",     "2001:db9::1",
        "2a00::1",          "3ffe::1",         "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808::f7f7:f7f7",
    };
    saas_guard_t *g = saas_guard_create(unit_pool);

    for (size_t i = 0; i < sizeof(ips) / sizeof(ips[0]); i++) {
        ck_assert_msg(ask(g, ips[i], 443) == SAAS_GUARD_ADMITTED, "%s was refused", ips[i]);
    }
}
END_TEST

START_TEST(ports)
{
    static const int open[] = { 80, 443, 8080, 8443 };
    static const int closed[] = { 0, 1, 22, 25, 79, 81, 442, 444, 5432, 6379, 8000, 8081, 65535 };
    saas_guard_t *g = saas_guard_create(unit_pool);

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        ck_assert_int_eq(ask(g, "8.8.8.8", open[i]), SAAS_GUARD_ADMITTED);
        ck_assert(saas_guard_port(g, open[i]));
    }
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        ck_assert_int_eq(ask(g, "8.8.8.8", closed[i]), SAAS_GUARD_REFUSED_PORT);
        ck_assert_int_eq(ask(g, "10.0.0.1", closed[i]), SAAS_GUARD_REFUSED_ADDRESS);
        ck_assert(!saas_guard_port(g, closed[i]));
    }
}
END_TEST

/* A port that is opened is open to what is routable, of this guard and of those made of it. */
START_TEST(opened_ports)
{
    static const char *const bad[] = { "", "0", "65536", "-1", "+1", " 1", "1 ", "8x", "0x50", "80,443", "99999999999999999999" };
    saas_guard_t *g = saas_guard_create(unit_pool), *here;

    ck_assert_str_eq(saas_guard_ports(unit_pool, g), "80, 443, 8080 or 8443");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_guard_open(g, unit_pool, bad[i]) != NULL, "\"%s\" was accepted", bad[i]);
    }
    ck_assert_ptr_null(saas_guard_open(g, unit_pool, "9443"));
    ck_assert_ptr_null(saas_guard_open(g, unit_pool, "65535"));
    ck_assert_ptr_null(saas_guard_open(g, unit_pool, "443"));
    ck_assert_str_eq(saas_guard_ports(unit_pool, g), "80, 443, 8080, 8443, 9443 or 65535");
    here = saas_guard_here(unit_pool, g);
    ck_assert_int_eq(ask(here, "1.1.1.1", 9443), SAAS_GUARD_ADMITTED);
    ck_assert_int_eq(ask(here, "1.1.1.1", 80), SAAS_GUARD_ADMITTED);
    ck_assert_int_eq(ask(here, "1.1.1.1", 9444), SAAS_GUARD_REFUSED_PORT);
    ck_assert_int_eq(ask(here, "10.0.0.1", 9443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert(saas_guard_port(here, 9443));
    ck_assert(!saas_guard_port(here, 9444));
}
END_TEST

START_TEST(other_families)
{
    saas_guard_t *g = saas_guard_create(unit_pool);
    struct sockaddr_storage ss;

    memset(&ss, 0, sizeof(ss));
    ss.ss_family = AF_UNIX;
    ck_assert_int_eq(saas_guard_ask(g, (struct sockaddr *)&ss), SAAS_GUARD_REFUSED_ADDRESS);
    ss.ss_family = AF_UNSPEC;
    ck_assert_int_eq(saas_guard_ask(g, (struct sockaddr *)&ss), SAAS_GUARD_REFUSED_ADDRESS);
}
END_TEST

START_TEST(allow_list)
{
    saas_guard_t *g = saas_guard_create(unit_pool);

    ck_assert(!saas_guard_port(g, 22));
    ck_assert_ptr_null(saas_guard_allow(g, unit_pool, "127.0.0.0/8"));
    ck_assert_ptr_null(saas_guard_allow(g, unit_pool, "10.1.2.3"));
    ck_assert_ptr_null(saas_guard_allow(g, unit_pool, "fd00::/8"));
    ck_assert_ptr_null(saas_guard_allow(g, unit_pool, "172.16.128.0/17"));
    ck_assert(saas_guard_port(g, 22));
    ck_assert_int_eq(ask(g, "127.9.8.7", 12345), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "::ffff:127.9.8.7", 1), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "10.1.2.3", 22), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "10.1.2.4", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "fd12::1", 22), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "fc12::1", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "172.16.128.0", 1), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "172.16.127.255", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "::1", 443), SAAS_GUARD_REFUSED_ADDRESS);
    /* A tunnel to an allowed address ends somewhere else. */
    ck_assert_int_eq(ask(g, "64:ff9b::127.0.0.1", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "2002:7f00:1::1", 443), SAAS_GUARD_REFUSED_ADDRESS);
}
END_TEST

START_TEST(bad_ranges)
{
    static const char *const ranges[] = {
        "",
        "/",
        "/8",
        "localhost",
        "127.0.0.0/",
        "127.0.0.0/33",
        "127.0.0.0/-1",
        "127.0.0.0/8x",
        "127.0.0.0/ 8",
        "127.0.0.1/8",
        "127.1",
        "127.0.0.0/8/8",
        "::1/129",
        "fd00::1/8",
        "::ffff:127.0.0.1",
        "::ffff:127.0.0.0/104",
        "0x7f.0.0.1",
        "127.0.0.0/+8",
        "[::1]",
        "127.0.0.0/99999999999999999999",
    };
    saas_guard_t *g = saas_guard_create(unit_pool);

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        ck_assert_msg(saas_guard_allow(g, unit_pool, ranges[i]) != NULL, "\"%s\" was accepted", ranges[i]);
    }
    ck_assert(!saas_guard_port(g, 22));
}
END_TEST

START_TEST(own_addresses)
{
    saas_guard_t *g = saas_guard_create(unit_pool);
    saas_guard_t *lab = saas_guard_create(unit_pool);
    struct sockaddr_storage ss;

    parse("8.8.8.8", 0, &ss);
    saas_guard_own(g, (struct sockaddr *)&ss);
    ck_assert_int_eq(ask(g, "8.8.8.8", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "::ffff:8.8.8.8", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "8.8.4.4", 443), SAAS_GUARD_ADMITTED);

    /* By way of a translator or a relay: NAT64, 6to4, as a Teredo server, as a Teredo client. */
    ck_assert_int_eq(ask(g, "64:ff9b::8.8.8.8", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "64:ff9b::8.8.4.4", 443), SAAS_GUARD_ADMITTED);
    ck_assert_int_eq(ask(g, "2002:808:808::1", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "2002:808:404::1", 443), SAAS_GUARD_ADMITTED);
    ck_assert_int_eq(ask(g, "2001:0:808:808::f7f7:fbfb", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "2001:0:808:404::f7f7:f7f7", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "2001:0:808:404::f7f7:fbfb", 443), SAAS_GUARD_ADMITTED);

    ck_assert_ptr_null(saas_guard_allow(lab, unit_pool, "8.8.8.8"));
    saas_guard_own(lab, (struct sockaddr *)&ss);
    ck_assert_int_eq(ask(lab, "8.8.8.8", 443), SAAS_GUARD_LISTED);
    ck_assert(!saas_guard_port(g, 22));
}
END_TEST

/* Whatever address this machine has, a guard that was made here refuses it; the one it was made of stays as it was. */
START_TEST(here)
{
    saas_guard_t *base = saas_guard_create(unit_pool), *g;
    struct sockaddr_storage ss;
    struct ifaddrs *list, *i;
    int n = 0;

    parse("8.8.8.8", 0, &ss);
    saas_guard_own(base, (struct sockaddr *)&ss);
    ck_assert_ptr_null(saas_guard_allow(base, unit_pool, "10.9.0.0/16"));
    g = saas_guard_here(unit_pool, base);
    ck_assert_int_eq(ask(g, "8.8.8.8", 443), SAAS_GUARD_REFUSED_ADDRESS);
    ck_assert_int_eq(ask(g, "10.9.8.7", 443), SAAS_GUARD_LISTED);
    ck_assert_int_eq(ask(g, "8.8.4.4", 443), SAAS_GUARD_ADMITTED);
    ck_assert_int_eq(getifaddrs(&list), 0);
    for (i = list; i; i = i->ifa_next) {
        if (i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6)) {
            ck_assert_int_eq(saas_guard_ask(g, i->ifa_addr), SAAS_GUARD_REFUSED_ADDRESS);
            n++;
        }
    }
    freeifaddrs(list);
    ck_assert_int_gt(n, 0);
}
END_TEST

/* The special ranges once more, bit by bit and by another way of counting. */
START_TEST(every_first_octet)
{
    saas_guard_t *g = saas_guard_create(unit_pool);
    uint64_t seed = 7;

    for (int round = 0; round < 20000; round++) {
        uint32_t ip = (uint32_t)unit_random(&seed);
        unsigned a = ip >> 24, b = ip >> 16 & 255, c = ip >> 8 & 255;
        int special = a == 0 || a == 10 || a == 127 || a >= 224 || (a == 100 && b >= 64 && b < 128)
                      || (a == 169 && b == 254) || (a == 172 && b >= 16 && b < 32)
                      || (a == 192 && b == 0 && (c == 0 || c == 2)) || (a == 192 && b == 88 && c == 99)
                      || (a == 192 && b == 168) || (a == 198 && (b == 18 || b == 19))
                      || (a == 198 && b == 51 && c == 100) || (a == 203 && b == 0 && c == 113);
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };

        in.sin_addr.s_addr = htonl(ip);
        ck_assert_int_eq(saas_guard_ask(g, (struct sockaddr *)&in),
                         special ? SAAS_GUARD_REFUSED_ADDRESS : SAAS_GUARD_ADMITTED);
    }
}
END_TEST

Suite *suite_guard(void);
Suite *suite_guard(void)
{
    TCase *tc;
    Suite *s = unit_suite("guard", 10, &tc);

    tcase_add_test(tc, refused);
    tcase_add_test(tc, admitted);
    tcase_add_test(tc, ports);
    tcase_add_test(tc, opened_ports);
    tcase_add_test(tc, other_families);
    tcase_add_test(tc, allow_list);
    tcase_add_test(tc, bad_ranges);
    tcase_add_test(tc, own_addresses);
    tcase_add_test(tc, here);
    tcase_add_test(tc, every_first_octet);
    return s;
}
