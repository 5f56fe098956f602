/*
 * The client of Stripe's API: form bodies, which answers are tried again, what is made of answers that are not
 * Stripe's, and real calls to a listener of the test's own.
 */

#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugins/billing/stripe.h"

START_TEST(form)
{
    const saas_stripe_pair_t pairs[] = {
        { "mode", "subscription" },
        { "line_items[0][price]", "price_1" },
        { "left_out", NULL },
        { "success_url", "https://x.test/r?session_id={CHECKOUT_SESSION_ID}&a=b c+d" },
        { "name", "Zo\xc3\xab ~-._!'()*" },
        { "metadata[org_id]", "" },
        { NULL, NULL },
    };
    ck_assert_str_eq(saas_stripe_form(unit_pool, pairs),
                     "mode=subscription&line_items[0][price]=price_1"
                     "&success_url=https%3A%2F%2Fx.test%2Fr%3Fsession_id%3D%7BCHECKOUT_SESSION_ID%7D%26a%3Db%20c%2Bd"
                     "&name=Zo%C3%AB%20~-._%21%27%28%29%2A&metadata[org_id]=");
    ck_assert_str_eq(saas_stripe_form(unit_pool, NULL), "");
}
END_TEST

START_TEST(retry_table)
{
    static const struct {
        long status;
        const char *should_retry;
        int again;
    } cases[] = {
        { 0, NULL, 1 },     { 200, NULL, 0 },   { 400, NULL, 0 },     { 401, NULL, 0 },    { 402, NULL, 0 },
        { 403, NULL, 0 },   { 404, NULL, 0 },   { 409, NULL, 1 },     { 429, NULL, 0 },    { 500, NULL, 1 },
        { 503, NULL, 1 },   { 429, "true", 1 }, { 400, "true", 1 },   { 500, "false", 0 }, { 409, "false", 0 },
        { 500, "maybe", 1 }, { 302, NULL, 0 },
    };
    size_t i;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(saas_stripe_is_retryable(cases[i].status, cases[i].should_retry) == cases[i].again, "%ld %s",
                      cases[i].status, cases[i].should_retry ? cases[i].should_retry : "-");
    }
}
END_TEST

START_TEST(backoff)
{
    uint64_t seed = 3;
    int i;
    for (i = 0; i < 1000; i++) {
        unsigned random = (unsigned)unit_random(&seed);
        int first = saas_stripe_backoff_ms(1, random), second = saas_stripe_backoff_ms(2, random);
        int ninth = saas_stripe_backoff_ms(9, random);
        ck_assert_int_eq(first, 500);
        ck_assert(second >= 500 && second <= 1000);
        ck_assert(ninth >= 2500 && ninth <= 5000);
    }
}
END_TEST

static saas_stripe_result_t read_answer(long status, const char *body)
{
    saas_stripe_result_t result = { 0 };
    saas_stripe_read(unit_pool, status, body, strlen(body), &result);
    return result;
}

START_TEST(answers)
{
    saas_stripe_result_t r = read_answer(200, "{\"id\":\"cus_1\"}");
    ck_assert_ptr_nonnull(r.body);
    ck_assert_ptr_null(r.type);
    r = read_answer(400, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\","
                         "\"param\":\"customer\",\"message\":\"No such customer\"}}");
    ck_assert_ptr_null(r.body);
    ck_assert_str_eq(r.type, "invalid_request_error");
    ck_assert_str_eq(r.code, "resource_missing");
    ck_assert_str_eq(r.param, "customer");
    ck_assert_str_eq(r.message, "No such customer");
    static const char *const strange[] = { "", "<html>Bad gateway</html>", "[]", "{}", "{\"error\":\"x\"}",
                                           "{\"error\":{\"type\":7}}", "\"text\"", "{\"cut" };
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        r = read_answer(502, strange[i]);
        ck_assert_str_eq(r.type, "api_error");
        ck_assert_ptr_null(r.body);
        ck_assert_ptr_nonnull(r.message);
    }
    r = read_answer(200, "[]");
    ck_assert_ptr_null(r.body);
    ck_assert_str_eq(r.type, "api_error");
}
END_TEST

