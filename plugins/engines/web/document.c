/* See document.h. A tokenizer after the HTML standard's rough shape: comments,
 * tags, attributes, and elements whose text is not markup. It builds no tree
 * and runs nothing; time and memory are linear in the body, which is capped.
 */
#include "document.h"
#include "headers.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 16384
#define METAS_MAX 16

typedef struct {
    const char *at, *end;
} cursor_t;

typedef struct {
    const char *src, *integrity, *http_equiv, *content, *href, *name, *rel, *data, *action;
} attributes_t;

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static const char *find_nocase(const char *at, const char *end, const char *what)
{
    size_t n = strlen(what);

    for (; at + n <= end; at++) {
        at = memchr(at, what[0], end - at);
        if (!at || at + n > end) {
            return NULL;
        }
        if (strncasecmp(at, what, n) == 0) {
            return at;
        }
    }
    return NULL;
}

/* Character references that occur in policies and URLs; others stay as they are. */
static const char *decoded(apr_pool_t *p, const char *from, size_t len)
{
    static const struct {
        const char *name;
        char c;
    } refs[] = {
        { "&amp;", '&' },   { "&quot;", '"' }, { "&apos;", '\'' }, { "&lt;", '<' },
        { "&gt;", '>' },    { "&#39;", '\'' }, { "&#34;", '"' },   { "&#38;", '&' },
        { "&#x27;", '\'' }, { "&#x22;", '"' }, { "&#039;", '\'' },
    };
    char *out, *w;

    if (len > VALUE_MAX) {
        len = VALUE_MAX;
    }
    out = w = apr_palloc(p, len + 1);
    for (const char *c = from; c < from + len;) {
        size_t step = 0;

        for (size_t i = 0; *c == '&' && i < sizeof(refs) / sizeof(refs[0]); i++) {
            size_t n = strlen(refs[i].name);

            if ((size_t)(from + len - c) >= n && strncasecmp(c, refs[i].name, n) == 0) {
                *w++ = refs[i].c;
                step = n;
                break;
            }
        }
        if (!step) {
            *w++ = *c ? *c : ' ';
            step = 1;
        }
        c += step;
    }
    *w = '\0';
    return out;
}

/* Attributes up to the closing '>'. The first of two with one name counts. */
static void read_attributes(apr_pool_t *p, cursor_t *c, attributes_t *a)
{
    const struct {
        const char *name;
        const char **value;
    } wanted[] = {
        { "src", &a->src },         { "integrity", &a->integrity }, { "http-equiv", &a->http_equiv },
        { "content", &a->content }, { "href", &a->href },           { "name", &a->name },
        { "rel", &a->rel },         { "data", &a->data },           { "action", &a->action },
    };

    memset(a, 0, sizeof(*a));
    while (c->at < c->end) {
        const char *name, *value = "";
        size_t name_len, value_len = 0;

        while (c->at < c->end && (is_space(*c->at) || *c->at == '/')) {
            c->at++;
        }
        if (c->at == c->end) {
            return;
        }
        if (*c->at == '>') {
            c->at++;
            return;
        }
        name = c->at++;
        while (c->at < c->end && !is_space(*c->at) && !strchr("=>/", *c->at)) {
            c->at++;
        }
        name_len = c->at - name;
        while (c->at < c->end && is_space(*c->at)) {
            c->at++;
        }
        if (c->at < c->end && *c->at == '=') {
            c->at++;
            while (c->at < c->end && is_space(*c->at)) {
                c->at++;
            }
            if (c->at < c->end && (*c->at == '"' || *c->at == '\'')) {
                char quote = *c->at++;
                const char *close = memchr(c->at, quote, c->end - c->at);

                value = c->at;
                c->at = close ? close : c->end;
                value_len = c->at - value;
                c->at += close != NULL;
            }
            else {
                value = c->at;
                while (c->at < c->end && !is_space(*c->at) && *c->at != '>') {
                    c->at++;
                }
                value_len = c->at - value;
            }
        }
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            if (strlen(wanted[i].name) == name_len && !*wanted[i].value
                && strncasecmp(wanted[i].name, name, name_len) == 0) {
                *wanted[i].value = decoded(p, value, value_len);
            }
        }
    }
}

