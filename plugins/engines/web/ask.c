/* See ask.h. Two contexts of libunbound: one that takes answers as they are,
 * one that validates. A context that validates withholds what does not pass,
 * and where the name servers of this machine hand on no signatures nothing
 * does: the other one still has the records. This file must never let a
 * context ask anybody but the name servers of this machine.
 */
#include "ask.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <unbound.h>
#include <unistd.h>

typedef struct {
    struct ub_ctx *ctx;  /* NULL: not yet, or it could not be made */
    const char *problem; /* why not */
} resolver_t;

typedef struct {
    saas_web_asker_t *asker;
    saas_web_question_t *question; /* NULL: the slot is free */
    resolver_t *by;
    int id;
    apr_time_t deadline;
} slot_t;

struct saas_web_asker_t {
    apr_pool_t *pool;
    const char *anchors;
    apr_interval_time_t timeout;
    resolver_t plain, validating;
    slot_t slots[SAAS_WEB_QUESTIONS_OPEN];
    apr_array_header_t *queue; /* saas_web_question_t * */
    int queue_at;
    int answered, silent;
    apr_hash_t *domains; /* int, questions that were left unanswered */
    saas_web_question_t root;    /* is the root signed, seen from here? */
    int root_known;
    apr_array_header_t *waiting; /* saas_web_question_t *, for that */
};

static apr_status_t end(void *data)
{
    saas_web_asker_t *a = data;

    if (a->plain.ctx) {
        ub_ctx_delete(a->plain.ctx);
    }
    if (a->validating.ctx) {
        ub_ctx_delete(a->validating.ctx);
    }
    return APR_SUCCESS;
}

saas_web_asker_t *saas_web_asker_create(apr_pool_t *p, const char *anchors, apr_interval_time_t timeout)
{
    saas_web_asker_t *a = apr_pcalloc(p, sizeof(*a));

    a->pool = p;
    a->anchors = anchors;
    a->timeout = timeout;
    a->queue = apr_array_make(p, 64, sizeof(saas_web_question_t *));
    a->domains = apr_hash_make(p);
    a->waiting = apr_array_make(p, 16, sizeof(saas_web_question_t *));
    for (int i = 0; i < SAAS_WEB_QUESTIONS_OPEN; i++) {
        a->slots[i].asker = a;
    }
    /* Before the subpools: a worker must not outlive what its answers are written to. */
    apr_pool_pre_cleanup_register(p, a, end);
    return a;
}

/* Makes a context at its first question. */
static void open_resolver(saas_web_asker_t *a, resolver_t *r)
{
    static const char *const options[][2] = {
        { "do-not-query-localhost:", "no" }, /* the name server of this machine may well run on it */
        { "msg-cache-size:", "1m" },         { "rrset-cache-size:", "1m" },
        { "outgoing-range:", "128" }, /* SAAS_WEB_QUESTIONS_OPEN: what waits inside would have its time run out */
        { "key-cache-size:", "1m" },         { "infra-cache-numhosts:", "16" },
        { "outbound-msg-retry:", "16" }, /* how long a name server may be silent is said here, not there: five tries can be over
                                            in three seconds, and are then told as a failure */
    };
    int validating = r == &a->validating;
    struct ub_ctx *ctx;

    if (r->ctx || r->problem) {
        return;
    }
    if (validating && (!a->anchors || access(a->anchors, R_OK) != 0)) {
        r->problem = a->anchors ? apr_psprintf(a->pool, "the trust anchor, %s, is not there", a->anchors)
                                : "there is no trust anchor";
        return;
    }
    ctx = ub_ctx_create();
    if (!ctx) {
        r->problem = "the resolver could not be started";
        return;
    }
    ub_ctx_debugout(ctx, NULL);
    ub_ctx_debuglevel(ctx, 0);
    if (ub_ctx_resolvconf(ctx, NULL) != 0) {
        r->problem = "this server has no name server: /etc/resolv.conf cannot be read";
    }
    else if (ub_ctx_set_option(ctx, "module-config:", validating ? "validator iterator" : "iterator") != 0
             || ub_ctx_async(ctx, 1) != 0
             || (validating && ub_ctx_add_ta_file(ctx, a->anchors) != 0)) {
        r->problem = "the resolver could not be set up";
    }
    for (size_t i = 0; !r->problem && i < sizeof(options) / sizeof(options[0]); i++) {
        if (ub_ctx_set_option(ctx, options[i][0], options[i][1]) != 0) {
            r->problem = "the resolver could not be set up";
        }
    }
    if (!r->problem && !validating) {
        (void)ub_ctx_hosts(ctx, NULL); /* names of a lab; there may be no such file */
    }
    if (r->problem) {
        ub_ctx_delete(ctx);
        return;
    }
    r->ctx = ctx;
}

