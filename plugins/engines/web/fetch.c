/* See fetch.h. Every transfer uses a fresh connection and a fresh TLS session,
 * so that each hop shows its whole certificate chain. This file must never let
 * libcurl follow a redirect, read a configuration file or choose a proxy, and
 * never open a socket without asking the guard; and never hold more of what a
 * server sends than the limits of fetch.h, however it is sent.
 */
#include "fetch.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ct.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* What a fetcher knows of a host (its open requests) or of an origin (has it
 * ever answered, and how many requests has it left unanswered?). */
typedef struct {
    int open;
    int answered, silent;
} place_t;

typedef struct {
    saas_web_fetcher_t *fetcher;
    saas_web_fetch_t *fetch; /* NULL: the slot is free */
    CURL *easy;
    saas_web_hop_t *hop;
    place_t *host;                 /* that the open request is counted with */
    const saas_web_target_t *next; /* the redirect that waits for its host, since: */
    apr_time_t waits;
    apr_time_t deadline;
    apr_size_t header_bytes; /* of all hops */
    int fields;
    char *line; /* the field that is arriving, with its continuations */
    apr_size_t line_len, line_size;
    char *body;
    apr_size_t body_len, body_size;
    int truncated, headers_too_big, headers_done, in_body;
    saas_web_admission_e refused; /* the last refusal of the guard on this hop */
    int guarded, admitted;
    struct curl_slist *request_headers, *connect_to;
} slot_t;

struct saas_web_fetcher_t {
    apr_pool_t *pool;
    const saas_web_guard_t *guard;
    const char *user_agent;
    CURLM *multi;
    slot_t *slots;
    int max_open;
    apr_interval_time_t timeout;
    int (*stopped)(void *baton);
    void *baton;
    apr_array_header_t *queue; /* saas_web_fetch_t *, NULL for one that has been begun */
    int queue_at;
    apr_hash_t *hosts, *origins; /* place_t */
    apr_size_t bodies; /* bytes held by all slots */
};

static place_t *find_place(saas_web_fetcher_t *fr, apr_hash_t *places, const char *name)
{
    place_t *place = apr_hash_get(places, name, APR_HASH_KEY_STRING);

    if (!place) {
        place = apr_pcalloc(fr->pool, sizeof(*place));
        apr_hash_set(places, apr_pstrdup(fr->pool, name), APR_HASH_KEY_STRING, place);
    }
    return place;
}

/* Of an origin: one that is asked at one address alone is a place of its own. */
static place_t *find_origin(saas_web_fetcher_t *fr, const saas_web_fetch_t *f, const saas_web_target_t *at)
{
    return find_place(fr, fr->origins, f->address ? apr_pstrcat(f->pool, at->origin, " ", f->address, NULL) : at->origin);
}

static int has_room(saas_web_fetcher_t *fr, const saas_web_target_t *at)
{
    return find_place(fr, fr->hosts, at->host)->open < SAAS_WEB_PER_HOST;
}

