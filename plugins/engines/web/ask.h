/* Asks the DNS many questions at once by libunbound, without blocking: its
 * worker is a thread of its own, whose answers arrive at descriptors that the
 * owner polls. Only the name servers of /etc/resolv.conf are asked, as the C
 * library does for every connection: never a server that a zone names, so no
 * packet goes to an address that a stranger has chosen. One thread only.
 */
#ifndef SAAS_WEB_ASK_H
#define SAAS_WEB_ASK_H

#include "dns.h"

#include <apr_time.h>
#include <curl/multi.h>

#define SAAS_WEB_QUESTIONS_OPEN 128  /* at a time; further ones wait */
#define SAAS_WEB_QUESTIONS_SILENT 3  /* unanswered ones of a domain, or of all while none was answered: no more are asked */
#define SAAS_WEB_QUESTIONS_LOST 256  /* unanswered ones of all: no more are asked, whoever the others are of */
#define SAAS_WEB_ASKER_FDS 2

typedef struct saas_web_asker_t saas_web_asker_t;
typedef struct saas_web_question_t saas_web_question_t;

struct saas_web_question_t {
    apr_pool_t *pool; /* the answer is allocated here */
    const char *name;
    const char *domain; /* of the organization, for whom silence is counted */
    int type;
    int validate;                 /* ask for a verdict of DNSSEC, too */
    saas_web_dns_answer_t answer; /* from here on valid when done is called */
    saas_web_dnssec_e dnssec;     /* with validate */
    const char *why;
    void (*done)(saas_web_question_t *q, void *baton);
    void *baton;
};

/* An asker whose questions may take timeout each. anchors: a file with the
 * keys that DNSSEC begins with, as unbound reads it; NULL or unreadable: no
 * name is validated, and why says so. Nothing is opened before the first
 * question. The pool's cleanup ends the threads; done is not called then. */
saas_web_asker_t *saas_web_asker_create(apr_pool_t *p, const char *anchors, apr_interval_time_t timeout);

/* Queues a question. It must live until done is called; done may queue others. */
void saas_web_asker_add(saas_web_asker_t *a, saas_web_question_t *q);

/* The descriptors to poll: 0 to SAAS_WEB_ASKER_FDS are written to fds. */
int saas_web_asker_fds(saas_web_asker_t *a, struct curl_waitfd *fds);

/* Takes what has arrived, calls done, asks what waits. Never waits itself. */
void saas_web_asker_step(saas_web_asker_t *a, apr_time_t now);

#endif