/* Scheme and host of an absolute or protocol-relative reference; zero for a
 * relative one, which stays where its base is. */
static int reference_origin(apr_pool_t *p, const char *ref, int base_is_tls, int *is_tls, const char **host)
{
    size_t len;

    while (is_space(*ref)) {
        ref++;
    }
    if (strncasecmp(ref, "https:", 6) == 0) {
        *is_tls = 1;
        ref += 6;
    }
    else if (strncasecmp(ref, "http:", 5) == 0) {
        *is_tls = 0;
        ref += 5;
    }
    else if (strncmp(ref, "//", 2) == 0) {
        *is_tls = base_is_tls;
    }
    else {
        return 0;
    }
    ref += strspn(ref, "/\\");
    len = strcspn(ref, "/\\?#");
    *host = apr_pstrmemdup(p, ref, len);
    if (strrchr(*host, '@')) {
        *host = strrchr(*host, '@') + 1;
    }
    if (**host != '[' && strchr(*host, ':')) {
        *host = apr_pstrmemdup(p, *host, strchr(*host, ':') - *host);
    }
    return 1;
}

/* One host is the other, or lies below it. Without the public suffix list this
 * is the most that can be said about two names belonging together. */
static int same_site(const char *a, const char *b)
{
    size_t la, lb;

    a += strncasecmp(a, "www.", 4) == 0 ? 4 : 0;
    b += strncasecmp(b, "www.", 4) == 0 ? 4 : 0;
    la = strlen(a);
    lb = strlen(b);
    if (la < lb) {
        return same_site(b, a);
    }
    return lb > 0 && strcasecmp(a + la - lb, b) == 0 && (la == lb || a[la - lb - 1] == '.');
}

static void take_script(apr_pool_t *p, const attributes_t *a, const saas_web_target_t *at, int base_is_tls,
                        const char *base_host, saas_web_document_t *out)
{
    int is_tls = base_is_tls;
    const char *host = base_host;

    out->scripts++;
    reference_origin(p, a->src, base_is_tls, &is_tls, &host);
    if (!is_tls && !out->insecure_script) {
        out->insecure_script = a->src;
    }
    if (!same_site(host, at->host) && (!a->integrity || !*a->integrity) && !out->unpinned_script) {
        out->unpinned_script = a->src;
    }
}

/* Whether a start tag, its name in lower case, leaves the parser in the head of a page. */
static int stays_in_head(const char *name)
{
    static const char *const names[] = { "html",  "head",     "meta",  "base",   "basefont", "bgsound", "link",
                                         "title", "noscript", "style", "script", "noframes", "template" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Of an end tag, from its slash to its closing bracket. What follows </head> and belongs there is put there. */
static int ends_head(const char *from, const char *to)
{
    static const char *const names[] = { "/body", "/html", "/br" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);

        if ((size_t)(to - from) >= len && strncasecmp(from, names[i], len) == 0
            && (from + len == to || is_space(from[len]) || from[len] == '/')) {
            return 1;
        }
    }
    return 0;
}

static int is_blank(const char *from, const char *to)
{
    while (from < to && is_space(*from)) {
        from++;
    }
    return from == to;
}

static void take_meta(apr_pool_t *p, const attributes_t *a, int in_head, saas_web_document_t *out)
{
    const char *policy;

    if (!a->content) {
        return;
    }
    /* CSP Level 3, 3.3: only as a child of the head; the referrer policy, by HTML 4.2.5.1, anywhere. */
    if (in_head && a->http_equiv && strcasecmp(a->http_equiv, "content-security-policy") == 0
        && out->meta_csp->nelts < METAS_MAX) {
        APR_ARRAY_PUSH(out->meta_csp, const char *) = apr_pstrdup(p, a->content);
    }
    else if (a->name && strcasecmp(a->name, "referrer") == 0 && (policy = saas_web_referrer_meta(a->content)) != NULL) {
        out->meta_referrer = policy;
    }
}

/* Whether a link element loads what it names. */
static int is_loaded(const char *rel)
{
    static const char *const words[] = { "stylesheet",    "icon",     "preload",
                                         "modulepreload", "manifest", "apple-touch-icon" };

    while (rel && *(rel += strspn(rel, " \t\r\n\f"))) {
        size_t len = strcspn(rel, " \t\r\n\f");

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strlen(words[i]) == len && strncasecmp(rel, words[i], len) == 0) {
                return 1;
            }
        }
        rel += len;
    }
    return 0;
}

