/* See run.h. A target goes through two stages: first the pages (over https and
 * http), then, when it is known what answers where, the TLS hellos and the
 * extra requests. All targets in flight share one loop on one thread; nothing
 * in the loop waits for a single one of them.
 */
#include "run.h"

#include "cert.h"
#include "document.h"
#include "fetch.h"
#include "headers.h"
#include "owner.h"
#include "tls.h"

#include <apr_strings.h>
#include <curl/curl.h>
#include <net/if.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_IN_FLIGHT 256
#define PROBES_PER_TARGET 3
#define WAIT_MS 40
#define STOP_INTERVAL apr_time_from_msec(30)
#define PROGRESS_INTERVAL apr_time_from_msec(250)
#define STEPS 3 /* of a target: pages, probes, report */
#define CORS_ORIGIN "https://cors-probe.invalid"

typedef struct loop_t loop_t;

typedef struct scan_t {
    loop_t *loop;
    apr_pool_t *pool;
    int pending;
    int second_stage;
    saas_web_evidence_t e;
    saas_web_document_t https_document, http_document;
    saas_web_fetch_t https, http, cors, trace, security_txt, proof, listings[SAAS_WEB_DIRECTORIES];
    const char *token; /* that proves the host; NULL: it is not claimed */
    saas_web_probe_t probes[SAAS_WEB_HELLO_COUNT];
    int next_probe;
    struct scan_t *next_done;
} scan_t;

struct loop_t {
    saas_web_run_t *run;
    apr_pool_t *pool;
    const saas_web_guard_t *guard;
    saas_web_fetcher_t *fetcher;
    saas_web_prober_t *prober;
    X509_STORE *store;
    int next_target;
    int in_flight;
    scan_t *done_first, *done_last; /* waiting to be reported */
    int steps, told;
    int stopping;
    apr_time_t stop_asked, progress_told;
};

static apr_status_t check_stopped(loop_t *l)
{
    apr_time_t now = apr_time_now();

    if (!l->stopping && (now < l->stop_asked || now - l->stop_asked >= STOP_INTERVAL)) {
        l->stop_asked = now;
        l->stopping = l->run->stopped(l->run->baton);
    }
    return l->stopping ? APR_EINTR : APR_SUCCESS;
}

static int is_stopped(void *baton)
{
    return check_stopped(baton) != APR_SUCCESS;
}

static apr_status_t tell_progress(loop_t *l, int at_once)
{
    apr_time_t now = apr_time_now();

    if (l->told == l->steps || (!at_once && now >= l->progress_told && now - l->progress_told < PROGRESS_INTERVAL)) {
        return APR_SUCCESS;
    }
    l->progress_told = now;
    l->told = l->steps;
    return l->run->progress(l->run->baton, l->steps, l->run->ntargets * STEPS);
}

static void read_document(scan_t *s, saas_web_fetch_t *f, const char *body, apr_size_t len, saas_web_document_t *out)
{
    const saas_web_hop_t *last = saas_web_reply_last(f->reply);

    if (f->reply->how == SAAS_WEB_FETCH_OK && last) {
        saas_web_document_read(s->pool, last->at, saas_web_header_get(last, "content-type", NULL), body, len, out);
    }
}

static void step_done(scan_t *s);

static saas_web_reply_t *fetch(scan_t *s, saas_web_fetch_t *f, const saas_web_target_t *at, const char *method,
                               const char *origin, int follow);

/* The host shows the token itself: not by way of a redirect, which others may be the target of. */
static void look_at_proof(scan_t *s, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(s->proof.reply);
    const saas_web_run_t *run = s->loop->run;

    if (s->proof.reply->how != SAAS_WEB_FETCH_OK || !hop || hop->status != 200 || !body
        || !saas_web_proof_shown(body, len, s->token)) {
        return;
    }
    s->e.owned = 1;
    if (run->proved) {
        run->proved(run->baton, s->e.target->host);
    }
    for (int i = 0; i < SAAS_WEB_DIRECTORIES; i++) {
        fetch(s, &s->listings[i], saas_web_target_at(s->pool, hop->at, saas_web_directories[i]), "GET", NULL, 0);
    }
}

static void look_at_listing(scan_t *s, const saas_web_fetch_t *f, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(f->reply);

    if (f->reply->how != SAAS_WEB_FETCH_OK || !hop) {
        return;
    }
    s->e.directories++;
    if (hop->status == 200 && body && saas_web_is_listing(body, len)) {
        APR_ARRAY_PUSH(s->e.listings, const char *) = hop->at->path;
    }
}

