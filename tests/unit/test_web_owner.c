/* What is asked of owners' hosts only: the proof, lists of directories, and the gate before active checks. */

#include "unit.h"

#include "web_guard.h"

#include "plugins/engines/web/checks.h"
#include "plugins/engines/web/owner.h"

#define TOKEN "mod-saas-0123456789"

START_TEST(proof)
{
    static const struct {
        const char *body;
        int shown;
    } cases[] = {
        { TOKEN, 1 },
        { TOKEN "\n", 1 },
        { TOKEN "\r\n", 1 },
        { TOKEN " \t\n", 1 },
        { "mod-saas-of-somebody-else\n" TOKEN "\nanother\n", 1 },
        { "# ours\n\n" TOKEN, 1 },
        { "", 0 },
        { "\n\n", 0 },
        { TOKEN "9", 0 },
        { "x" TOKEN, 0 },
        { " " TOKEN, 0 },
        { "mod-saas-012345678", 0 },
        { "<html>" TOKEN "</html>", 0 },
        { "/.well-known/mod-saas.txt?" TOKEN, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(saas_web_proof_shown(cases[i].body, strlen(cases[i].body), TOKEN) == cases[i].shown, "%s", cases[i].body);
        ck_assert(!saas_web_proof_shown(cases[i].body, strlen(cases[i].body), ""));
    }
    ck_assert(!saas_web_proof_shown(TOKEN, strlen(TOKEN) - 1, TOKEN));
}
END_TEST

START_TEST(source_maps)
{
    static const struct {
        const char *body, *where;
    } scripts[] = {
        { "var a;\n//# sourceMappingURL=a.js.map\n", "a.js.map" },
        { "//# sourceMappingURL=old.map\nvar a;\n//# sourceMappingURL=new.map", "new.map" },
        { "//@ sourceMappingURL=legacy.map\n", NULL },
        { "/*# sourceMappingURL=a.css.map */", "a.css.map" },
        { "//# sourceMappingURL=data:application/json;base64,e30=", "data:application/json;base64,e30=" },
        { "//# sourceMappingURL=\n", NULL },
        { "var a;", NULL },
        { "", NULL },
    };
    static const struct {
        const char *body;
        int is_map;
    } bodies[] = {
        { "{\"version\":3,\"sources\":[\"a.ts\"],\"mappings\":\"AAAA\"}", 1 },
        { ")]}'\n{\"version\":3,\"mappings\":\"\"}", 1 },
        { " \r\n{ \"mappings\" : \"\", \"version\" : 3 }", 1 },
        { "{\"version\":3,\"sections\":[]}", 1 },
        { "{\"version\":3}", 0 },
        { "{\"mappings\":\"\"}", 0 },
        { "<html>\"version\" \"mappings\"</html>", 0 },
        { ")]}'", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        const char *where = saas_web_map_of(unit_pool, scripts[i].body, strlen(scripts[i].body));

        ck_assert_msg(where ? scripts[i].where && strcmp(where, scripts[i].where) == 0 : !scripts[i].where, "%s: %s", scripts[i].body, where ? where : "-");
    }
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        ck_assert_msg(saas_web_is_map(bodies[i].body, strlen(bodies[i].body)) == bodies[i].is_map, "%s", bodies[i].body);
    }
}
END_TEST

START_TEST(references)
{
    static const struct {
        const char *base, *reference, *url;
    } cases[] = {
        { "https://example.com/a/b?c", "d.js", "https://example.com/a/d.js" },
        { "https://example.com/a/b", "/d.js?v=1", "https://example.com/d.js?v=1" },
        { "https://example.com/a/b", "../d.js", "https://example.com/d.js" },
        { "https://example.com/a/b", "//cdn.example.com/d.js", "https://cdn.example.com/d.js" },
        { "https://example.com/", "http://example.com/d.js", "http://example.com/d.js" },
        { "https://example.com/", "javascript:alert(1)", NULL },
        { "https://example.com/", "https://10.0.0.1/d.js", NULL },
        { "https://example.com/", "https://user@example.com/d.js", NULL },
        { "https://example.com/", "ftp://example.com/d.js", NULL },
    };
    const saas_web_guard_t *g = web_guard(NULL);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const saas_web_target_t *t = saas_web_target_reference(unit_pool, g, cases[i].base, cases[i].reference);

        ck_assert_msg(t ? cases[i].url && strcmp(t->url, cases[i].url) == 0 : !cases[i].url, "%s: %s", cases[i].reference, t ? t->url : "-");
    }
}
END_TEST

