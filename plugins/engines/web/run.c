/* See run.h. A target goes through two stages: first the pages (over https and
 * http), then, when it is known what answers where, the TLS hellos and the
 * extra requests. All targets in flight share one loop on one thread; nothing
 * in the loop waits for a single one of them.
 */
#include "run.h"

#include "addresses.h"
#include "ask.h"
#include "cert.h"
#include "document.h"
#include "fetch.h"
#include "headers.h"
#include "owner.h"
#include "tls.h"

#include <apr_hash.h>
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

/* What the DNS is asked of a target: at once, and those of the name itself
 * when its pages have been fetched, after the look-up that led there. */
enum {
    Q_CAA,
    Q_HTTPS = Q_CAA + SAAS_WEB_DNS_PARENTS_MAX,
    Q_MX,
    Q_SPF,
    Q_DMARC,
    Q_STS,
    Q_PROOF,
    Q_A,
    Q_AAAA,
    Q_SIGNED,
    Q_COUNT
};

typedef struct scan_t {
    loop_t *loop;
    apr_pool_t *pool;
    struct scan_t *whole; /* of which this is one address; NULL: it is the target's */
    int pending;          /* of the stage */
    int beside;           /* what only the end waits for */
    int second_stage;
    int addresses;        /* Q_A and Q_AAAA that are not answered yet */
    const saas_web_target_t *home;
    saas_web_fetch_t sts;
    saas_web_question_t questions[Q_COUNT];
    saas_web_evidence_t e;
    saas_web_document_t https_document, http_document;
    saas_web_fetch_t https, http, cors, trace, security_txt, proof, listings[SAAS_WEB_DIRECTORIES];
    saas_web_fetch_t scripts[SAAS_WEB_SCRIPTS_MAX], maps[SAAS_WEB_SCRIPTS_MAX];
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
    saas_web_asker_t *asker;
    const void *suffixes; /* loaded for the first name */
    int has_suffixes;
    apr_hash_t *others; /* int, how many other addresses of a host have been looked at */
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
static void beside_done(scan_t *s);

static saas_web_reply_t *fetch(scan_t *s, saas_web_fetch_t *f, const saas_web_target_t *at, const char *method,
                               const char *origin, int follow);

/* Where a reference leads, if that is the host which was proven. */
static const saas_web_target_t *at_home(scan_t *s, const char *base, const char *reference)
{
    const saas_web_target_t *at = saas_web_target_reference(s->pool, s->loop->guard, base, reference);

    return at && strcmp(at->origin, s->home->origin) == 0 ? at : NULL;
}

/* The page's scripts of the host itself, for their source maps. */
static void begin_scripts(scan_t *s)
{
    const saas_web_document_t *d = &s->e.document;
    const saas_web_hop_t *page = saas_web_reply_last(s->e.main);
    const char *base = page->at->url;

    if (d->base) {
        const saas_web_target_t *at = saas_web_target_reference(s->pool, s->loop->guard, base, d->base);

        base = at ? at->url : base;
    }
    for (int i = 0; d->sources && i < d->sources->nelts; i++) {
        const saas_web_target_t *at = at_home(s, base, APR_ARRAY_IDX(d->sources, i, const char *));

        if (at) {
            fetch(s, &s->scripts[s->e.scripts++], at, "GET", NULL, 0);
        }
    }
}

/* A map is where the script says, or where it usually is. */
static void look_at_script(scan_t *s, saas_web_fetch_t *f, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(f->reply);
    const saas_web_target_t *at;
    const char *where;

    if (f->reply->how != SAAS_WEB_FETCH_OK || !hop) {
        return;
    }
    where = saas_web_header_get(hop, "sourcemap", NULL);
    where = where ? where : saas_web_header_get(hop, "x-sourcemap", NULL);
    where = where ? where : body ? saas_web_map_of(s->pool, body, len) : NULL;
    if (where && strncmp(where, "data:", 5) == 0) {
        s->e.scripts_answered++;
        APR_ARRAY_PUSH(s->e.maps, const char *) = apr_pstrcat(s->pool, saas_web_target_shown(s->pool, f->at), " (in itself)", NULL);
        return;
    }
    if (!where) {
        size_t path = strcspn(f->at->path, "?");

        where = apr_psprintf(s->pool, "%.*s.map", (int)path, f->at->path);
    }
    at = at_home(s, f->at->url, where);
    if (at) {
        fetch(s, &s->maps[f - s->scripts], at, "GET", NULL, 0);
    }
    else {
        s->e.scripts_answered++; /* it is elsewhere, where nobody has been proven to be the owner */
    }
}

static void look_at_map(scan_t *s, const saas_web_fetch_t *f, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(f->reply);

    if (f->reply->how != SAAS_WEB_FETCH_OK || !hop) {
        return;
    }
    s->e.scripts_answered++;
    if (hop->status == 200 && body && saas_web_is_map(body, len)) {
        APR_ARRAY_PUSH(s->e.maps, const char *) = saas_web_target_shown(s->pool, f->at);
    }
}

/* What is asked of owners' hosts alone, once it is known that this is one and
 * where to ask. */
static void begin_owned(scan_t *s)
{
    if (!s->e.owned || !s->home || s->listings[0].reply) {
        return;
    }
    for (int i = 0; i < SAAS_WEB_DIRECTORIES; i++) {
        fetch(s, &s->listings[i], saas_web_target_at(s->pool, s->home, saas_web_directories[i]), "GET", NULL, 0);
    }
    begin_scripts(s);
}

static void take_proof(scan_t *s)
{
    const saas_web_run_t *run = s->loop->run;

    if (!s->e.owned && run->proved) {
        run->proved(run->baton, s->e.target->host);
    }
    s->e.owned = 1;
    begin_owned(s);
}

/* The host shows the token itself: not by way of a redirect, which others may be the target of. */
static void look_at_proof(scan_t *s, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(s->proof.reply);

    if (s->proof.reply->how == SAAS_WEB_FETCH_OK && hop && hop->status == 200 && body
        && saas_web_proof_shown(body, len, s->token)) {
        take_proof(s);
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

static void look_at_sts(scan_t *s, const char *body, apr_size_t len)
{
    const saas_web_hop_t *hop = saas_web_reply_last(s->sts.reply);

    if (s->sts.reply->how == SAAS_WEB_FETCH_OK && hop) {
        saas_web_cert_judge(s->pool, &hop->tls, hop->at->host, hop->at->is_ip, s->loop->store, &s->e.sts_cert);
        saas_web_sts_policy_read(s->pool, body ? body : "", body ? len : 0, &s->e.sts_policy);
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
    else if (f >= s->scripts && f < s->scripts + SAAS_WEB_SCRIPTS_MAX) {
        look_at_script(s, f, body, len);
    }
    else if (f >= s->maps && f < s->maps + SAAS_WEB_SCRIPTS_MAX) {
        look_at_map(s, f, body, len);
    }
    else if (f == &s->sts) {
        look_at_sts(s, body, len);
        beside_done(s);
        return;
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
    f->address = s->e.address;
    f->done = fetch_done;
    f->baton = s;
    s->pending++;
    saas_web_fetcher_add(s->loop->fetcher, f);
    return f->reply;
}

static void begin_scan(scan_t *s)
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

/* ---------------------------------------------------------------- names */

static void ask(scan_t *s, int n, const char *name, int type);

static int has_text(const saas_web_dns_answer_t *answer, const char *text)
{
    for (int i = 0; answer->how == SAAS_WEB_DNS_FOUND && i < answer->records->nelts; i++) {
        const char *record = APR_ARRAY_IDX(answer->records, i, const char *);

        if (*text && saas_web_proof_shown(record, strlen(record), text)) {
            return 1;
        }
    }
    return 0;
}

/* Where the domain says that it has a policy of MTA-STS, which is then fetched
 * as any page is: by the same guard, and never by way of a redirect (RFC 8461,
 * 3.3). */
static void begin_sts(scan_t *s)
{
    const saas_web_target_t *at;
    saas_web_sts_record_t record;
    const char *url = apr_pstrcat(s->pool, "https://mta-sts.", s->e.dns.domain, "/.well-known/mta-sts.txt", NULL);

    saas_web_sts_record_read(s->pool, s->e.dns.mta_sts.records, &record);
    if (record.records != 1 || !record.id || saas_web_target_parse(s->pool, s->loop->guard, url, &at)) {
        return;
    }
    s->sts.keep_chain = 1;
    s->e.sts_reply = fetch(s, &s->sts, at, "GET", NULL, 0);
    s->pending--; /* no stage waits for it */
    s->beside++;
}

static void begin_others(scan_t *s);

/* Where the answer to a question belongs; NULL: it is looked at and forgotten. */
static saas_web_dns_answer_t *place_of(scan_t *s, int n)
{
    saas_web_dns_t *d = &s->e.dns;

    switch (n) {
    case Q_HTTPS:
        return &d->https;
    case Q_MX:
        return &d->mx;
    case Q_SPF:
        return &d->spf;
    case Q_DMARC:
        return &d->dmarc;
    case Q_STS:
        return &d->mta_sts;
    case Q_A:
        return &d->a;
    case Q_AAAA:
        return &d->aaaa;
    default:
        return n < Q_HTTPS ? &d->caa[n - Q_CAA] : NULL;
    }
}

static void answered(saas_web_question_t *q, void *baton)
{
    scan_t *s = baton;
    int n = (int)(q - s->questions);
    saas_web_dns_answer_t *place = place_of(s, n);

    if (place) {
        *place = q->answer;
    }
    if (n == Q_STS) {
        begin_sts(s);
    }
    else if (n == Q_PROOF && has_text(&q->answer, s->token)) {
        take_proof(s);
    }
    else if (n == Q_SIGNED) {
        s->e.dns.dnssec = q->dnssec;
        s->e.dns.dnssec_why = q->why;
    }
    else if ((n == Q_A || n == Q_AAAA) && --s->addresses == 0) {
        begin_others(s);
    }
    beside_done(s);
}

static void ask(scan_t *s, int n, const char *name, int type)
{
    saas_web_question_t *q = &s->questions[n];

    q->pool = s->pool;
    q->name = name;
    q->domain = s->e.dns.domain;
    q->type = type;
    q->validate = n == Q_SIGNED;
    q->done = answered;
    q->baton = s;
    s->beside++;
    saas_web_asker_add(s->loop->asker, q);
}

/* The questions that need no page; see checks_dns.c for what they are good for. */
static void begin_names(scan_t *s)
{
    saas_web_dns_t *d = &s->e.dns;
    loop_t *l = s->loop;

    d->host = s->e.target->host;
    if (s->e.target->is_ip) {
        d->unasked = "the target is an address, not a name";
        return;
    }
    if (saas_web_dns_is_special(d->host)) {
        d->unasked = apr_psprintf(s->pool, "%s is no name of the public DNS", d->host);
        return;
    }
    if (!l->has_suffixes) {
        l->suffixes = saas_web_suffixes(l->pool);
        l->has_suffixes = 1;
    }
    d->domain = saas_web_dns_domain(s->pool, l->suffixes, d->host);
    if (!d->domain) {
        d->unasked = l->suffixes ? apr_psprintf(s->pool, "%s is a public suffix", d->host) : "there is no public suffix list";
        return;
    }
    for (const char *name = d->host; name && d->ncaa < SAAS_WEB_DNS_PARENTS_MAX; name = strchr(name, '.')) {
        name += *name == '.';
        ask(s, Q_CAA + d->ncaa++, name, SAAS_WEB_DNS_CAA);
    }
    ask(s, Q_HTTPS, d->host, SAAS_WEB_DNS_HTTPS);
    ask(s, Q_MX, d->domain, SAAS_WEB_DNS_MX);
    ask(s, Q_SPF, d->domain, SAAS_WEB_DNS_TXT);
    ask(s, Q_DMARC, apr_pstrcat(s->pool, "_dmarc.", d->domain, NULL), SAAS_WEB_DNS_TXT);
    ask(s, Q_STS, apr_pstrcat(s->pool, "_mta-sts.", d->domain, NULL), SAAS_WEB_DNS_TXT);
    if (s->token) {
        ask(s, Q_PROOF, apr_pstrcat(s->pool, SAAS_WEB_PROOF_NAME ".", d->host, NULL), SAAS_WEB_DNS_TXT);
    }
}

/* Those that are asked when the name has been looked up for its pages. */
static void begin_addresses(scan_t *s)
{
    saas_web_addresses_t *a = &s->e.addresses;

    if (s->e.dns.unasked) {
        a->unknown = apr_pstrcat(s->pool, "the DNS was not asked for others, ", s->e.dns.unasked, NULL);
        return;
    }
    ask(s, Q_SIGNED, s->e.dns.host, SAAS_WEB_DNS_A);
    if (s->e.at) {
        s->addresses = 2;
        ask(s, Q_A, s->e.dns.host, SAAS_WEB_DNS_A);
        ask(s, Q_AAAA, s->e.dns.host, SAAS_WEB_DNS_AAAA);
    }
}

static void begin_scan(scan_t *s);

/* One more address of the name, which is looked at like a target of its own. */
static void begin_other(scan_t *s, const char *address)
{
    scan_t *other = apr_pcalloc(s->pool, sizeof(*other));

    other->loop = s->loop;
    other->pool = s->pool;
    other->whole = s;
    other->e.now = s->e.now;
    other->e.target = s->e.target;
    other->e.address = address;
    other->e.listings = apr_array_make(s->pool, 1, sizeof(const char *));
    other->e.dns.unasked = other->e.addresses.unknown = "asked for the whole name";
    APR_ARRAY_PUSH(s->e.others, const saas_web_evidence_t *) = &other->e;
    s->beside++;
    begin_scan(other);
}

/* May the address be looked at, on the target's port? The socket asks again. */
static int is_admitted(scan_t *s, const char *address)
{
    struct sockaddr_storage ss;
    saas_web_admission_e verdict;

    saas_web_address_parse(address, s->e.target->port, &ss);
    verdict = saas_web_guard_ask(s->loop->guard, (const struct sockaddr *)&ss);
    return verdict == SAAS_WEB_ADMITTED || verdict == SAAS_WEB_ADMITTED_LISTED;
}

static int is_among(const apr_array_header_t *texts, const char *text)
{
    for (int i = 0; i < texts->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(texts, i, const char *), text) == 0) {
            return 1;
        }
    }
    return 0;
}

static void begin_others(scan_t *s)
{
    const saas_web_dns_answer_t *answers[] = { &s->e.dns.a, &s->e.dns.aaaa };
    saas_web_addresses_t *a = &s->e.addresses;
    apr_array_header_t *seen = apr_array_make(s->pool, 8, sizeof(const char *));

    s->e.others = apr_array_make(s->pool, 4, sizeof(const saas_web_evidence_t *));
    int *of_host = apr_hash_get(s->loop->others, s->e.target->host, APR_HASH_KEY_STRING);

    if (!of_host) {
        of_host = apr_pcalloc(s->loop->pool, sizeof(*of_host));
        apr_hash_set(s->loop->others, apr_pstrdup(s->loop->pool, s->e.target->host), APR_HASH_KEY_STRING, of_host);
    }
    APR_ARRAY_PUSH(seen, const char *) = s->e.at;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (answers[i]->how != SAAS_WEB_DNS_FOUND && answers[i]->how != SAAS_WEB_DNS_NONE) {
            a->unknown = answers[i]->how == SAAS_WEB_DNS_SILENT ? "the name server of this machine gave no answer in time for others"
                                                                : "the name server of this machine cannot tell others";
        }
        for (int k = 0; answers[i]->how == SAAS_WEB_DNS_FOUND && k < answers[i]->records->nelts; k++) {
            const struct sockaddr_storage *ss = &APR_ARRAY_IDX(answers[i]->records, k, struct sockaddr_storage);
            const char *address = saas_web_address_text(s->pool, (const struct sockaddr *)ss);

            if (is_among(seen, address)) {
                continue;
            }
            APR_ARRAY_PUSH(seen, const char *) = address;
            if (!is_admitted(s, address)) {
                a->refused++;
            }
            else if (s->e.others->nelts >= SAAS_WEB_OTHERS_MAX || *of_host >= SAAS_WEB_OTHERS_PER_HOST) {
                a->left_out++;
            }
            else {
                ++*of_host;
                begin_other(s, address);
            }
        }
    }
    a->all = seen->nelts;
}

/* --------------------------------------------------------------- stages */

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

    const saas_web_hop_t *reached = first && first->peer_len ? first : saas_web_reply_first(other);

    if (reached && reached->peer_len && (reached == first ? wanted : other)->how != SAAS_WEB_FETCH_GUARDED) {
        e->at = saas_web_address_text(s->pool, (const struct sockaddr *)&reached->peer);
    }
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
    s->home = home;
    if (!s->whole) {
        begin_addresses(s);
    }
    if (home) {
        e->cors_origin = CORS_ORIGIN;
        e->cors = fetch(s, &s->cors, home, "GET", CORS_ORIGIN, 0);
        e->trace = fetch(s, &s->trace, home, "TRACE", NULL, 0);
        e->security_txt =
            fetch(s, &s->security_txt, saas_web_target_at(s->pool, home, "/.well-known/security.txt"), "GET", NULL, 1);
        if (s->token && !e->owned) {
            fetch(s, &s->proof, saas_web_target_at(s->pool, home, SAAS_WEB_PROOF), "GET", NULL, 0);
        }
        begin_owned(s);
    }
    step_done(s);
}

/* Goes on to the next stage, or to the end, when nothing is waited for any more. */
static void settle(scan_t *s)
{
    loop_t *l = s->loop;

    if (s->pending > 0 || (s->second_stage && s->beside > 0)) {
        return;
    }
    if (s->whole && s->second_stage) {
        beside_done(s->whole);
        return;
    }
    l->steps += !s->whole;
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

static void step_done(scan_t *s)
{
    s->pending--;
    settle(s);
}

static void beside_done(scan_t *s)
{
    s->beside--;
    if (s->second_stage) {
        settle(s);
    }
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
            saas_web_check_everywhere(scratch, check, e, &v);
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
    s->e.maps = apr_array_make(p, 1, sizeof(const char *));
    l->in_flight++;
    begin_names(s);
    begin_scan(s);
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
    l->others = apr_hash_make(l->pool);
    rv = saas_web_cert_store(&l->store, l->pool);
    l->asker = saas_web_asker_create(l->pool, l->run->anchors, timeout / 2);
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
        saas_web_asker_step(l->asker, apr_time_now());
        rv = report_done(l);
    }
    if (rv == APR_SUCCESS) {
        rv = tell_progress(l, 0);
    }
    if (rv == APR_SUCCESS && l->in_flight > 0) {
        n = saas_web_prober_fds(l->prober, &fds);
        n += saas_web_asker_fds(l->asker, fds + n);
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