START_TEST(digest_key)
{
    const saas_stripe_pair_t one[] = { { "a", "1" }, { NULL, NULL } }, two[] = { { "a", "2" }, { NULL, NULL } };
    char longest[400];
    const char *key = saas_stripe_digest_key(unit_pool, "cs-x", one);
    ck_assert_str_eq(key, saas_stripe_digest_key(unit_pool, "cs-x", one));
    ck_assert_str_ne(key, saas_stripe_digest_key(unit_pool, "cs-x", two));
    ck_assert_str_ne(key, saas_stripe_digest_key(unit_pool, "cs-y", one));
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_uint_le(strlen(saas_stripe_digest_key(unit_pool, longest, one)), 255);
}
END_TEST

/* A listener that gives one scripted answer a connection and keeps the requests. */
typedef struct {
    int fd, port, taken;
    int body_bytes; /* of an endless answer, instead of a script */
    const char *answers[4];
    char requests[4][4096];
    pthread_t thread;
} listener_t;

static void *serve(void *baton)
{
    listener_t *l = baton;
    while (l->taken < 4 && (l->answers[l->taken] || l->body_bytes)) {
        int client = accept(l->fd, NULL, NULL);
        size_t len = 0;
        char *request, *end;
        if (client < 0) {
            break;
        }
        request = l->requests[l->taken];
        for (;;) {
            ssize_t got = read(client, request + len, sizeof(l->requests[0]) - 1 - len);
            if (got <= 0) {
                break;
            }
            len += (size_t)got;
            request[len] = '\0';
            end = strstr(request, "\r\n\r\n");
            if (end) {
                const char *length = strcasestr(request, "\r\nContent-Length: ");
                if (!length || strlen(end + 4) >= (size_t)atoi(length + 18)) {
                    break;
                }
            }
        }
        if (l->body_bytes) {
            static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
            char block[4096];
            int left = l->body_bytes;
            memset(block, ' ', sizeof(block));
            ck_assert_int_gt(write(client, head, sizeof(head) - 1), 0);
            while (left > 0 && send(client, block, sizeof(block), MSG_NOSIGNAL) > 0) {
                left -= (int)sizeof(block);
            }
        } else if (*l->answers[l->taken]) {
            const char *answer = l->answers[l->taken];
            ck_assert_int_gt(write(client, answer, strlen(answer)), 0);
        }
        l->taken++;
        close(client);
    }
    return NULL;
}

static void start(listener_t *l)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(at);
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(l->fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&at, &len), 0);
    ck_assert_int_eq(listen(l->fd, 8), 0);
    l->port = ntohs(at.sin_port);
    ck_assert_int_eq(pthread_create(&l->thread, NULL, serve, l), 0);
}

static void stop(listener_t *l)
{
    shutdown(l->fd, SHUT_RDWR);
    close(l->fd);
    pthread_join(l->thread, NULL);
}

static saas_stripe_result_t post(listener_t *l)
{
    saas_stripe_account_t account = { .base = apr_psprintf(unit_pool, "http://127.0.0.1:%d", l->port),
                                      .key = "sk_test_unit", .version = SAAS_STRIPE_VERSION };
    const saas_stripe_pair_t pairs[] = { { "metadata[org_id]", "a b" }, { NULL, NULL } };
    saas_stripe_result_t result;
    saas_stripe_call(saas_stripe_create(unit_pool, &account), SAAS_STRIPE_POST, "/v1/customers", pairs, "key-1", &result);
    return result;
}

#define CLOSE "Connection: close\r\n"
#define OK_ANSWER "HTTP/1.1 200 OK\r\n" CLOSE "Request-Id: req_ok\r\n\r\n{\"id\":\"cus_1\"}"