static curl_socket_t open_guarded(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    slot_t *s = data;
    saas_web_hop_t *hop = s->hop;
    saas_web_admission_e verdict;

    if (purpose != CURLSOCKTYPE_IPCXN || address->addrlen > sizeof(hop->peer)) {
        return CURL_SOCKET_BAD;
    }
    verdict = saas_web_guard_ask(s->fetcher->guard, &address->addr);
    if (verdict != SAAS_WEB_ADMITTED && verdict != SAAS_WEB_ADMITTED_LISTED) {
        s->refused = verdict;
        s->guarded = 1;
        if (!s->admitted) {
            memcpy(&hop->peer, &address->addr, address->addrlen);
            hop->peer_len = address->addrlen;
        }
        return CURL_SOCKET_BAD;
    }
    s->admitted = 1;
    memcpy(&hop->peer, &address->addr, address->addrlen);
    hop->peer_len = address->addrlen;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static apr_status_t free_chain(void *data)
{
    apr_array_header_t *chain = data;

    for (int i = 0; i < chain->nelts; i++) {
        X509_free(APR_ARRAY_IDX(chain, i, X509 *));
    }
    chain->nelts = 0;
    return APR_SUCCESS;
}

/* A chain takes many times its size on the wire; only one of a fetch is judged. */
static int wants_chain(const slot_t *s)
{
    const apr_array_header_t *hops = s->fetch->reply->hops;

    if (!s->fetch->keep_chain || strcmp(s->hop->at->host, s->fetch->at->host) != 0) {
        return 0;
    }
    for (int i = 0; i < hops->nelts - 1; i++) {
        if (APR_ARRAY_IDX(hops, i, saas_web_hop_t *)->tls.chain->nelts) {
            return 0;
        }
    }
    return 1;
}

/* In place of verification: keeps the chain as sent and lets the handshake go on. */
static int keep_chain(X509_STORE_CTX *ctx, void *data)
{
    saas_web_hop_t *hop = ((slot_t *)data)->hop;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);
    int n = wants_chain(data) ? sk_X509_num(sent) : 0;

    free_chain(hop->tls.chain);
    for (int i = 0; i < n && i < 32; i++) {
        X509 *x = sk_X509_value(sent, i);

        X509_up_ref(x);
        APR_ARRAY_PUSH(hop->tls.chain, X509 *) = x;
    }
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static int keep_staple(SSL *ssl, void *data)
{
    slot_t *s = data;
    const unsigned char *der = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

    if (der && len > 0) {
        s->hop->tls.staple = apr_pmemdup(s->fetch->pool, der, len);
        s->hop->tls.staple_len = len;
    }
    return 1;
}

static int look_at_ticket(SSL *ssl, SSL_SESSION *session)
{
    slot_t *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    long size = (long)SSL_SESSION_get_max_early_data(session);

    if (s->hop->tls.early_data != 1) {
        s->hop->tls.early_data = size > 0;
    }
    return 0;
}

/* Nothing is refused for its timestamps; without a callback they are not asked for. */
static int take_timestamps(const CT_POLICY_EVAL_CTX *ctx, const STACK_OF(SCT) *timestamps, void *data)
{
    (void)ctx;
    (void)timestamps;
    (void)data;
    return 1;
}

/* The scanner speaks to old and broken servers too: it wants to report them. */
static CURLcode prepare_tls(CURL *easy, void *ssl_ctx, void *data)
{
    SSL_CTX *ctx = ssl_ctx;

    (void)easy;
    SSL_CTX_set_app_data(ctx, data);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_cert_verify_callback(ctx, keep_chain, data);
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(ctx, keep_staple);
    SSL_CTX_set_tlsext_status_arg(ctx, data);
    SSL_CTX_set_ct_validation_callback(ctx, take_timestamps, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, look_at_ticket);
    return CURLE_OK;
}

static void trim(const char **from, const char **to)
{
    while (*from < *to && apr_isspace(**from)) {
        ++*from;
    }
    while (*to > *from && apr_isspace((*to)[-1])) {
        --*to;
    }
}

static char *trimmed(apr_pool_t *p, const char *from, const char *to)
{
    trim(&from, &to);
    return apr_pstrmemdup(p, from, to - from);
}

/* The field that has arrived, if any, becomes one of the hop's. */
static void commit_field(slot_t *s)
{
    apr_pool_t *p = s->fetch->pool;
    const char *end = s->line + s->line_len;
    const char *colon = s->line_len ? memchr(s->line, ':', s->line_len) : NULL;

    if (colon && colon > s->line) {
        saas_web_header_t *h = apr_array_push(s->hop->headers);
        char *name = trimmed(p, s->line, colon);

        for (char *c = name; *c; c++) {
            *c = apr_tolower(*c);
        }
        h->name = name;
        h->value = trimmed(p, colon + 1, end);
    }
    s->line_len = 0;
}

static int append(slot_t *s, const char *text, apr_size_t len)
{
    if (s->line_len + len > s->line_size) {
        apr_size_t want = s->line_size ? s->line_size : 1024;
        char *grown;

        while (want < s->line_len + len) {
            want *= 2;
        }
        grown = realloc(s->line, want);
        if (!grown) {
            return 0;
        }
        s->line = grown;
        s->line_size = want;
    }
    memcpy(s->line + s->line_len, text, len);
    s->line_len += len;
    return 1;
}

/* Codings of the body, of whichever kind. */
static int count_codings(const apr_array_header_t *headers)
{
    int n = 0;

    for (int i = 0; i < headers->nelts; i++) {
        const saas_web_header_t *h = &APR_ARRAY_IDX(headers, i, saas_web_header_t);
        const char *word = h->value;

        if (strcmp(h->name, "content-encoding") != 0 && strcmp(h->name, "transfer-encoding") != 0) {
            continue;
        }
        while (*(word += strspn(word, ", \t"))) {
            size_t len = strcspn(word, ", \t");

            n += !(len == 7 && strncasecmp(word, "chunked", 7) == 0) && !(len == 8 && strncasecmp(word, "identity", 8) == 0);
            word += len;
        }
    }
    return n;
}

/* Those of the certificate, of the handshake and of the staple together. */
static void count_timestamps(slot_t *s)
{
    struct curl_tlssessioninfo *session = NULL;
    const STACK_OF(SCT) *timestamps;

    if (curl_easy_getinfo(s->easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session || !session->internals
        || session->backend != CURLSSLBACKEND_OPENSSL) {
        return;
    }
    timestamps = SSL_get0_peer_scts(session->internals);
    s->hop->tls.timestamps = timestamps ? sk_SCT_num(timestamps) : 0;
}

/* Of a response that is compressed twice, what comes out at last is no measure
 * of what was unpacked on the way: its body is not read. */
static size_t end_headers(slot_t *s, size_t len)
{
    long status = 0;

    commit_field(s);
    s->headers_done = 1;
    count_timestamps(s);
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && count_codings(s->hop->headers) > 1 ? 0 : len;
}

static size_t take_header(char *line, size_t size, size_t n, void *data)
{
    slot_t *s = data;
    size_t len = size * n;
    const char *from = line, *to = line + len;

    s->header_bytes += len;
    if (s->header_bytes > SAAS_WEB_HEADERS_MAX || s->fields > SAAS_WEB_FIELDS_MAX) {
        s->headers_too_big = 1;
        return 0;
    }
    if (s->in_body) {
        return len; /* trailers are no header fields of the response */
    }
    trim(&from, &to);
    if (s->line_len && from > line && from < to) {
        return append(s, " ", 1) && append(s, from, to - from) ? len : 0; /* goes on in another line */
    }
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        apr_array_clear(s->hop->headers); /* an interim response came before */
        s->line_len = 0;
        s->headers_done = 0;
        return len;
    }
    if (line[0] == '\r' || line[0] == '\n') {
        return end_headers(s, len);
    }
    commit_field(s);
    s->fields++;
    return append(s, from, to - from) ? len : 0;
}

/* Body bytes are counted decoded. Over the limit the transfer ends, and what
 * has arrived is used. */
static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
    slot_t *s = data;
    size_t len = size * n;

    s->in_body = 1;
    if (s->body_len + len > SAAS_WEB_BODY_MAX || s->fetcher->bodies + len > SAAS_WEB_BODIES_MAX) {
        s->truncated = 1;
        return 0;
    }
    if (s->body_len + len > s->body_size) {
        size_t want = s->body_size ? s->body_size * 2 : 16384;
        char *grown;

        while (want < s->body_len + len) {
            want *= 2;
        }
        grown = realloc(s->body, want);
        if (!grown) {
            s->truncated = 1;
            return 0;
        }
        s->body = grown;
        s->body_size = want;
    }
    memcpy(s->body + s->body_len, bytes, len);
    s->body_len += len;
    s->fetcher->bodies += len;
    return len;
}