static void fetch_done(saas_web_fetch_t *f, const char *body, apr_size_t len, void *baton)
{
    scan_t *s = baton;
    saas_web_document_t *out = f == &s->https          ? &s->https_document
                               : f == &s->http         ? &s->http_document
                               : f == &s->trace        ? &s->e.trace_document
                               : f == &s->security_txt ? &s->e.security_document
                                                       : NULL;

    if (out) {
        read_document(s, f, body, len, out);
    }
    else if (f == &s->proof) {
        look_at_proof(s, body, len);
    }
    else if (f >= s->listings && f < s->listings + SAAS_WEB_DIRECTORIES) {
        look_at_listing(s, f, body, len);
    }
    step_done(s);
}

static saas_web_reply_t *not_made(apr_pool_t *p)
{
    saas_web_reply_t *r = apr_pcalloc(p, sizeof(*r));

    r->hops = apr_array_make(p, 1, sizeof(saas_web_hop_t *));
    return r;
}

/* Queues a request; the reply is there at once and filled in later. */
static saas_web_reply_t *fetch(scan_t *s, saas_web_fetch_t *f, const saas_web_target_t *at, const char *method,
                               const char *origin, int follow)
{
    f->pool = s->pool;
    f->at = at;
    f->method = method;
    f->origin = origin;
    f->follow = follow;
    f->done = fetch_done;
    f->baton = s;
    s->pending++;
    saas_web_fetcher_add(s->loop->fetcher, f);
    return f->reply;
}

static void begin_pages(scan_t *s)
{
    const saas_web_target_t *t = s->e.target;
    const saas_web_target_t *twin = t->is_default_port ? saas_web_target_twin(s->pool, t, !t->is_tls, t->path) : NULL;
    const saas_web_target_t *https = t->is_tls ? t : twin;
    const saas_web_target_t *http = t->is_tls ? twin : t;

    s->pending = 1; /* held until everything is queued */
    s->https.keep_chain = s->http.keep_chain = 1;
    s->e.https = https ? fetch(s, &s->https, https, "GET", NULL, 1) : not_made(s->pool);
    s->e.http = http ? fetch(s, &s->http, http, "GET", NULL, 1) : not_made(s->pool);
    step_done(s);
}

static const saas_web_hop_t *find_tls_hop(const saas_web_reply_t *r, const char *host)
{
    for (int i = 0; i < r->hops->nelts; i++) {
        const saas_web_hop_t *hop = APR_ARRAY_IDX(r->hops, i, saas_web_hop_t *);

        if (hop->at->is_tls && strcmp(hop->at->host, host) == 0) {
            return hop;
        }
    }
    return NULL;
}

/* The last place of a reply that is still the target's own host: requests that
 * nobody asked for are not sent to others. */
static const saas_web_target_t *find_home(const saas_web_reply_t *r, const char *host)
{
    const saas_web_target_t *home = NULL;

    for (int i = 0; i < r->hops->nelts; i++) {
        const saas_web_hop_t *hop = APR_ARRAY_IDX(r->hops, i, saas_web_hop_t *);

        if (strcmp(hop->at->host, host) == 0) {
            home = hop->at;
        }
    }
    return home;
}

static void choose(scan_t *s)
{
    saas_web_evidence_t *e = &s->e;
    saas_web_reply_t *wanted = e->target->is_tls ? e->https : e->http;
    saas_web_reply_t *other = e->target->is_tls ? e->http : e->https;
    const saas_web_hop_t *first = saas_web_reply_first(wanted);

    if (wanted->how == SAAS_WEB_FETCH_OK) {
        e->main = wanted;
    }
    else if ((!first || first->status == 0) && other->how == SAAS_WEB_FETCH_OK) {
        e->main = other; /* one of the two ports is enough to read headers */
    }
    if (e->main) {
        e->document = e->main == e->https ? s->https_document : s->http_document;
    }
    e->tls_hop = find_tls_hop(e->https, e->target->host);
    if (!e->tls_hop) {
        e->tls_hop = find_tls_hop(e->http, e->target->host);
    }
    if (e->tls_hop) {
        saas_web_cert_judge(s->pool, &e->tls_hop->tls, e->tls_hop->at->host, e->tls_hop->at->is_ip, s->loop->store,
                            &e->cert);
    }
}

