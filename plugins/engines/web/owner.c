/* See owner.h. */
#include "owner.h"

#include "checks.h"
#include "headers.h"

#include <apr_strings.h>
#include <string.h>

const char *const saas_web_directories[] = { "/assets/", "/css/", "/images/", "/js/", "/static/", "/files/", "/uploads/",
                                             "/backup/", NULL };

#define LOOKED_AT 4096 /* bytes at the beginning of a page */

int saas_web_proof_shown(const char *body, apr_size_t len, const char *token)
{
    size_t n = strlen(token);

    while (len > 0) {
        const char *eol = memchr(body, '\n', len);
        size_t line = eol ? (size_t)(eol - body) : len;
        size_t text = line;

        while (text > 0 && strchr(" \t\r", body[text - 1])) {
            text--;
        }
        if (n > 0 && text == n && memcmp(body, token, n) == 0) {
            return 1;
        }
        line += eol != NULL;
        body += line;
        len -= line;
    }
    return 0;
}

int saas_web_is_listing(const char *body, apr_size_t len)
{
    static const char *const marks[] = { "<title>Index of /",        "<title>Index of ./",      "<h1>Index of /",
                                         "<title>Directory listing for", "<title>Directory: /",  "<title>Directory Listing For",
                                         "[To Parent Directory]" };
    char head[LOOKED_AT + 1];

    len = len > LOOKED_AT ? LOOKED_AT : len;
    memcpy(head, body, len);
    head[len] = '\0';
    for (apr_size_t i = 0; i < len; i++) {
        head[i] = head[i] ? head[i] : ' ';
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcasestr(head, marks[i])) {
            return 1;
        }
    }
    return 0;
}

void saas_web_judge_listing(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *list = "";

    for (int i = 0; e->listings && i < e->listings->nelts; i++) {
        list = apr_pstrcat(p, list, i ? ", " : "", APR_ARRAY_IDX(e->listings, i, const char *), NULL);
    }
    if (*list) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Directories list their files: %s", list);
    }
    else if (e->directories < SAAS_WEB_DIRECTORIES) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Of %d directories with usual names only %d were answered for.",
                     SAAS_WEB_DIRECTORIES, e->directories);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "None of %d directories with usual names lists files.", SAAS_WEB_DIRECTORIES);
    }
}