static void drop_body(slot_t *s)
{
    s->fetcher->bodies -= s->body_len;
    free(s->body);
    s->body = NULL;
    s->body_len = s->body_size = 0;
}

static void drop_easy(slot_t *s)
{
    if (s->easy) {
        curl_multi_remove_handle(s->fetcher->multi, s->easy);
        curl_easy_cleanup(s->easy);
        s->easy = NULL;
    }
    if (s->host) {
        s->host->open--;
        s->host = NULL;
    }
    curl_slist_free_all(s->request_headers);
    curl_slist_free_all(s->connect_to);
    s->request_headers = s->connect_to = NULL;
    free(s->line);
    s->line = NULL;
    s->line_len = s->line_size = 0;
}

static apr_status_t destroy(void *data)
{
    saas_web_fetcher_t *fr = data;

    for (int i = 0; i < fr->max_open; i++) {
        if (fr->slots[i].fetch) {
            drop_easy(&fr->slots[i]);
            drop_body(&fr->slots[i]);
        }
    }
    curl_multi_cleanup(fr->multi);
    return APR_SUCCESS;
}

static void finish(slot_t *s, saas_web_fetch_e how, const char *reason)
{
    saas_web_fetch_t *f = s->fetch;

    f->reply->how = how;
    f->reply->reason = reason;
    f->reply->truncated = s->truncated;
    drop_easy(s);
    s->fetch = NULL;
    f->done(f, s->body, s->body_len, f->baton);
    drop_body(s);
}