/* What an element other than a script loads, or sends its form to; NULL: nothing. */
static const char *loaded_by(const char *name, const attributes_t *a)
{
    static const char *const by_src[] = { "img",   "audio",  "video", "source", "track",
                                          "embed", "iframe", "frame", "input" };

    if (strcmp(name, "link") == 0) {
        return is_loaded(a->rel) ? a->href : NULL;
    }
    for (size_t i = 0; i < sizeof(by_src) / sizeof(by_src[0]); i++) {
        if (strcmp(name, by_src[i]) == 0) {
            return a->src;
        }
    }
    return strcmp(name, "object") == 0 ? a->data : strcmp(name, "form") == 0 ? a->action : NULL;
}

static void read_html(apr_pool_t *p, const saas_web_target_t *at, const char *body, apr_size_t len,
                      saas_web_document_t *out)
{
    static const char *const raw_text[] = { "script",   "style",  "textarea", "title",   "noscript",
                                            "template", "iframe", "xmp",      "noembed", "noframes" };
    cursor_t c = { body, body + len };
    int base_is_tls = at->is_tls;
    const char *base_host = at->host;
    int have_base = 0;
    int in_head = 1; /* which browsers begin by themselves, and end by the first thing that is no part of one */
    int has_close = 1; /* a closing bracket may still come; looked for once in vain, never again */
    const char *text;
    apr_pool_t *scratch;

    if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
        c.at += 3;
    }
    apr_pool_create(&scratch, p);
    for (text = c.at; (c.at = memchr(c.at, '<', c.end - c.at)) != NULL; text = c.at) {
        attributes_t a;
        char name[16];
        size_t n = 0;

        in_head = in_head && is_blank(text, c.at);
        c.at++;
        if (c.end - c.at >= 3 && memcmp(c.at, "!--", 3) == 0) {
            const char *close = find_nocase(c.at + 1, c.end, "-->"); /* <!--> and <!---> are whole comments */

            if (!close) {
                break;
            }
            c.at = close + 3;
            continue;
        }
        if (c.at == c.end || !apr_isalpha(*c.at)) {
            const char *close =
                has_close && c.at < c.end && strchr("!/?", *c.at) ? memchr(c.at, '>', c.end - c.at) : NULL;

            has_close &= close || c.at == c.end || !strchr("!/?", *c.at);
            in_head = in_head && close && !ends_head(c.at, close);
            c.at = close ? close + 1 : c.at;
            continue;
        }
        while (c.at < c.end && !is_space(*c.at) && *c.at != '>' && *c.at != '/') {
            if (n < sizeof(name) - 1) {
                name[n++] = apr_tolower(*c.at);
            }
            c.at++;
        }
        name[n] = '\0';
        apr_pool_clear(scratch);
        read_attributes(scratch, &c, &a);
        in_head = in_head && stays_in_head(name);
        if (strcmp(name, "meta") == 0) {
            take_meta(p, &a, in_head, out);
        }
        else if (strcmp(name, "base") == 0 && a.href && !have_base) {
            have_base = 1;
            out->base = apr_pstrndup(p, a.href, SAAS_WEB_URL_MAX);
            reference_origin(p, a.href, at->is_tls, &base_is_tls, &base_host);
        }
        else if (strcmp(name, "script") == 0 && a.src) {
            const char *insecure = out->insecure_script;
            const char *unpinned = out->unpinned_script;

            take_script(scratch, &a, at, base_is_tls, base_host, out);
            if (!out->sources) {
                out->sources = apr_array_make(p, 4, sizeof(const char *));
            }
            if (out->sources->nelts < SAAS_WEB_SCRIPTS_MAX) {
                APR_ARRAY_PUSH(out->sources, const char *) = apr_pstrndup(p, a.src, SAAS_WEB_URL_MAX);
            }
            if (out->insecure_script != insecure) {
                out->insecure_script = apr_pstrndup(p, out->insecure_script, 256);
            }
            if (out->unpinned_script != unpinned) {
                out->unpinned_script = apr_pstrndup(p, out->unpinned_script, 256);
            }
        }
        else if (at->is_tls && !out->insecure_content) {
            const char *what = loaded_by(name, &a);
            int is_tls = base_is_tls;
            const char *host;

            if (what) {
                reference_origin(scratch, what, base_is_tls, &is_tls, &host);
                out->insecure_content = is_tls ? NULL : apr_pstrndup(p, what, 256);
            }
        }
        for (size_t i = 0; i < sizeof(raw_text) / sizeof(raw_text[0]); i++) {
            if (strcmp(name, raw_text[i]) == 0) {
                const char *close = find_nocase(c.at, c.end, apr_pstrcat(scratch, "</", name, NULL));

                c.at = close ? close : c.end;
            }
        }
    }
    apr_pool_destroy(scratch);
}

