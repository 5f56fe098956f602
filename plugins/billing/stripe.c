/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See stripe.h.  A failed call leaves one result that says what to log and what
 * to answer.  Nothing here may write the key anywhere but into the request.
 */
#include "stripe.h"

#include <apr_date.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000
#define ATTEMPT_MS 15000
#define TOTAL_MS 20000
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 5000
#define USER_AGENT "mod_saas"

struct saas_stripe_t {
    apr_pool_t *pool;
    saas_stripe_account_t account;
    int attempts;        /* of a call */
    long total_ms;
    CURL *curl;
};

/* What one attempt receives. */
typedef struct {
    apr_pool_t *pool;
    char *body;
    apr_size_t len, size;
    int overflow;
    const char *request_id;
    const char *should_retry;
    apr_int64_t date;
    int retry_after;
} answer_t;

/* ------------------------------------------------------------ pure part -- */

static void append_encoded(apr_array_header_t *to, const char *s, const char *also)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-_.~", c)
            || strchr(also, c)) {
            APR_ARRAY_PUSH(to, char) = (char)c;
        } else {
            APR_ARRAY_PUSH(to, char) = '%';
            APR_ARRAY_PUSH(to, char) = hex[c >> 4];
            APR_ARRAY_PUSH(to, char) = hex[c & 15];
        }
    }
}

const char *saas_stripe_form(apr_pool_t *p, const saas_stripe_pair_t *pairs)
{
    apr_array_header_t *form = apr_array_make(p, 256, sizeof(char));
    for (; pairs && pairs->name; pairs++) {
        if (!pairs->value) {
            continue;
        }
        if (form->nelts) {
            APR_ARRAY_PUSH(form, char) = '&';
        }
        append_encoded(form, pairs->name, "[]");
        APR_ARRAY_PUSH(form, char) = '=';
        append_encoded(form, pairs->value, "");
    }
    APR_ARRAY_PUSH(form, char) = '\0';
    return form->elts;
}

int saas_stripe_is_retryable(long status, const char *should_retry)
{
    if (status == 0) {
        return 1;
    }
    if (should_retry && !strcmp(should_retry, "false")) {
        return 0;
    }
    if (should_retry && !strcmp(should_retry, "true")) {
        return 1;
    }
    return status == 409 || status >= 500;
}

int saas_stripe_backoff_ms(int attempt, unsigned random)
{
    int ms = BACKOFF_MS;
    while (--attempt > 0 && ms < BACKOFF_MAX_MS) {
        ms *= 2;
    }
    if (ms > BACKOFF_MAX_MS) {
        ms = BACKOFF_MAX_MS;
    }
    ms = ms / 2 + (int)(random % (unsigned)(ms / 2 + 1));
    return ms < BACKOFF_MS ? BACKOFF_MS : ms;
}