static int ask_stopped(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    saas_web_fetcher_t *fr = ((slot_t *)data)->fetcher;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return fr->stopped(fr->baton);
}

static apr_status_t set_options(slot_t *s, const saas_web_target_t *at, apr_time_t now)
{
    CURL *e = s->easy;
    long half = (long)apr_time_as_msec(s->fetcher->timeout) / 2;
    long left = (long)apr_time_as_msec(s->deadline - now);
    CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(e, option, value) : rc)
    SET(CURLOPT_URL, at->url);
    SET(CURLOPT_PRIVATE, s);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread that hangs */
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_USERAGENT, s->fetcher->user_agent);
    SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    SET(CURLOPT_TIMEOUT_MS, left > 1 ? left : 1);
    SET(CURLOPT_CONNECTTIMEOUT_MS, half);
    SET(CURLOPT_LOW_SPEED_LIMIT, 64L);
    SET(CURLOPT_LOW_SPEED_TIME, half >= 1000 ? half / 1000 : 1L);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, ask_stopped);
    SET(CURLOPT_XFERINFODATA, s);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_guarded);
    SET(CURLOPT_OPENSOCKETDATA, s);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, s);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, s);
    /* Recorded by keep_chain and judged afterwards; nothing is sent that a
     * man in the middle should not see. */
    SET(CURLOPT_SSL_VERIFYPEER, 0L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_0);
    SET(CURLOPT_SSL_CIPHER_LIST, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    SET(CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
    SET(CURLOPT_SSL_CTX_DATA, s);
    if (strcmp(s->fetch->method, "GET") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, s->fetch->method);
    }
    if (s->fetch->origin) {
        s->request_headers = curl_slist_append(NULL, apr_pstrcat(s->fetch->pool, "Origin: ", s->fetch->origin, NULL));
        SET(CURLOPT_HTTPHEADER, s->request_headers);
    }
    if (s->fetch->address && strcmp(at->host, s->fetch->at->host) == 0) {
        int bracket = strchr(s->fetch->address, ':') != NULL;

        /* Not CURLOPT_RESOLVE, which all transfers of a multi handle would heed. */
        s->connect_to = curl_slist_append(
            NULL, apr_pstrcat(s->fetch->pool, bracket ? "::[" : "::", s->fetch->address, bracket ? "]:" : ":", NULL));
        SET(CURLOPT_CONNECT_TO, s->connect_to);
    }
#undef SET
    return rc == CURLE_OK ? APR_SUCCESS : APR_EGENERAL;
}

