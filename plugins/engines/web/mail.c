/* See mail.h. */
#include "mail.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static const char *lower(apr_pool_t *p, const char *text, size_t len)
{
    char *copy = apr_pstrmemdup(p, text, len);

    for (char *c = copy; *c; c++) {
        *c = apr_tolower(*c);
    }
    return copy;
}

/* "v=spf1" is a whole word; that of DMARC and of MTA-STS ends at a semicolon, with blanks around it. */
static int begins(const char *text, const char *version, char end)
{
    size_t len = strlen(version);

    if (strncasecmp(text, version, len) != 0) {
        return 0;
    }
    text += len;
    while (end == ';' && (*text == ' ' || *text == '\t')) {
        text++;
    }
    return *text == '\0' || *text == end;
}

/* -------------------------------------------------------------------- SPF */

/* RFC 7208, 5: mechanisms, and which of them have a receiver ask the DNS. */
static const struct {
    const char *name;
    int lookups;
} mechanisms[] = {
    { "all", 0 }, { "include", 1 }, { "a", 1 }, { "mx", 1 }, { "ptr", 1 }, { "ip4", 0 }, { "ip6", 0 }, { "exists", 1 },
};

static void read_term(apr_pool_t *p, const char *term, saas_web_spf_t *out)
{
    const char *name = strchr("+-~?", *term) && *term ? term + 1 : term;
    char qualifier = name > term ? *term : '+';
    size_t len = strcspn(name, ":/=");

    if (name[len] == '=') {
        if (len == 8 && strncasecmp(name, "redirect", 8) == 0) {
            out->redirect = apr_pstrdup(p, name + 9);
        }
        return; /* modifiers that are not known are ignored, RFC 7208, 6 */
    }
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        if (strlen(mechanisms[i].name) == len && strncasecmp(name, mechanisms[i].name, len) == 0) {
            out->lookups += mechanisms[i].lookups;
            if (i == 0 && !out->all) {
                out->all = qualifier;
            }
            return;
        }
    }
    if (!out->unknown) {
        out->unknown = apr_pstrdup(p, term);
    }
}

void saas_web_spf_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_spf_t *out)
{
    memset(out, 0, sizeof(*out));
    for (int i = 0; texts && i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);
        char *copy, *last;

        if (!begins(text, "v=spf1", ' ') || out->records++ > 0) {
            continue;
        }
        out->text = text;
        copy = apr_pstrdup(p, text + 6);
        for (char *term = apr_strtok(copy, " ", &last); term; term = apr_strtok(NULL, " ", &last)) {
            read_term(p, term, out);
        }
        out->lookups += out->redirect && !out->all;
    }
}

/* ------------------------------------------------------------------ DMARC */

/* The value of a tag in "v=DMARC1; p=reject", NULL when it is not there. */
static const char *tag(apr_pool_t *p, const char *text, const char *name)
{
    size_t len = strlen(name);

    while (*text) {
        size_t end = strcspn(text, ";");
        size_t key;

        while (end > 0 && apr_isspace(*text)) {
            text++;
            end--;
        }
        key = strcspn(text, "= \t;");
        if (key == len && strncasecmp(text, name, len) == 0) {
            const char *value = text + key;
            const char *stop = text + end;

            value += strspn(value, " \t");
            if (value < stop && *value == '=') {
                value++;
                value += strspn(value, " \t");
                while (stop > value && apr_isspace(stop[-1])) {
                    stop--;
                }
                return apr_pstrmemdup(p, value, stop > value ? (size_t)(stop - value) : 0);
            }
        }
        text += end;
        text += *text == ';';
    }
    return NULL;
}

