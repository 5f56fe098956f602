/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See sender.h.  This file must never let libcurl follow a redirect, read a configuration file or choose a proxy, and never
 * open a socket without asking the guard, which is told the address that the kernel is about to connect to: whatever a
 * name resolves to, and however often that changes.  What is said of a refusal names no address: an endpoint must not be a
 * way to read the internal DNS of the place where this server stands.
 */
#include "sender.h"

#include <apr_strings.h>
#include <curl/curl.h>
#include <errno.h>
#include <time.h>

#define CONNECT_MS 5000L
#define SLOW_MS 2000
#define HEADERS_MAX 65536
#define ANSWER_MAX 65536        /* read at most; what is kept of it is SAAS_NOTIFY_EXCERPT */
#define KEPT_CONNECTIONS 256L
#define RESTED_SECONDS 30L      /* a connection that has not been used for longer is not used again */
#define AGENT "mod_saas-notify/1.0"

typedef struct slot_t {
    saas_notify_sender_t *sender;
    saas_notify_parcel_t *parcel;  /* NULL: free */
    CURL *easy;
    struct curl_slist *headers;
    int refused;                   /* saas_admission_e of the guard's last refusal */
    apr_size_t header_bytes, body_bytes;
    char excerpt[SAAS_NOTIFY_EXCERPT + 1];
    apr_size_t kept;
} slot_t;

struct saas_notify_sender_t {
    server_rec *server;
    const saas_guard_t *guard;
    const char *ca_file;
    long timeout_ms;
    int http;                      /* may it be plain? */
    CURLM *multi;
    slot_t *slots;
    int most, under_way;
};

apr_int64_t saas_notify_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ----------------------------------------------------------- callbacks -- */

static curl_socket_t open_guarded(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    slot_t *slot = data;
    saas_admission_e admission = SAAS_REFUSED_ADDRESS;

    if (purpose == CURLSOCKTYPE_IPCXN) {
        admission = saas_guard_ask(slot->sender->guard, &address->addr);
    }
    if (admission != SAAS_ADMITTED && admission != SAAS_ADMITTED_LISTED) {
        slot->refused = (int)admission;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_header(char *line, size_t size, size_t n, void *data)
{
    slot_t *slot = data;
    (void)line;
    slot->header_bytes += size * n;
    return slot->header_bytes > HEADERS_MAX ? 0 : size * n;
}

/* The status is known by now; what comes beyond the limit is not waited for. */
static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
    slot_t *slot = data;
    size_t len = size * n, room = sizeof(slot->excerpt) - slot->kept;

    memcpy(slot->excerpt + slot->kept, bytes, len < room ? len : room);
    slot->kept += len < room ? len : room;
    slot->body_bytes += len;
    return slot->body_bytes > ANSWER_MAX ? 0 : len;
}

/* -------------------------------------------------------------- ending -- */

/* What may be said of a transfer that has ended without an answer. */
static const char *failure(const slot_t *slot, CURLcode code)
{
    static const struct {
        CURLcode code;
        const char *text;
    } texts[] = {
        { CURLE_COULDNT_RESOLVE_HOST, "the host name does not resolve" },
        { CURLE_COULDNT_CONNECT, "no connection could be made" },
        { CURLE_OPERATION_TIMEDOUT, "there was no whole answer in time" },
        { CURLE_PEER_FAILED_VERIFICATION, "TLS: the certificate is not valid for this host, or nobody vouches for it" },
        { CURLE_SSL_CONNECT_ERROR, "TLS: the handshake failed" },
        { CURLE_SEND_ERROR, "the connection broke" },
        { CURLE_RECV_ERROR, "the connection broke" },
        { CURLE_PARTIAL_FILE, "the connection broke" },
        { CURLE_GOT_NOTHING, "the connection was closed without an answer" },
        { CURLE_WEIRD_SERVER_REPLY, "the answer is no HTTP" },
        { CURLE_UNSUPPORTED_PROTOCOL, "the answer is no HTTP" },
    };
    size_t i;

    if (slot->refused == SAAS_REFUSED_PORT) {
        return "messages are not sent to this port";
    }
    if (slot->refused) {
        return "the address is not publicly routable";
    }
    if (slot->header_bytes > HEADERS_MAX) {
        return "the answer has too many headers";
    }
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].code == code) {
            return texts[i].text;
        }
    }
    return "the answer could not be read";
}