/* RFC 9116 2.5.3: a URI, so that it begins with a scheme. */
static void take_contact(apr_pool_t *p, const char *from, size_t len, saas_web_document_t *out)
{
    const char *to = from + len;
    const char *c;

    while (from < to && is_space(*from)) {
        from++;
    }
    while (to > from && is_space(to[-1])) {
        to--;
    }
    out->has_contact = 1;
    for (c = from; c < to && (apr_isalnum(*c) || strchr("+-.", *c)); c++) {
    }
    if (!out->bad_contact
        && (c == from || !apr_isalpha(*from) || c + 1 >= to || *c != ':' || memchr(from, ' ', to - from))) {
        out->bad_contact = apr_pstrndup(p, from, to - from > 256 ? 256 : to - from);
    }
}

/* RFC 9116: fields in lines, names without regard to case. */
static void read_security_txt(apr_pool_t *p, const char *body, apr_size_t len, saas_web_document_t *out)
{
    const char *end = body + len;

    while (body < end) {
        const char *eol = memchr(body, '\n', end - body);
        size_t n = (eol ? eol : end) - body;

        if (n > 8 && strncasecmp(body, "contact:", 8) == 0) {
            take_contact(p, body + 8, n - 8, out);
        }
        else if (n > 20 && strncasecmp(body, "preferred-languages:", 20) == 0) {
            out->languages_count++;
        }
        else if (n > 8 && n < 128 && strncasecmp(body, "expires:", 8) == 0) {
            const char *text = apr_pstrmemdup(p, body + 8, n - 8);
            int y, mo, d, h, mi, s;
            apr_time_exp_t x;

            out->expires_count++;
            memset(&x, 0, sizeof(x));
            while (is_space(*text)) {
                text++;
            }
            if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d", &y, &mo, &d, &h, &mi, &s) == 6 && y >= 1970 && mo >= 1
                && mo <= 12 && d >= 1 && d <= 31) {
                x.tm_year = y - 1900;
                x.tm_mon = mo - 1;
                x.tm_mday = d;
                x.tm_hour = h;
                x.tm_min = mi;
                x.tm_sec = s;
                /* The zone moves this by a day at most; who is that close is late. */
                apr_time_exp_get(&out->expires, &x);
            }
        }
        body += n + (eol != NULL);
    }
}

void saas_web_document_read(apr_pool_t *p, const saas_web_target_t *at, const char *content_type, const char *body,
                            apr_size_t len, saas_web_document_t *out)
{
    const char *start = body;

    memset(out, 0, sizeof(*out));
    out->meta_csp = apr_array_make(p, 1, sizeof(const char *));
    out->body_len = (int)len;
    if (!body || len == 0) {
        return;
    }
    while (start < body + len && is_space(*start)) {
        start++;
    }
    out->is_html = content_type ? strncasecmp(content_type, "text/html", 9) == 0
                                      || strncasecmp(content_type, "application/xhtml", 17) == 0
                                : start < body + len && *start == '<';
    out->echoes_trace = len > 6 && memcmp(body, "TRACE ", 6) == 0;
    if (out->is_html) {
        read_html(p, at, body, len, out);
    }
    else if (!content_type || strncasecmp(content_type, "text/plain", 10) == 0) {
        read_security_txt(p, body, len, out);
    }
}