const char *saas_stripe_digest_key(apr_pool_t *p, const char *prefix, const saas_stripe_pair_t *pairs)
{
    const char *form = saas_stripe_form(p, pairs);
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[33];
    unsigned len = 0;
    int i;

    if (!EVP_Digest(form, strlen(form), digest, &len, EVP_sha256(), NULL) || len < 16) {
        return apr_psprintf(p, "%.200s", prefix);
    }
    for (i = 0; i < 16; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    return apr_psprintf(p, "%.200s-%s", prefix, hex);
}

static apr_status_t release_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

static const char *error_text(apr_pool_t *p, const json_t *error, const char *key)
{
    const char *text = json_string_value(json_object_get(error, key));
    return text ? apr_psprintf(p, "%.512s", text) : NULL;
}

void saas_stripe_read(apr_pool_t *p, long status, const char *body, apr_size_t len, saas_stripe_result_t *result)
{
    json_t *root = json_loadb(body, len, 0, NULL);
    const json_t *error = json_object_get(root, "error");

    result->status = status;
    result->body = NULL;
    result->type = result->code = result->param = result->message = NULL;
    if (status >= 200 && status < 300 && json_is_object(root)) {
        result->body = root;
        apr_pool_cleanup_register(p, root, release_json, apr_pool_cleanup_null);
        return;
    }
    result->type = error_text(p, error, "type");
    result->code = error_text(p, error, "code");
    result->param = error_text(p, error, "param");
    result->message = error_text(p, error, "message");
    if (!result->type) {
        result->type = "api_error";
        result->message = "the answer is not one of Stripe's";
    }
    if (!result->message) {
        result->message = "no message";
    }
    json_decref(root);
}

/* ----------------------------------------------------------------- curl -- */

static apr_status_t release_curl(void *baton)
{
    saas_stripe_t *stripe = baton;
    if (stripe->curl) {
        curl_easy_cleanup(stripe->curl);
        stripe->curl = NULL;
    }
    return APR_SUCCESS;
}

saas_stripe_t *saas_stripe_create(apr_pool_t *p, const saas_stripe_account_t *account)
{
    saas_stripe_t *stripe = apr_pcalloc(p, sizeof(*stripe));
    stripe->pool = p;
    stripe->account = *account;
    stripe->attempts = SAAS_STRIPE_ATTEMPTS;
    stripe->total_ms = TOTAL_MS;
    apr_pool_cleanup_register(p, stripe, release_curl, apr_pool_cleanup_null);
    return stripe;
}

void saas_stripe_hurry(saas_stripe_t *stripe)
{
    stripe->attempts = 1;
    stripe->total_ms = SAAS_STRIPE_HURRY_MS;
}

static size_t take_body(char *data, size_t size, size_t count, void *baton)
{
    answer_t *answer = baton;
    apr_size_t more = size * count;

    if (more > SAAS_STRIPE_BODY_MAX - answer->len) {
        answer->overflow = 1;
        return 0;
    }
    if (answer->len + more > answer->size) {
        apr_size_t grown = answer->size ? answer->size * 2 : 16384;
        char *bigger;
        while (grown < answer->len + more) {
            grown *= 2;
        }
        bigger = apr_palloc(answer->pool, grown);
        if (answer->len) {
            memcpy(bigger, answer->body, answer->len);
        }
        answer->body = bigger;
        answer->size = grown;
    }
    memcpy(answer->body + answer->len, data, more);
    answer->len += more;
    return more;
}

/* The value of a header line when it is the header asked for, else NULL. */
static const char *header_value(apr_pool_t *p, const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len)) {
        return NULL;
    }
    line += name_len + 1;
    len -= name_len + 1;
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len && (unsigned char)line[len - 1] <= ' ') {
        len--;
    }
    return len <= 128 ? apr_pstrmemdup(p, line, len) : NULL;
}

/* An id for the log and the client: nothing but what Stripe's ids are made of. */
static const char *clean_id(const char *id)
{
    const char *c;
    for (c = id; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'
              || *c == '-')) {
            return NULL;
        }
    }
    return *id ? id : NULL;
}

static size_t take_header(char *line, size_t size, size_t count, void *baton)
{
    answer_t *answer = baton;
    const char *value = header_value(answer->pool, line, size * count, "Request-Id");
    if (value) {
        answer->request_id = clean_id(value);
    } else if ((value = header_value(answer->pool, line, size * count, "Stripe-Should-Retry"))) {
        answer->should_retry = value;
    } else if ((value = header_value(answer->pool, line, size * count, "Date"))) {
        answer->date = apr_time_sec(apr_date_parse_http(value));
    } else if ((value = header_value(answer->pool, line, size * count, "Retry-After"))) {
        answer->retry_after = atoi(value);
    }
    return size * count;
}

/* Of the line with the key no copy is left but the list's, which is wiped with it: see memory.c. */
static struct curl_slist *make_headers(saas_stripe_t *stripe, const char *idempotency_key)
{
    const char *lines[6];
    struct curl_slist *headers = NULL;
    char *authorization = apr_pstrcat(stripe->pool, "Authorization: Bearer ", stripe->account.key, NULL);
    int i, n = 0;

