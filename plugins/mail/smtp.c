/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * One conversation with the relay (RFC 5321), led by libcurl, which also stuffs
 * dots.  What a reply means for the message is decided here: only a refusal of
 * the message itself is for good; a relay that cannot be reached, does not
 * offer TLS or does not accept our password is the operator's to mend, and
 * mail waits for that.
 */
#include "mail.h"

#include <apr_strings.h>
#include <curl/curl.h>

#define CONNECT_MS 10000L
#define TOTAL_MS 60000L
#define REPLY_MAX 200

typedef struct {
    saas_job_t *job;
    const char *message;
    apr_size_t left;
    int read;                   /* some of the message was asked for */
    int stopped;
    char reply[REPLY_MAX + 1];  /* the relay's last line, or its last refusal */
} talk_t;

static size_t give(char *to, size_t size, size_t count, void *baton)
{
    talk_t *talk = baton;
    apr_size_t len = size * count < talk->left ? size * count : talk->left;

    memcpy(to, talk->message, len);
    talk->message += len;
    talk->left -= len;
    talk->read = 1;
    return len;
}

/* libcurl hands the server's replies over as headers. */
static size_t take_reply(char *line, size_t size, size_t count, void *baton)
{
    talk_t *talk = baton;
    apr_size_t i, len = size * count < REPLY_MAX ? size * count : REPLY_MAX;

    /* A refusal is what matters, not the good-bye after it. */
    if (!len || (strchr("45", talk->reply[0]) && *talk->reply && !strchr("45", line[0]))) {
        return size * count;
    }
    for (i = 0; i < len && line[i] != '\r' && line[i] != '\n'; i++) {
        talk->reply[i] = line[i] >= 0x20 && line[i] < 0x7f ? line[i] : '?';
    }
    talk->reply[i] = '\0';
    return size * count;
}

static size_t drop(char *data, size_t size, size_t count, void *baton)
{
    (void)data;
    (void)baton;
    return size * count;
}

/* Called several times a second, also while nothing moves. */
static int progress(void *baton, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    talk_t *talk = baton;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    talk->stopped = saas_job_stopped(talk->job);
    return talk->stopped;
}

/* Where the relay is, and how it is spoken to. */
static void set_relay(CURL *curl, const saas_mail_config_t *conf, apr_pool_t *p)
{
    static const long tls[] = {
        [SAAS_MAIL_TLS_OFF] = CURLUSESSL_NONE, [SAAS_MAIL_TLS_TRY] = CURLUSESSL_TRY, [SAAS_MAIL_TLS_REQUIRE] = CURLUSESSL_ALL
    };

    curl_easy_setopt(curl, CURLOPT_URL, conf->relay);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, tls[saas_mail_tls(conf, p)]);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (conf->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, conf->ca_file);
    }
    if (conf->user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, conf->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, conf->password);
    }
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
}

static void set_options(CURL *curl, const saas_mail_config_t *conf, talk_t *talk, struct curl_slist *to)
{
    set_relay(curl, conf, talk->job->pool);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, ((const saas_mail_sender_t *)conf->from)->address);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, talk);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_reply);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, talk);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, talk);
}

/* A 5xx to MAIL, RCPT or DATA (libcurl: SEND_ERROR), or to the message itself. */
static int refused_for_good(CURLcode rc, long reply, const talk_t *talk)
{
    return reply >= 500 && reply < 600 && (rc == CURLE_SEND_ERROR || (rc == CURLE_WEIRD_SERVER_REPLY && talk->read));
}

saas_mail_result_e saas_mail_send(const saas_mail_config_t *conf, saas_job_t *job, const char *to,
                                  const char *message, apr_size_t len, const char **why)
{
    talk_t talk = { .job = job, .message = message, .left = len };
    CURL *curl = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    saas_mail_result_e result = SAAS_MAIL_LATER;
    long reply = 0;
    CURLcode rc;

    *why = "out of memory";
    if (curl && recipients) {
        set_options(curl, conf, &talk, recipients);
        rc = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply);
        if (rc == CURLE_OK) {
            result = SAAS_MAIL_SENT;
        }
        else if (talk.stopped) {
            result = SAAS_MAIL_STOPPED;
        }
        else if (refused_for_good(rc, reply, &talk)) {
            result = SAAS_MAIL_NEVER;
        }
        *why = *talk.reply && rc != CURLE_COULDNT_CONNECT
                   ? apr_psprintf(job->pool, "%s; the relay's last words: %s", curl_easy_strerror(rc), talk.reply)
                   : curl_easy_strerror(rc);
    }
    curl_slist_free_all(recipients);
    if (curl) {
        curl_easy_cleanup(curl);
    }
    return result;
}

const char *saas_mail_greet(const saas_mail_config_t *conf, apr_pool_t *p)
{
    talk_t talk = { .job = NULL };
    CURL *curl = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    if (curl) {
        set_relay(curl, conf, p);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, CONNECT_MS);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_reply);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &talk);
        curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
        rc = curl_easy_perform(curl);
        curl_easy_cleanup(curl);
    }
    if (rc == CURLE_OK) {
        return NULL;
    }
    return *talk.reply && rc != CURLE_COULDNT_CONNECT
               ? apr_psprintf(p, "%s; the relay's last words: %s", curl_easy_strerror(rc), talk.reply)
               : curl_easy_strerror(rc);
}