/* Begins the next hop of a fetch; ends the fetch when that is impossible. */
static void begin_hop(slot_t *s, const saas_web_target_t *at, apr_time_t now)
{
    saas_web_fetcher_t *fr = s->fetcher;
    apr_pool_t *p = s->fetch->pool;
    saas_web_hop_t *hop = apr_pcalloc(p, sizeof(*hop));
    const place_t *origin = find_origin(fr, s->fetch, at);

    hop->at = at;
    hop->headers = apr_array_make(p, 24, sizeof(saas_web_header_t));
    hop->tls.chain = apr_array_make(p, 4, sizeof(X509 *));
    hop->tls.early_data = hop->tls.timestamps = -1;
    apr_pool_cleanup_register(p, hop->tls.chain, free_chain, apr_pool_cleanup_null);
    APR_ARRAY_PUSH(s->fetch->reply->hops, saas_web_hop_t *) = hop;

    drop_easy(s);
    drop_body(s);
    s->hop = hop;
    s->next = NULL;
    s->truncated = s->headers_too_big = s->headers_done = s->in_body = s->guarded = s->admitted = 0;
    if (!origin->answered && origin->silent >= SAAS_WEB_SILENT_MAX) {
        finish(s, SAAS_WEB_FETCH_UNREACHABLE,
               apr_psprintf(p, "%s port %d has answered none of %d requests in time and was asked no more", at->host,
                            at->port, origin->silent));
        return;
    }
    s->easy = curl_easy_init();
    if (!s->easy || set_options(s, at, now) != APR_SUCCESS
        || curl_multi_add_handle(fr->multi, s->easy) != CURLM_OK) {
        finish(s, SAAS_WEB_FETCH_FAILED, "the request could not be prepared");
        return;
    }
    s->host = find_place(fr, fr->hosts, at->host);
    s->host->open++;
}

/* The same when the host has room for it; waiting takes nothing of its time. */
static void begin_waiting(slot_t *s, apr_time_t now)
{
    if (has_room(s->fetcher, s->next)) {
        s->deadline += now - s->waits;
        begin_hop(s, s->next, now);
    }
}

/* Says nothing of the address that a name has: a scan must not be a way to
 * read the internal DNS of the place where the server stands. */
static const char *refusal(slot_t *s)
{
    apr_pool_t *p = s->fetch->pool;
    const saas_web_target_t *at = s->hop->at;

    if (s->refused == SAAS_WEB_REFUSED_PORT) {
        return apr_psprintf(p, "port %d of %s is not scanned", at->port, at->host);
    }
    return apr_psprintf(
        p, at->is_ip ? "%s is not publicly routable" : "%s does not resolve to a publicly routable address", at->host);
}

/* Where a refused redirect leads, without what may be secret in it. */
static const char *shown_location(apr_pool_t *p, const char *location)
{
    size_t len = strcspn(location, "?#");

    return memchr(location, '@', len) ? "a URL with credentials"
                                      : apr_psprintf(p, "\"%.*s\"", len > 512 ? 512 : (int)len, location);
}

