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

const char *saas_web_map_of(apr_pool_t *p, const char *body, apr_size_t len)
{
    static const char mark[] = "# sourceMappingURL=";
    const char *end = body + len;
    const char *found = NULL;
    const char *at = len > LOOKED_AT ? end - LOOKED_AT : body;

    while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)) != NULL) {
        at += sizeof(mark) - 1;
        found = at;
    }
    if (!found) {
        return NULL;
    }
    for (at = found; at < end && !strchr(" \t\r\n*'\"", *at) && *at; at++) {
    }
    return at > found ? apr_pstrmemdup(p, found, (size_t)(at - found)) : NULL;
}

int saas_web_is_map(const char *body, apr_size_t len)
{
    static const char version[] = "\"version\"", mappings[] = "\"mappings\"", sections[] = "\"sections\"";

    if (len > 3 && memcmp(body, ")]}", 3) == 0) { /* the line against inclusion, ECMA-426 */
        const char *eol = memchr(body, '\n', len);

        len = eol ? len - (size_t)(eol + 1 - body) : 0;
        body = eol ? eol + 1 : body;
    }
    while (len > 0 && strchr(" \t\r\n", *body) && *body) {
        body++;
        len--;
    }
    return len > 0 && *body == '{' && memmem(body, len, version, sizeof(version) - 1)
           && (memmem(body, len, mappings, sizeof(mappings) - 1) || memmem(body, len, sections, sizeof(sections) - 1));
}

void saas_web_judge_maps(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *list = "";

    for (int i = 0; e->maps && i < e->maps->nelts; i++) {
        list = apr_pstrcat(p, list, i ? ", " : "", APR_ARRAY_IDX(e->maps, i, const char *), NULL);
    }
    if (*list) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Source maps are served: %s", saas_web_shown(p, list));
    }
    else if (e->scripts == 0 && e->main->truncated) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "The page was too long or slow to look for scripts.");
    }
    else if (e->scripts == 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The page loads no script of its host.");
    }
    else if (e->scripts_answered < e->scripts) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Of %d scripts only %d were answered for.", e->scripts, e->scripts_answered);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "None of the %d scripts that were looked at comes with a source map.", e->scripts);
    }
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