static void probe_done(saas_web_probe_t *probe, void *baton);

static void begin_probe(scan_t *s)
{
    saas_web_probe_t *probe;

    if (s->next_probe >= SAAS_WEB_HELLO_COUNT) {
        return;
    }
    probe = &s->probes[s->next_probe];
    probe->kind = (saas_web_hello_e)s->next_probe++;
    probe->sni = s->e.tls_hop->at->is_ip ? NULL : s->e.tls_hop->at->host;
    probe->peer = s->e.tls_hop->peer;
    probe->peer_len = s->e.tls_hop->peer_len;
    probe->done = probe_done;
    probe->baton = s;
    s->pending++;
    saas_web_prober_add(s->loop->prober, probe);
}

static void probe_done(saas_web_probe_t *probe, void *baton)
{
    scan_t *s = baton;
    saas_web_evidence_t *e = &s->e;

    e->hello[probe->kind] = probe->answer;
    if (probe->kind == SAAS_WEB_HELLO_WEAK && probe->answer.what == SAAS_WEB_ANSWER_HELLO) {
        unsigned families = saas_web_suite_families(probe->answer.suite);

        e->weak_suites = apr_pstrcat(s->pool, e->weak_suites ? e->weak_suites : "", e->weak_suites ? ", " : "",
                                     saas_web_suite_name(s->pool, probe->answer.suite), NULL);
        e->weak_families |= families;
        if (families && e->weak_families != SAAS_WEB_SUITE_WEAK) {
            probe->without = e->weak_families; /* what else, without those? */
            saas_web_prober_add(s->loop->prober, probe);
            return;
        }
    }
    begin_probe(s);
    step_done(s);
}

/* Whether something listens where TLS is expected. */
static int can_probe(const saas_web_evidence_t *e)
{
    const saas_web_reply_t *r = e->https->how != SAAS_WEB_FETCH_NOT_MADE ? e->https : e->http;

    if (!e->tls_hop || e->tls_hop->peer_len == 0) {
        return 0;
    }
    return e->tls_hop->status > 0 || e->cert.have || r->how == SAAS_WEB_FETCH_NO_TLS || r->how == SAAS_WEB_FETCH_NO_HTTP
           || r->how == SAAS_WEB_FETCH_SLOW || r->how == SAAS_WEB_FETCH_TOO_BIG;
}

static void begin_probes(scan_t *s)
{
    saas_web_evidence_t *e = &s->e;
    const saas_web_target_t *home = e->main ? find_home(e->main, e->target->host) : NULL;

    s->second_stage = 1;
    s->pending = 1;
    if (can_probe(e)) {
        e->probed = 1;
        for (int i = 0; i < PROBES_PER_TARGET; i++) {
            begin_probe(s);
        }
    }
    if (home) {
        e->cors_origin = CORS_ORIGIN;
        e->cors = fetch(s, &s->cors, home, "GET", CORS_ORIGIN, 0);
        e->trace = fetch(s, &s->trace, home, "TRACE", NULL, 0);
        e->security_txt =
            fetch(s, &s->security_txt, saas_web_target_at(s->pool, home, "/.well-known/security.txt"), "GET", NULL, 1);
        if (s->token) {
            fetch(s, &s->proof, saas_web_target_at(s->pool, home, SAAS_WEB_PROOF), "GET", NULL, 0);
        }
    }
    step_done(s);
}

static void step_done(scan_t *s)
{
    loop_t *l = s->loop;

    if (--s->pending > 0) {
        return;
    }
    l->steps++;
    if (!s->second_stage) {
        choose(s);
        begin_probes(s);
        return;
    }
    s->next_done = NULL;
    if (l->done_last) {
        l->done_last->next_done = s;
    }
    else {
        l->done_first = s;
    }
    l->done_last = s;
}

/* All verdicts about one target. message: it could not be scanned at all. */
static apr_status_t report(loop_t *l, apr_pool_t *p, const char *resource, const saas_web_evidence_t *e,
                           const char *message)
{
    apr_pool_t *scratch;
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create(&scratch, p);
    for (int i = 0; i < saas_web_check_count && rv == APR_SUCCESS; i++) {
        const saas_web_check_t *check = &saas_web_checks[i];
        saas_web_verdict_t v;

        /* Before the row, not after: a stop aborts transfers, and what that
         * looks like must not become evidence. */
        rv = check_stopped(l);
        if (rv != APR_SUCCESS) {
            break;
        }
        apr_pool_clear(scratch);
        if (e) {
            saas_web_check(scratch, check, e, &v);
        }
        else {
            v.severity = check->severity;
            saas_web_say(scratch, &v, SAAS_WEB_ERROR, "Not looked at: %s.", saas_web_clean(scratch, message));
        }
        rv = l->run->report(l->run->baton, resource, check, &v);
    }
    apr_pool_destroy(scratch);
    return rv;
}