    lines[n++] = authorization;
    lines[n++] = apr_pstrcat(stripe->pool, "Stripe-Version: ", stripe->account.version, NULL);
    lines[n++] = "Accept: application/json";
    lines[n++] = "Expect:";
    lines[n++] = "Content-Type: application/x-www-form-urlencoded";
    if (idempotency_key) {
        lines[n++] = apr_pstrcat(stripe->pool, "Idempotency-Key: ", idempotency_key, NULL);
    }
    for (i = 0; i < n; i++) {
        struct curl_slist *longer = curl_slist_append(headers, lines[i]);
        if (!longer) {
            curl_slist_free_all(headers);
            headers = NULL;
            break;
        }
        headers = longer;
    }
    OPENSSL_cleanse(authorization, strlen(authorization));
    return headers;
}

static CURLcode attempt(saas_stripe_t *stripe, saas_stripe_method_e method, const char *url, const char *form,
                        struct curl_slist *headers, long timeout_ms, answer_t *answer, long *status)
{
    CURL *curl = stripe->curl;
    CURLcode rc;

    memset(answer, 0, sizeof(*answer));
    answer->pool = stripe->pool;
    *status = 0;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    if (method == SAAS_STRIPE_POST) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(form));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    } else if (method == SAAS_STRIPE_DELETE) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
    rc = curl_easy_perform(curl);
    if (rc == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    /* The form and the headers go out of scope before the handle does. */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
    return rc;
}

static void no_answer(saas_stripe_result_t *result, const char *message)
{
    result->status = 0;
    result->body = NULL;
    result->type = "api_connection_error";
    result->code = result->param = NULL;
    result->message = message;
}

void saas_stripe_call(saas_stripe_t *stripe, saas_stripe_method_e method, const char *path,
                      const saas_stripe_pair_t *pairs, const char *idempotency_key, saas_stripe_result_t *result)
{
    apr_time_t end = apr_time_now() + apr_time_from_msec(stripe->total_ms);
    const char *form = saas_stripe_form(stripe->pool, pairs);
    const char *url = apr_pstrcat(stripe->pool, stripe->account.base, path,
                                  method != SAAS_STRIPE_POST && *form ? "?" : "",
                                  method != SAAS_STRIPE_POST ? form : "", NULL);
    struct curl_slist *headers = make_headers(stripe, idempotency_key);

    memset(result, 0, sizeof(*result));
    no_answer(result, "out of memory");
    if (!stripe->curl) {
        stripe->curl = curl_easy_init();
    }
    while (headers && stripe->curl) {
        long left = (long)apr_time_as_msec(end - apr_time_now());
        answer_t answer;
        unsigned random = 0;
        long status;
        int wait;
        CURLcode rc = attempt(stripe, method, url, form, headers, left < ATTEMPT_MS ? left : ATTEMPT_MS, &answer,
                              &status);
        result->attempts++;
        if (answer.request_id) {
            result->request_id = answer.request_id;
        }
        result->date = answer.date;
        result->retry_after = answer.retry_after > 0 ? answer.retry_after : 0;
        if (rc == CURLE_OK) {
            saas_stripe_read(stripe->pool, status, answer.body ? answer.body : "", answer.len, result);
        } else {
            no_answer(result, answer.overflow ? "the answer is too long" : curl_easy_strerror(rc));
        }
        if (result->attempts >= stripe->attempts || answer.overflow
            || !saas_stripe_is_retryable(status, answer.should_retry)) {
            break;
        }
        apr_generate_random_bytes((unsigned char *)&random, sizeof(random));
        wait = saas_stripe_backoff_ms(result->attempts, random);
        if (apr_time_now() + apr_time_from_msec(wait + 1000) > end) {
            break;
        }
        apr_sleep(apr_time_from_msec(wait));
    }
    curl_slist_free_all(headers);
}