/* Ends the fetch after a transfer that brought no response. */
static void fail(slot_t *s, CURLcode rc)
{
    apr_pool_t *p = s->fetch->pool;
    const saas_web_target_t *at = s->hop->at;
    const char *where = apr_psprintf(p, "%s port %d", at->host, at->port);
    long error = 0;
    curl_off_t connected = 0, resolved = 0;

    curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &error);
    curl_easy_getinfo(s->easy, CURLINFO_CONNECT_TIME_T, &connected);
    /* What libcurl 7.88 says of a single header longer than it takes. */
    if (s->headers_too_big || (rc == CURLE_OUT_OF_MEMORY && connected)) {
        finish(s, SAAS_WEB_FETCH_TOO_BIG,
               apr_psprintf(p, "%s sent more than %d KiB or %d fields of headers", where, SAAS_WEB_HEADERS_MAX / 1024,
                            SAAS_WEB_FIELDS_MAX));
        return;
    }
    if (s->guarded && !s->admitted) {
        finish(s, SAAS_WEB_FETCH_GUARDED, refusal(s));
        return;
    }
    switch (rc) {
    case CURLE_COULDNT_RESOLVE_HOST:
        finish(s, SAAS_WEB_FETCH_NO_NAME, apr_psprintf(p, "the name %s does not resolve", at->host));
        break;
    case CURLE_COULDNT_CONNECT:
        if (error == ECONNREFUSED) {
            finish(s, SAAS_WEB_FETCH_CLOSED, apr_psprintf(p, "%s is closed", where));
        }
        else {
            finish(s, SAAS_WEB_FETCH_UNREACHABLE, apr_psprintf(p, "%s cannot be reached", where));
        }
        break;
    case CURLE_OPERATION_TIMEDOUT:
        find_origin(s->fetcher, s->fetch, at)->silent++;
        curl_easy_getinfo(s->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
        if (resolved == 0) {
            finish(s, SAAS_WEB_FETCH_NO_NAME, apr_psprintf(p, "the name %s was not resolved in time", at->host));
        }
        else if (connected == 0) {
            finish(s, SAAS_WEB_FETCH_UNREACHABLE, apr_psprintf(p, "%s did not answer in time", where));
        }
        else {
            finish(s, SAAS_WEB_FETCH_SLOW, apr_psprintf(p, "%s did not answer in time", where));
        }
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
        finish(s, SAAS_WEB_FETCH_NO_TLS, apr_psprintf(p, "no TLS handshake came about with %s", where));
        break;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
        finish(s, SAAS_WEB_FETCH_NO_HTTP, apr_psprintf(p, "%s did not answer with an HTTP response", where));
        break;
    default:
        finish(s, SAAS_WEB_FETCH_FAILED, apr_psprintf(p, "%s: %s", where, curl_easy_strerror(rc)));
        break;
    }
}