static const char *judge(const saas_notify_parcel_t *parcel)
{
    if (parcel->status >= 200 && parcel->status < 300) {
        return NULL;
    }
    return parcel->status >= 300 && parcel->status < 400
               ? apr_psprintf(parcel->pool, "the answer was %ld: redirects are not followed", parcel->status)
               : apr_psprintf(parcel->pool, "the answer was %ld", parcel->status);
}

static saas_notify_parcel_t *empty(slot_t *slot)
{
    saas_notify_parcel_t *parcel = slot->parcel;

    curl_multi_remove_handle(slot->sender->multi, slot->easy);
    curl_easy_cleanup(slot->easy);
    slot->easy = NULL;
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    slot->parcel = NULL;
    slot->sender->under_way--;
    return parcel;
}

static void finish(slot_t *slot, CURLcode code)
{
    saas_notify_parcel_t *parcel = slot->parcel;
    curl_off_t retry_after = 0;
    int whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && slot->body_bytes > ANSWER_MAX);

    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &parcel->status);
    parcel->ms = (int)(saas_notify_clock() - parcel->began);
    parcel->error = whole ? judge(parcel) : failure(slot, code);
    if (slot->kept) {
        parcel->answer = saas_notify_excerpt(parcel->pool, slot->excerpt, slot->kept);
    }
    if (whole && (parcel->status == 429 || parcel->status == 503)
        && curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0) {
        parcel->retry_after = retry_after < 10000000 ? (int)retry_after : 10000000;
    }
    empty(slot);
}

/* ----------------------------------------------------------- beginning -- */

static CURLcode set_options(slot_t *slot)
{
    const saas_notify_parcel_t *parcel = slot->parcel;
    const saas_notify_sender_t *sender = slot->sender;
    CURL *e = slot->easy;
    CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(e, option, value) : rc)
    SET(CURLOPT_URL, parcel->url);
    SET(CURLOPT_PRIVATE, slot);
    SET(CURLOPT_PROTOCOLS_STR, sender->http ? "http,https" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread that hangs */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_MAXAGE_CONN, RESTED_SECONDS);
    SET(CURLOPT_BUFFERSIZE, 8192L);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    SET(CURLOPT_USERAGENT, AGENT);
    SET(CURLOPT_TIMEOUT_MS, sender->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, sender->timeout_ms < CONNECT_MS ? sender->timeout_ms : CONNECT_MS);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_guarded);
    SET(CURLOPT_OPENSOCKETDATA, slot);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, slot);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, slot);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (sender->ca_file) {
        SET(CURLOPT_CAINFO, sender->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_POSTFIELDS, parcel->body);
    SET(CURLOPT_POSTFIELDSIZE, (long)parcel->len);
    SET(CURLOPT_HTTPHEADER, slot->headers);
#undef SET
    return rc;
}

static int add_header(slot_t *slot, const char *name, const char *value)
{
    struct curl_slist *list = curl_slist_append(slot->headers, apr_pstrcat(slot->parcel->pool, name, value, NULL));

    slot->headers = list ? list : slot->headers;
    return list != NULL;
}

