/* Whole runs of the web engine against listeners on this machine: what the guard refuses is never connected to, every
 * target has one row for every check in order, a stop is heard. */

#include "unit.h"

#include "web_guard.h"

#include "plugins/engines/web/run.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    int fd, port;
    const char *answer; /* NULL: accept and say nothing */
    volatile int accepted, quit;
    pthread_t thread;
} listener_t;

static void *serve(void *data)
{
    listener_t *l = data;

    while (!l->quit) {
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        char buf[4096];
        int c;

        if (poll(&p, 1, 20) != 1 || (c = accept(l->fd, NULL, NULL)) < 0) {
            continue;
        }
        l->accepted++;
        if (l->answer && recv(c, buf, sizeof(buf), 0) > 0) {
            send(c, l->answer, strlen(l->answer), MSG_NOSIGNAL);
            shutdown(c, SHUT_WR);
            while (recv(c, buf, sizeof(buf), 0) > 0) {
            }
            close(c);
        }
    }
    return NULL;
}

static void start(listener_t *l, const char *ip, const char *answer)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof(in);

    memset(l, 0, sizeof(*l));
    l->answer = answer;
    ck_assert_int_eq(inet_pton(AF_INET, ip, &in.sin_addr), 1);
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(l->fd, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(l->fd, 64), 0);
    getsockname(l->fd, (struct sockaddr *)&in, &len);
    l->port = ntohs(in.sin_port);
    ck_assert_int_eq(pthread_create(&l->thread, NULL, serve, l), 0);
}

static void stop(listener_t *l)
{
    l->quit = 1;
    pthread_join(l->thread, NULL);
    close(l->fd);
}

typedef struct {
    int rows, by_status[4], next, done, fail_at;
    apr_time_t stop_at;
    const char *must_say, *resource;
} seen_t;

static apr_status_t report(void *baton, const char *resource_id, const saas_web_check_t *check,
                           const saas_web_verdict_t *v)
{
    seen_t *s = baton;

    if (s->next == 0) {
        s->resource = apr_pstrdup(unit_pool, resource_id);
    }
    ck_assert_str_eq(resource_id, s->resource);
    ck_assert_ptr_eq(check, &saas_web_checks[s->next]);
    s->next = (s->next + 1) % saas_web_check_count;
    s->rows++;
    s->by_status[v->status]++;
    if (s->must_say) {
        ck_assert_msg(strstr(v->comment, s->must_say) != NULL, "%s: %s", check->name, v->comment);
    }
    return s->fail_at && s->rows == s->fail_at ? APR_EGENERAL : APR_SUCCESS;
}

static apr_status_t progress(void *baton, int done, int total)
{
    seen_t *s = baton;

    ck_assert_int_ge(done, s->done);
    ck_assert_int_le(done, total);
    s->done = done;
    return APR_SUCCESS;
}

static int stopped(void *baton)
{
    seen_t *s = baton;

    return s->stop_at && apr_time_now() >= s->stop_at;
}