START_TEST(call)
{
    listener_t l = { .answers = { OK_ANSWER } };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 200);
    ck_assert_int_eq(r.attempts, 1);
    ck_assert_str_eq(r.request_id, "req_ok");
    ck_assert_str_eq(json_string_value(json_object_get(r.body, "id")), "cus_1");
    ck_assert_ptr_nonnull(strstr(l.requests[0], "POST /v1/customers HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(l.requests[0], "\r\nAuthorization: Bearer sk_test_unit\r\n"));
    ck_assert_ptr_nonnull(strstr(l.requests[0], "\r\nStripe-Version: " SAAS_STRIPE_VERSION "\r\n"));
    ck_assert_ptr_nonnull(strstr(l.requests[0], "\r\nIdempotency-Key: key-1\r\n"));
    ck_assert_ptr_nonnull(strstr(l.requests[0], "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    ck_assert_ptr_nonnull(strstr(l.requests[0], "\r\n\r\nmetadata[org_id]=a%20b"));
}
END_TEST

/* A failure, a dropped connection, then success: the same key each time. */
START_TEST(retries)
{
    listener_t l = { .answers = { "HTTP/1.1 500 Oops\r\n" CLOSE "\r\n<html>", "", OK_ANSWER } };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 200);
    ck_assert_int_eq(r.attempts, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(strstr(l.requests[i], "\r\nIdempotency-Key: key-1\r\n"));
    }
}
END_TEST

START_TEST(gives_up)
{
    static const char failing[] = "HTTP/1.1 503 No\r\n" CLOSE "Request-Id: req_503\r\n\r\n{}";
    listener_t l = { .answers = { failing, failing, failing, failing } };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 503);
    ck_assert_int_eq(r.attempts, SAAS_STRIPE_ATTEMPTS);
    ck_assert_int_eq(l.taken, SAAS_STRIPE_ATTEMPTS);
    ck_assert_str_eq(r.request_id, "req_503");
}
END_TEST

START_TEST(told_not_to_retry)
{
    listener_t l = { .answers = { "HTTP/1.1 500 No\r\n" CLOSE "Stripe-Should-Retry: false\r\n\r\n{}", OK_ANSWER } };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 500);
    ck_assert_int_eq(r.attempts, 1);
}
END_TEST

START_TEST(no_redirects)
{
    listener_t l = { .answers = { "HTTP/1.1 302 Found\r\n" CLOSE "Location: http://127.0.0.1:1/\r\n\r\n", OK_ANSWER } };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 302);
    ck_assert_int_eq(l.taken, 1);
    ck_assert_str_eq(r.type, "api_error");
}
END_TEST

START_TEST(nobody_there)
{
    listener_t l = { .port = 1 };
    saas_stripe_result_t r = post(&l);
    ck_assert_int_eq(r.status, 0);
    ck_assert_int_eq(r.attempts, SAAS_STRIPE_ATTEMPTS);
    ck_assert_str_eq(r.type, "api_connection_error");
}
END_TEST

START_TEST(too_long)
{
    listener_t l = { .body_bytes = 3 * SAAS_STRIPE_BODY_MAX };
    start(&l);
    saas_stripe_result_t r = post(&l);
    stop(&l);
    ck_assert_int_eq(r.status, 0);
    ck_assert_int_eq(r.attempts, 1);
    ck_assert_ptr_null(r.body);
}
END_TEST

Suite *suite_billing_stripe(void)
{
    TCase *tc;
    Suite *suite = unit_suite("billing_stripe", 30, &tc);
    tcase_add_test(tc, form);
    tcase_add_test(tc, retry_table);
    tcase_add_test(tc, backoff);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, digest_key);
    tcase_add_test(tc, call);
    tcase_add_test(tc, retries);
    tcase_add_test(tc, gives_up);
    tcase_add_test(tc, told_not_to_retry);
    tcase_add_test(tc, no_redirects);
    tcase_add_test(tc, nobody_there);
    tcase_add_test(tc, too_long);
    return suite;
}