apr_status_t saas_notify_send(saas_notify_sender_t *sender, saas_notify_parcel_t *parcel)
{
    slot_t *slot = sender->slots;

    if (sender->under_way >= sender->most) {
        return APR_ENOMEM;
    }
    /* An endpoint that was made while it was allowed. */
    if (!sender->http && strncasecmp(parcel->url, "https://", 8)) {
        parcel->error = "plain http is not allowed by this server";
        return APR_EACCES;
    }
    while (slot->parcel) {
        slot++;
    }
    /* A new handle each time: what a failed transfer leaves in one (libcurl 7.88) a reset does not take away. Connections are
     * the set's, and stay. */
    if (!(slot->easy = curl_easy_init())) {
        return APR_ENOMEM;
    }
    slot->parcel = parcel;
    slot->refused = SAAS_ADMITTED;
    slot->header_bytes = slot->body_bytes = slot->kept = 0;
    parcel->began = saas_notify_clock();
    sender->under_way++;
    if (!add_header(slot, "Content-Type: application/json", "") || !add_header(slot, "Expect:", "")
        || !add_header(slot, "webhook-id: ", parcel->message_id) || !add_header(slot, "webhook-timestamp: ", parcel->timestamp)
        || !add_header(slot, "webhook-signature: ", parcel->signature) || set_options(slot) != CURLE_OK
        || curl_multi_add_handle(sender->multi, slot->easy) != CURLM_OK) {
        empty(slot);
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

/* ------------------------------------------------------------- the set -- */

static apr_status_t destroy(void *data)
{
    saas_notify_sender_t *sender = data;
    int i;

    for (i = 0; i < sender->most; i++) {
        if (sender->slots[i].parcel) {
            empty(&sender->slots[i]);
        }
    }
    curl_multi_cleanup(sender->multi);
    curl_global_cleanup();
    return APR_SUCCESS;
}

saas_notify_sender_t *saas_notify_sender_make(apr_pool_t *p, server_rec *s, int most)
{
    saas_notify_sender_t *sender = apr_pcalloc(p, sizeof(*sender));
    int i;

    sender->server = s;
    sender->guard = saas_guard_here(p, saas_notify_guard);
    sender->ca_file = saas_notify_config_ca_file(s);
    sender->timeout_ms = (long)apr_time_as_msec(saas_notify_config_timeout(s));
    sender->http = saas_notify_config_http(s);
    sender->most = most;
    sender->slots = apr_pcalloc(p, sizeof(slot_t) * (apr_size_t)most);
    for (i = 0; i < most; i++) {
        sender->slots[i].sender = sender;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    if (!(sender->multi = curl_multi_init())) {
        curl_global_cleanup();
        return NULL;
    }
    curl_multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    apr_pool_cleanup_register(p, sender, destroy, apr_pool_cleanup_null);
    return sender;
}

void saas_notify_sender_step(saas_notify_sender_t *sender, void (*done)(saas_notify_parcel_t *parcel, void *baton), void *baton)
{
    int running, left;
    CURLMsg *message;

    curl_multi_perform(sender->multi, &running);
    while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            CURLcode code = message->data.result;
            saas_notify_parcel_t *parcel;
            slot_t *slot = NULL;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
            parcel = slot->parcel;
            finish(slot, code);
            done(parcel, baton);
        }
    }
}

void saas_notify_sender_wait(saas_notify_sender_t *sender, int ms)
{
    curl_multi_poll(sender->multi, NULL, 0, ms, NULL);
}

int saas_notify_under_way(const saas_notify_sender_t *sender, int *slow)
{
    apr_int64_t now = saas_notify_clock();
    int i;

    *slow = 0;
    for (i = 0; i < sender->most; i++) {
        *slow += sender->slots[i].parcel && now - sender->slots[i].parcel->began > SLOW_MS;
    }
    return sender->under_way;
}

int saas_notify_under_way_of(const saas_notify_sender_t *sender, const char *org_id, const char *endpoint_id)
{
    int i, n = 0;

    for (i = 0; i < sender->most; i++) {
        const saas_notify_parcel_t *parcel = sender->slots[i].parcel;
        n += parcel && !strcmp(endpoint_id ? parcel->endpoint_id : parcel->org_id, endpoint_id ? endpoint_id : org_id);
    }
    return n;
}

int saas_notify_under_way_failing(const saas_notify_sender_t *sender)
{
    int i, n = 0;

    for (i = 0; i < sender->most; i++) {
        n += sender->slots[i].parcel && sender->slots[i].parcel->streak > 0;
    }
    return n;
}

saas_notify_parcel_t *saas_notify_break_off(saas_notify_sender_t *sender)
{
    int i;

    for (i = 0; i < sender->most; i++) {
        if (sender->slots[i].parcel) {
            return empty(&sender->slots[i]);
        }
    }
    return NULL;
}