static apr_status_t run(seen_t *s, const char *allow, int n, const char *const *targets)
{
    const saas_web_guard_t *g = web_guard(allow);
    saas_web_run_t r = { .pool = unit_pool,
                         .guard = g,
                         .user_agent = "unit test",
                         .targets = targets,
                         .ntargets = n,
                         .report = report,
                         .progress = progress,
                         .stopped = stopped,
                         .baton = s };
    return saas_web_run(&r);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Frame-Options: DENY\r\n\r\nhello"

START_TEST(scans)
{
    listener_t l;
    seen_t s = { 0 };
    const char *targets[60];

    start(&l, "127.0.0.1", OK_ANSWER);
    for (int i = 0; i < 60; i++) {
        targets[i] = apr_psprintf(unit_pool, "http://127.0.0.1:%d/%d", l.port, i);
    }
    ck_assert_int_eq(run(&s, "127.0.0.0/8", 60, targets), APR_SUCCESS);
    stop(&l);
    ck_assert_int_eq(s.rows, 60 * saas_web_check_count);
    ck_assert_int_eq(s.next, 0);
    ck_assert_int_eq(s.by_status[SAAS_WEB_ERROR], 0);
    ck_assert_int_gt(s.by_status[SAAS_WEB_PASS], 60);
    ck_assert_int_gt(s.by_status[SAAS_WEB_FAIL], 60);
    ck_assert_int_ge(l.accepted, 60);
}
END_TEST

START_TEST(guarded)
{
    listener_t l;
    seen_t s = { .must_say = "publicly routable" };
    const char *targets[2];

    start(&l, "127.0.0.1", OK_ANSWER);
    /* A name passes validation when something is opened; its address does not. */
    targets[0] = apr_psprintf(unit_pool, "http://localhost:%d/", l.port);
    targets[1] = apr_psprintf(unit_pool, "https://localhost:%d/", l.port);
    ck_assert_int_eq(run(&s, "10.0.0.0/8", 2, targets), APR_SUCCESS);
    ck_assert_int_eq(s.rows, 2 * saas_web_check_count);
    /* A literal does not even pass validation; as a leftover of another configuration it is refused too. */
    targets[0] = apr_psprintf(unit_pool, "http://127.0.0.1:%d/", l.port);
    s.done = 0;
    ck_assert_int_eq(run(&s, "10.0.0.0/8", 1, targets), APR_SUCCESS);
    ck_assert_int_eq(s.rows, 3 * saas_web_check_count);
    ck_assert_int_eq(s.by_status[SAAS_WEB_ERROR], s.rows);
    stop(&l);
    ck_assert_int_eq(l.accepted, 0);
}
END_TEST

START_TEST(guarded_redirect)
{
    listener_t inside, outside;
    seen_t s = { 0 };
    const char *target;

    start(&inside, "127.0.0.1", OK_ANSWER);
    start(&outside, "127.0.0.2",
          apr_psprintf(unit_pool, "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/\r\nContent-Length: 0\r\n\r\n",
                       inside.port));
    target = apr_psprintf(unit_pool, "http://127.0.0.2:%d/", outside.port);
    /* Only the first hop's address is opened. */
    ck_assert_int_eq(run(&s, "127.0.0.2", 1, &target), APR_SUCCESS);
    stop(&outside);
    stop(&inside);
    ck_assert_int_ge(outside.accepted, 1);
    ck_assert_int_eq(s.rows, saas_web_check_count);
    ck_assert_int_gt(s.by_status[SAAS_WEB_ERROR], 0);
    ck_assert_int_eq(s.by_status[SAAS_WEB_PASS], 0);
    ck_assert_int_eq(inside.accepted, 0);
}
END_TEST

START_TEST(stops)
{
    listener_t l;
    seen_t s = { .stop_at = apr_time_now() + apr_time_from_msec(300) };
    apr_time_t begin = apr_time_now();
    const char *targets[20];

    start(&l, "127.0.0.1", NULL);
    for (int i = 0; i < 20; i++) {
        targets[i] = apr_psprintf(unit_pool, "https://127.0.0.1:%d/%d", l.port, i);
    }
    ck_assert_int_eq(run(&s, "127.0.0.0/8", 20, targets), APR_EINTR);
    ck_assert_int_lt(apr_time_now() - begin, apr_time_from_sec(3));
    ck_assert_int_eq(s.rows, 0);
    stop(&l);
}
END_TEST

START_TEST(report_fails)
{
    listener_t l;
    seen_t s = { .fail_at = 5 };
    const char *target;

    start(&l, "127.0.0.1", OK_ANSWER);
    target = apr_psprintf(unit_pool, "http://127.0.0.1:%d/", l.port);
    ck_assert_int_eq(run(&s, "127.0.0.0/8", 1, &target), APR_EGENERAL);
    ck_assert_int_eq(s.rows, 5);
    stop(&l);
    ck_assert_int_eq(run(&s, NULL, 0, NULL), APR_SUCCESS);
}
END_TEST

Suite *suite_web_run(void);
Suite *suite_web_run(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_run", 60, &tc);

    tcase_add_test(tc, scans);
    tcase_add_test(tc, guarded);
    tcase_add_test(tc, guarded_redirect);
    tcase_add_test(tc, stops);
    tcase_add_test(tc, report_fails);
    return s;
}