static void finish(saas_web_question_t *q)
{
    q->done(q, q->baton);
}

/* What the root's answer says of the verdict on another name: whether this
 * machine can tell at all. */
static void conclude(saas_web_asker_t *a, saas_web_question_t *q)
{
    const saas_web_question_t *root = &a->root;

    if (q->dnssec == SAAS_WEB_DNSSEC_BOGUS && root->dnssec == SAAS_WEB_DNSSEC_BOGUS) {
        q->dnssec = SAAS_WEB_DNSSEC_UNKNOWN;
        q->why = "the name servers of this machine hand on no signatures";
    }
    else if (q->dnssec == SAAS_WEB_DNSSEC_UNSIGNED && root->dnssec != SAAS_WEB_DNSSEC_SECURE) {
        q->dnssec = SAAS_WEB_DNSSEC_UNKNOWN;
        q->why = root->dnssec == SAAS_WEB_DNSSEC_UNSIGNED ? "the trust anchor does not vouch for the root"
                                                          : "the name servers of this machine do not tell the root's keys";
    }
    finish(q);
}

static void root_done(saas_web_question_t *root, void *baton)
{
    saas_web_asker_t *a = baton;

    (void)root;
    a->root_known = 1;
    for (int i = 0; i < a->waiting->nelts; i++) {
        conclude(a, APR_ARRAY_IDX(a->waiting, i, saas_web_question_t *));
    }
    apr_array_clear(a->waiting);
}

/* A verdict waits for what is known of the root, which is asked once. */
static void judge(saas_web_asker_t *a, saas_web_question_t *q)
{
    if (q == &a->root || q->dnssec == SAAS_WEB_DNSSEC_SECURE || q->dnssec == SAAS_WEB_DNSSEC_UNKNOWN) {
        finish(q);
    }
    else if (a->root_known) {
        conclude(a, q);
    }
    else {
        APR_ARRAY_PUSH(a->waiting, saas_web_question_t *) = q;
        if (a->waiting->nelts == 1) {
            a->root.pool = a->pool;
            a->root.name = a->root.domain = ".";
            a->root.type = SAAS_WEB_DNS_SOA;
            a->root.validate = 1;
            a->root.done = root_done;
            a->root.baton = a;
            saas_web_asker_add(a, &a->root);
        }
    }
}

static void take_answer(void *data, int err, struct ub_result *result)
{
    slot_t *s = data;
    saas_web_asker_t *a = s->asker;
    saas_web_question_t *q = s->question;
    saas_web_dns_answer_t *answer = &q->answer;

    s->question = NULL;
    a->answered = 1;
    answer->how = SAAS_WEB_DNS_FAILED;
    if (err == 0 && result) {
        if (result->havedata && !result->bogus && result->answer_packet) {
            answer->records = saas_web_dns_read(q->pool, q->type, result->answer_packet, (apr_size_t)result->answer_len);
            answer->how = answer->records ? SAAS_WEB_DNS_FOUND : SAAS_WEB_DNS_FAILED;
        }
        else if (!result->bogus && (result->nxdomain || result->rcode == 0)) {
            answer->how = SAAS_WEB_DNS_NONE;
        }
        if (result->secure) {
            q->dnssec = SAAS_WEB_DNSSEC_SECURE;
        }
        else if (result->bogus) {
            q->dnssec = SAAS_WEB_DNSSEC_BOGUS;
            q->why = result->why_bogus ? apr_pstrdup(q->pool, result->why_bogus) : "a signature is wrong";
        }
        else if (answer->how == SAAS_WEB_DNS_FOUND || answer->how == SAAS_WEB_DNS_NONE) {
            q->dnssec = SAAS_WEB_DNSSEC_UNSIGNED;
        }
    }
    if (q->dnssec == SAAS_WEB_DNSSEC_UNKNOWN) {
        q->why = "the name servers of this machine cannot tell";
    }
    ub_resolve_free(result);
    if (q->validate) {
        judge(a, q);
    }
    else {
        finish(q);
    }
}