void saas_web_dmarc_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_dmarc_t *out)
{
    memset(out, 0, sizeof(*out));
    out->percent = 100;
    for (int i = 0; texts && i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);
        const char *value;

        if (!begins(text, "v=DMARC1", ';') || out->records++ > 0) {
            continue;
        }
        out->text = text;
        value = tag(p, text, "p");
        out->policy = value ? lower(p, value, strlen(value)) : NULL;
        value = tag(p, text, "sp");
        out->subdomains = value ? lower(p, value, strlen(value)) : NULL;
        value = tag(p, text, "pct");
        out->percent = value && apr_isdigit(*value) ? atoi(value) : 100;
    }
}

/* ---------------------------------------------------------------- MTA-STS */

void saas_web_sts_record_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_sts_record_t *out)
{
    memset(out, 0, sizeof(*out));
    for (int i = 0; texts && i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);
        const char *id;
        size_t len;

        if (!begins(text, "v=STSv1", ';') || out->records++ > 0) {
            continue;
        }
        id = tag(p, text, "id");
        len = id ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") : 0;
        out->id = id && len >= 1 && len <= 32 && !id[len] ? id : NULL;
    }
}

static void read_field(apr_pool_t *p, const char *line, size_t len, saas_web_sts_policy_t *out, int *version)
{
    const char *colon = memchr(line, ':', len);
    const char *end = line + len;
    const char *value;
    size_t key;

    if (!colon) {
        return;
    }
    value = colon + 1;
    while (colon > line && apr_isspace(colon[-1])) {
        colon--;
    }
    while (value < end && apr_isspace(*value)) {
        value++;
    }
    while (end > value && apr_isspace(end[-1])) {
        end--;
    }
    key = (size_t)(colon - line);
    len = (size_t)(end - value);
    if (key == 7 && memcmp(line, "version", 7) == 0) {
        *version = len == 5 && memcmp(value, "STSv1", 5) == 0;
    }
    else if (key == 4 && memcmp(line, "mode", 4) == 0 && !out->mode) {
        out->mode = apr_pstrmemdup(p, value, len);
    }
    else if (key == 7 && memcmp(line, "max_age", 7) == 0 && out->max_age < 0 && len > 0 && apr_isdigit(*value)) {
        out->max_age = strtol(apr_pstrmemdup(p, value, len > 10 ? 10 : len), NULL, 10);
    }
    else if (key == 2 && memcmp(line, "mx", 2) == 0) {
        APR_ARRAY_PUSH(out->mx, const char *) = lower(p, value, len);
    }
}

void saas_web_sts_policy_read(apr_pool_t *p, const char *body, apr_size_t len, saas_web_sts_policy_t *out)
{
    int version = 0;

    memset(out, 0, sizeof(*out));
    out->max_age = -1;
    out->mx = apr_array_make(p, 4, sizeof(const char *));
    while (len > 0) {
        const char *eol = memchr(body, '\n', len);
        size_t line = eol ? (size_t)(eol - body) : len;

        read_field(p, body, line, out, &version);
        line += eol != NULL;
        body += line;
        len -= line;
    }
    if (!version) {
        out->problem = "it does not say version: STSv1";
    }
    else if (!out->mode
             || (strcmp(out->mode, "enforce") != 0 && strcmp(out->mode, "testing") != 0 && strcmp(out->mode, "none") != 0)) {
        out->problem = "its mode is none of enforce, testing and none";
    }
    else if (out->max_age < 0 || out->max_age > SAAS_WEB_STS_MAX_AGE) {
        out->problem = "it has no max_age of at most 31557600 seconds";
    }
    else if (out->mx->nelts == 0 && strcmp(out->mode, "none") != 0) {
        out->problem = "it names no mail server";
    }
}

int saas_web_sts_names(const saas_web_sts_policy_t *policy, const char *host)
{
    for (int i = 0; policy->mx && i < policy->mx->nelts; i++) {
        const char *pattern = APR_ARRAY_IDX(policy->mx, i, const char *);
        const char *rest = strchr(host, '.');

        if (strcasecmp(pattern, host) == 0
            || (strncmp(pattern, "*.", 2) == 0 && rest && rest > host && strcasecmp(pattern + 1, rest) == 0)) {
            return 1;
        }
    }
    return 0;
}