static int is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Of several addresses that were tried, the one that answered. */
static void keep_peer(slot_t *s)
{
    struct sockaddr_storage ss;
    const char *ip = NULL;
    socklen_t len;

    if (curl_easy_getinfo(s->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip && *ip) {
        len = saas_web_address_parse(ip, s->hop->at->port, &ss);
        if (len) {
            s->hop->peer = ss;
            s->hop->peer_len = len;
        }
    }
}

static void end_hop(slot_t *s, CURLcode rc, apr_time_t now)
{
    saas_web_fetch_t *f = s->fetch;
    const saas_web_target_t *next = NULL;
    const char *message;
    char *location = NULL;
    long status = 0;

    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    keep_peer(s);
    /* A complete header section is a response, whatever became of its body. */
    if (rc != CURLE_OK && !(s->headers_done && status >= 200)) {
        fail(s, rc);
        return;
    }
    if (rc != CURLE_OK) {
        s->truncated = 1;
    }
    s->hop->status = (int)status;
    find_origin(s->fetcher, f, s->hop->at)->answered = 1;
    curl_easy_getinfo(s->easy, CURLINFO_REDIRECT_URL, &location);
    if (!f->follow || !is_redirect(status) || !location) {
        finish(s, SAAS_WEB_FETCH_OK, NULL);
        return;
    }
    if (f->reply->hops->nelts > SAAS_WEB_MAX_REDIRECTS) {
        finish(s, SAAS_WEB_FETCH_LOOP,
               apr_psprintf(f->pool, "%s redirects more than %d times", saas_web_target_shown(f->pool, f->at),
                            SAAS_WEB_MAX_REDIRECTS));
        return;
    }
    message = saas_web_target_parse(f->pool, s->fetcher->guard, location, &next);
    if (message) {
        finish(s, SAAS_WEB_FETCH_BAD_REDIRECT,
               apr_psprintf(f->pool, "%s redirects to %s: %s", saas_web_target_shown(f->pool, s->hop->at),
                            shown_location(f->pool, location), message));
        return;
    }
    if (now >= s->deadline) {
        finish(s, SAAS_WEB_FETCH_SLOW,
               apr_psprintf(f->pool, "the redirects of %s take too long", saas_web_target_shown(f->pool, f->at)));
        return;
    }
    drop_easy(s);
    s->next = next;
    s->waits = now;
    begin_waiting(s, now);
}

apr_status_t saas_web_fetcher_create(saas_web_fetcher_t **out, apr_pool_t *p, const saas_web_guard_t *g,
                                     const char *user_agent, int max_open, apr_interval_time_t timeout,
                                     int (*stopped)(void *baton), void *baton)
{
    saas_web_fetcher_t *fr = apr_pcalloc(p, sizeof(*fr));
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

    if (!v->ssl_version || strncmp(v->ssl_version, "OpenSSL/", 8) != 0) {
        return APR_ENOTIMPL;
    }
    fr->pool = p;
    fr->guard = g;
    fr->user_agent = user_agent;
    fr->max_open = max_open;
    fr->timeout = timeout;
    fr->hosts = apr_hash_make(p);
    fr->origins = apr_hash_make(p);
    fr->stopped = stopped;
    fr->baton = baton;
    fr->slots = apr_pcalloc(p, sizeof(slot_t) * max_open);
    fr->queue = apr_array_make(p, max_open, sizeof(saas_web_fetch_t *));
    fr->multi = curl_multi_init();
    if (!fr->multi) {
        return APR_ENOMEM;
    }
    for (int i = 0; i < max_open; i++) {
        fr->slots[i].fetcher = fr;
    }
    curl_multi_setopt(fr->multi, CURLMOPT_MAXCONNECTS, 1L);
    /* Before the subpools: libcurl may still read what it writes to there. */
    apr_pool_pre_cleanup_register(p, fr, destroy);
    *out = fr;
    return APR_SUCCESS;
}

void saas_web_fetcher_add(saas_web_fetcher_t *fr, saas_web_fetch_t *f)
{
    if (fr->queue_at == fr->queue->nelts) {
        apr_array_clear(fr->queue);
        fr->queue_at = 0;
    }
    f->reply = apr_pcalloc(f->pool, sizeof(*f->reply));
    f->reply->hops = apr_array_make(f->pool, 3, sizeof(saas_web_hop_t *));
    APR_ARRAY_PUSH(fr->queue, saas_web_fetch_t *) = f;
}

/* Takes the first of the queue whose host has room; NULL: none has. */
static saas_web_fetch_t *take(saas_web_fetcher_t *fr)
{
    for (int i = fr->queue_at; i < fr->queue->nelts; i++) {
        saas_web_fetch_t *f = APR_ARRAY_IDX(fr->queue, i, saas_web_fetch_t *);

        if (f && has_room(fr, f->at)) {
            APR_ARRAY_IDX(fr->queue, i, saas_web_fetch_t *) = NULL;
            while (fr->queue_at < fr->queue->nelts && !APR_ARRAY_IDX(fr->queue, fr->queue_at, saas_web_fetch_t *)) {
                fr->queue_at++;
            }
            return f;
        }
    }
    return NULL;
}

static void begin(saas_web_fetcher_t *fr, apr_time_t now)
{
    int more = 1;

    for (int i = 0; i < fr->max_open; i++) {
        slot_t *s = &fr->slots[i];

        if (s->fetch && s->next) {
            begin_waiting(s, now);
        }
        else if (!s->fetch && more) {
            s->fetch = take(fr);
            more = s->fetch != NULL;
            if (!more) {
                continue;
            }
            s->deadline = now + fr->timeout;
            s->header_bytes = 0;
            s->fields = 0;
            begin_hop(s, s->fetch->at, now);
        }
    }
}

apr_status_t saas_web_fetcher_step(saas_web_fetcher_t *fr, apr_time_t now)
{
    CURLMsg *m;
    int running, left;

    begin(fr, now);
    if (curl_multi_perform(fr->multi, &running) != CURLM_OK) {
        return APR_EGENERAL;
    }
    while ((m = curl_multi_info_read(fr->multi, &left)) != NULL) {
        slot_t *s = NULL;

        if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s) == CURLE_OK
            && s) {
            end_hop(s, m->data.result, now);
        }
    }
    return APR_SUCCESS;
}

apr_status_t saas_web_fetcher_wait(saas_web_fetcher_t *fr, struct curl_waitfd *fds, int nfds, int milliseconds)
{
    return curl_multi_poll(fr->multi, fds, nfds, milliseconds, NULL) == CURLM_OK ? APR_SUCCESS : APR_EGENERAL;
}