static void fail(saas_web_asker_t *a, saas_web_question_t *q, saas_web_dns_e how, const char *why)
{
    q->answer.how = how;
    q->dnssec = SAAS_WEB_DNSSEC_UNKNOWN;
    q->why = why;
    (void)a;
    finish(q);
}

void saas_web_asker_add(saas_web_asker_t *a, saas_web_question_t *q)
{
    if (a->queue_at == a->queue->nelts) {
        apr_array_clear(a->queue);
        a->queue_at = 0;
    }
    q->answer = (saas_web_dns_answer_t){ .how = SAAS_WEB_DNS_NOT_ASKED, .name = q->name };
    q->dnssec = SAAS_WEB_DNSSEC_UNKNOWN;
    q->why = NULL;
    APR_ARRAY_PUSH(a->queue, saas_web_question_t *) = q;
}

/* How often questions of a domain were left unanswered; to be counted up. */
static int *silence(saas_web_asker_t *a, const saas_web_question_t *q)
{
    int *n = apr_hash_get(a->domains, q->domain, APR_HASH_KEY_STRING);

    if (!n) {
        n = apr_pcalloc(a->pool, sizeof(*n));
        apr_hash_set(a->domains, apr_pstrdup(a->pool, q->domain), APR_HASH_KEY_STRING, n);
    }
    return n;
}

static void ask(saas_web_asker_t *a, slot_t *s, saas_web_question_t *q, apr_time_t now)
{
    resolver_t *r = q->validate ? &a->validating : &a->plain;

    open_resolver(a, r);
    if (!r->ctx) {
        fail(a, q, SAAS_WEB_DNS_FAILED, r->problem);
        return;
    }
    if ((!a->answered && a->silent >= SAAS_WEB_QUESTIONS_SILENT) || a->silent >= SAAS_WEB_QUESTIONS_LOST
        || *silence(a, q) >= SAAS_WEB_QUESTIONS_SILENT) {
        fail(a, q, SAAS_WEB_DNS_SILENT, "the name servers of this machine do not answer");
        return;
    }
    s->question = q;
    s->by = r;
    s->deadline = now + a->timeout;
    if (ub_resolve_async(r->ctx, q->name, q->type, 1, s, take_answer, &s->id) != 0) {
        s->question = NULL;
        fail(a, q, SAAS_WEB_DNS_FAILED, "the resolver could not be asked");
    }
}

int saas_web_asker_fds(saas_web_asker_t *a, struct curl_waitfd *fds)
{
    const resolver_t *all[] = { &a->plain, &a->validating };
    int n = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->ctx) {
            fds[n].fd = ub_fd(all[i]->ctx);
            fds[n].events = CURL_WAIT_POLLIN;
            fds[n].revents = 0;
            n++;
        }
    }
    return n;
}

void saas_web_asker_step(saas_web_asker_t *a, apr_time_t now)
{
    resolver_t *all[] = { &a->plain, &a->validating };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->ctx && ub_poll(all[i]->ctx)) {
            ub_process(all[i]->ctx);
        }
    }
    for (int i = 0; i < SAAS_WEB_QUESTIONS_OPEN; i++) {
        slot_t *s = &a->slots[i];
        saas_web_question_t *q = s->question;

        if (q && now >= s->deadline) {
            ub_cancel(s->by->ctx, s->id);
            s->question = NULL;
            a->silent++;
            ++*silence(a, q);
            fail(a, q, SAAS_WEB_DNS_SILENT, "the name servers of this machine gave no answer in time");
        }
    }
    for (int i = 0; i < SAAS_WEB_QUESTIONS_OPEN && a->queue_at < a->queue->nelts; i++) {
        while (!a->slots[i].question && a->queue_at < a->queue->nelts) {
            ask(a, &a->slots[i], APR_ARRAY_IDX(a->queue, a->queue_at++, saas_web_question_t *), now);
        }
    }
}