START_TEST(listing)
{
    static const char *const lists[] = {
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n  <title>Index of /js</title>",
        "<html>\r\n<head><title>Index of /js/</title></head>",
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<title>Directory listing for /js/</title>",
        "<html><head><title>www - /js/</title></head><body><H1>www - /js/</H1><hr><pre><A HREF=\"/\">[To Parent Directory]</A>",
    };
    static const char *const others[] = { "", "<title>Not found</title>", "<p>An index of /js is not shown", "index of /" };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        ck_assert_msg(saas_web_is_listing(lists[i], strlen(lists[i])), "%s", lists[i]);
        ck_assert(!saas_web_is_listing(lists[i], 12));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_msg(!saas_web_is_listing(others[i], strlen(others[i])), "%s", others[i]);
    }
}
END_TEST

/* Of lists of directories; whatever else waits for a proof is MANUAL without one, too. */
static saas_web_verdict_t judge(saas_web_evidence_t *e)
{
    saas_web_verdict_t v = { 0 }, lists = { 0 };

    for (int i = 0; i < saas_web_check_count; i++) {
        if (saas_web_checks[i].needs == SAAS_WEB_NEEDS_OWNER) {
            saas_web_check(unit_pool, &saas_web_checks[i], e, &v);
            ck_assert(e->owned || v.status == SAAS_WEB_MANUAL);
            lists = strcmp(saas_web_checks[i].name, "directory_listing_disabled") == 0 ? v : lists;
        }
    }
    return lists;
}

START_TEST(gate)
{
    saas_web_target_t target = { .url = "http://a.example/", .origin = "http://a.example", .host = "a.example", .path = "/", .port = 80 };
    saas_web_hop_t hop = { .at = &target, .status = 200 };
    saas_web_reply_t reply = { .how = SAAS_WEB_FETCH_OK };
    saas_web_evidence_t e = { .target = &target, .http = &reply, .https = &reply, .main = &reply, .directories = SAAS_WEB_DIRECTORIES };
    saas_web_verdict_t v;

    reply.hops = apr_array_make(unit_pool, 1, sizeof(saas_web_hop_t *));
    hop.headers = apr_array_make(unit_pool, 1, sizeof(saas_web_header_t));
    APR_ARRAY_PUSH(reply.hops, saas_web_hop_t *) = &hop;
    v = judge(&e);
    ck_assert_int_eq(v.status, SAAS_WEB_MANUAL);
    ck_assert_ptr_nonnull(strstr(v.comment, "a.example is not among the organization's hosts"));
    e.claimed = 1;
    v = judge(&e);
    ck_assert_int_eq(v.status, SAAS_WEB_MANUAL);
    ck_assert_ptr_nonnull(strstr(v.comment, "neither http://a.example/.well-known/mod-saas.txt nor a TXT record of _mod-saas.a.example shows"));
    e.owned = 1;
    ck_assert_int_eq(judge(&e).status, SAAS_WEB_PASS);
    e.directories--;
    ck_assert_int_eq(judge(&e).status, SAAS_WEB_MANUAL);
    e.listings = apr_array_make(unit_pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(e.listings, const char *) = "/js/";
    v = judge(&e);
    ck_assert_int_eq(v.status, SAAS_WEB_FAIL);
    ck_assert_ptr_nonnull(strstr(v.comment, "/js/"));
}
END_TEST

Suite *suite_web_owner(void);
Suite *suite_web_owner(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_owner", 10, &tc);

    tcase_add_test(tc, proof);
    tcase_add_test(tc, source_maps);
    tcase_add_test(tc, references);
    tcase_add_test(tc, listing);
    tcase_add_test(tc, gate);
    return s;
}