static apr_status_t begin_target(loop_t *l, const char *text)
{
    apr_pool_t *p;
    scan_t *s;
    const char *message;
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create(&p, l->pool);
    s = apr_pcalloc(p, sizeof(*s));
    s->loop = l;
    s->pool = p;
    s->e.now = apr_time_now();
    message = saas_web_target_parse(p, l->guard, text, &s->e.target);
    if (message) {
        rv = report(l, p, text, NULL, message);
        apr_pool_destroy(p);
        l->steps += STEPS;
        return rv;
    }
    for (int i = 0; i < l->run->nclaims && !s->token; i++) {
        s->token = strcmp(l->run->claims[i].host, s->e.target->host) == 0 ? l->run->claims[i].token : NULL;
    }
    s->e.claimed = s->token != NULL;
    s->e.listings = apr_array_make(p, 1, sizeof(const char *));
    l->in_flight++;
    begin_pages(s);
    return APR_SUCCESS;
}

static apr_status_t report_done(loop_t *l)
{
    apr_status_t rv = APR_SUCCESS;

    while (l->done_first && rv == APR_SUCCESS) {
        scan_t *s = l->done_first;

        l->done_first = s->next_done;
        if (!l->done_first) {
            l->done_last = NULL;
        }
        rv = report(l, s->pool, s->e.target->url, &s->e, NULL);
        l->in_flight--;
        l->steps++;
        apr_pool_destroy(s->pool);
        if (rv == APR_SUCCESS) {
            rv = tell_progress(l, 0);
        }
    }
    return rv;
}

/* A share of the descriptors that the process may have, within bounds. */
static int descriptors(int share)
{
    struct rlimit limit;
    int n = MAX_IN_FLIGHT;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
        && limit.rlim_cur / share < (rlim_t)n) {
        n = (int)(limit.rlim_cur / share);
    }
    return n < 8 ? 8 : n;
}

static apr_status_t prepare(loop_t *l)
{
    apr_interval_time_t timeout = l->run->timeout ? l->run->timeout : SAAS_WEB_TIMEOUT;
    apr_status_t rv;

    l->guard = l->run->guard;
    rv = saas_web_cert_store(&l->store, l->pool);
    if (rv == APR_SUCCESS) {
        l->prober = saas_web_prober_create(l->pool, l->guard, descriptors(8), timeout / 2);
        rv = saas_web_fetcher_create(&l->fetcher, l->pool, l->guard, l->run->user_agent,
                                     descriptors(12), /* one that resolves has three */
                                     timeout, is_stopped, l);
    }
    return rv;
}

static apr_status_t turn(loop_t *l)
{
    apr_status_t rv = check_stopped(l);
    struct curl_waitfd *fds;
    int n;

    while (rv == APR_SUCCESS && l->in_flight < MAX_IN_FLIGHT && l->next_target < l->run->ntargets) {
        rv = begin_target(l, l->run->targets[l->next_target++]);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_web_fetcher_step(l->fetcher, apr_time_now());
    }
    if (rv == APR_SUCCESS) {
        saas_web_prober_step(l->prober, apr_time_now());
        rv = report_done(l);
    }
    if (rv == APR_SUCCESS) {
        rv = tell_progress(l, 0);
    }
    if (rv == APR_SUCCESS && l->in_flight > 0) {
        n = saas_web_prober_fds(l->prober, &fds);
        rv = saas_web_fetcher_wait(l->fetcher, fds, n, WAIT_MS);
    }
    return rv;
}

apr_status_t saas_web_run(saas_web_run_t *run)
{
    loop_t l = { .run = run };
    apr_status_t rv;

    rv = apr_pool_create(&l.pool, run->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = prepare(&l);
    while (rv == APR_SUCCESS && (l.in_flight > 0 || l.next_target < run->ntargets)) {
        rv = turn(&l);
    }
    if (rv == APR_SUCCESS) {
        rv = tell_progress(&l, 1);
    }
    apr_pool_destroy(l.pool);
    return rv;
}
