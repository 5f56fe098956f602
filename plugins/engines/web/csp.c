/* See csp.h. The verdicts follow the analyzers of MDN's HTTP Observatory: a
 * nonce or hash disarms 'unsafe-inline'; only together with 'strict-dynamic'
 * does it disarm broad sources too.
 */
#include "csp.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

typedef struct {
    const char *name;            /* lower case */
    apr_array_header_t *sources; /* const char *, as written */
} directive_t;

typedef struct {
    apr_array_header_t *directives; /* directive_t */
} policy_t;

struct saas_web_csp_t {
    apr_array_header_t *policies; /* policy_t */
    int frames_in_vain;
};

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static const apr_array_header_t *find(const policy_t *policy, const char *name)
{
    for (int i = 0; i < policy->directives->nelts; i++) {
        const directive_t *d = &APR_ARRAY_IDX(policy->directives, i, directive_t);

        if (strcmp(d->name, name) == 0) {
            return d->sources;
        }
    }
    return NULL;
}

/* The first directive of a fallback chain that the policy has. */
static const apr_array_header_t *effective(const policy_t *policy, const char *a, const char *b, const char *c)
{
    const apr_array_header_t *found = find(policy, a);

    found = found || !b ? found : find(policy, b);
    return found || !c ? found : find(policy, c);
}

static int has(const apr_array_header_t *sources, const char *source)
{
    for (int i = 0; i < sources->nelts; i++) {
        if (strcasecmp(APR_ARRAY_IDX(sources, i, const char *), source) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_nonce_or_hash(const apr_array_header_t *sources)
{
    static const char *const prefixes[] = { "'nonce-", "'sha256-", "'sha384-", "'sha512-" };

    for (int i = 0; i < sources->nelts; i++) {
        for (size_t k = 0; k < sizeof(prefixes) / sizeof(prefixes[0]); k++) {
            if (strncasecmp(APR_ARRAY_IDX(sources, i, const char *), prefixes[k], strlen(prefixes[k])) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* "*", with a scheme, a port or a path or without. */
static int is_any_host(const char *source)
{
    const char *host = strstr(source, "://");

    host = host ? host + 3 : source;
    return host[0] == '*' && (host[1] == '\0' || host[1] == ':' || host[1] == '/');
}

/* The source that lets in everybody, NULL when there is none. */
static const char *broad_source(const apr_array_header_t *sources)
{
    static const char *const schemes[] = { "http:", "https:", "data:", "blob:", "filesystem:" };

    for (int i = 0; i < sources->nelts; i++) {
        const char *source = APR_ARRAY_IDX(sources, i, const char *);

        if (is_any_host(source)) {
            return source;
        }
        for (size_t k = 0; k < sizeof(schemes) / sizeof(schemes[0]); k++) {
            if (strcasecmp(source, schemes[k]) == 0) {
                return source;
            }
        }
    }
    return NULL;
}

saas_web_csp_t *saas_web_csp_create(apr_pool_t *p)
{
    saas_web_csp_t *csp = apr_palloc(p, sizeof(*csp));

    csp->policies = apr_array_make(p, 2, sizeof(policy_t));
    csp->frames_in_vain = 0;
    return csp;
}

/* Directives that restrict something; browsers ignore a name that they do not know. */
static int is_known(const char *name)
{
    static const char *const names[] = {
        "base-uri",
        "block-all-mixed-content",
        "child-src",
        "connect-src",
        "default-src",
        "fenced-frame-src",
        "font-src",
        "form-action",
        "frame-src",
        "frame-ancestors",
        "img-src",
        "manifest-src",
        "media-src",
        "object-src",
        "prefetch-src",
        "require-trusted-types-for",
        "sandbox",
        "script-src",
        "script-src-attr",
        "script-src-elem",
        "style-src",
        "style-src-attr",
        "style-src-elem",
        "trusted-types",
        "upgrade-insecure-requests",
        "worker-src",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static void add_directive(policy_t *policy, apr_pool_t *p, const char *from, const char *to)
{
    directive_t d;
    const char *c = from;

    while (c < to && is_space(*c)) {
        c++;
    }
    from = c;
    while (c < to && !is_space(*c)) {
        c++;
    }
    if (c == from) {
        return;
    }
    d.name = apr_pstrmemdup(p, from, c - from);
    for (char *l = (char *)d.name; *l; l++) {
        *l = apr_tolower(*l);
    }
    if (!is_known(d.name) || find(policy, d.name)) {
        return; /* the standard ignores both, a repeated directive, too */
    }
    d.sources = apr_array_make(p, 4, sizeof(const char *));
    while (c < to) {
        while (c < to && is_space(*c)) {
            c++;
        }
        from = c;
        while (c < to && !is_space(*c)) {
            c++;
        }
        if (c > from) {
            APR_ARRAY_PUSH(d.sources, const char *) = apr_pstrmemdup(p, from, c - from);
        }
    }
    APR_ARRAY_PUSH(policy->directives, directive_t) = d;
}

/* What has an effect in a header only is not there. */
static void drop_header_only(saas_web_csp_t *csp, policy_t *policy)
{
    static const char *const names[] = { "frame-ancestors", "sandbox" };
    const directive_t *last = policy->directives->nelts
                                  ? &APR_ARRAY_IDX(policy->directives, policy->directives->nelts - 1, directive_t)
                                  : NULL;

    for (size_t i = 0; last && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(last->name, names[i]) == 0) {
            csp->frames_in_vain |= i == 0;
            apr_array_pop(policy->directives);
            return;
        }
    }
}

void saas_web_csp_add(saas_web_csp_t *csp, apr_pool_t *p, const char *value, int is_meta)
{
    const char *c = value;
    policy_t policy = { apr_array_make(p, 8, sizeof(directive_t)) };

    for (;;) {
        const char *to = c + strcspn(c, is_meta ? ";" : ";,");

        add_directive(&policy, p, c, to);
        if (is_meta) {
            drop_header_only(csp, &policy);
        }
        if (*to != ';') { /* end of the policy */
            if (policy.directives->nelts) {
                APR_ARRAY_PUSH(csp->policies, policy_t) = policy;
                policy.directives = apr_array_make(p, 8, sizeof(directive_t));
            }
            if (*to == '\0') {
                return;
            }
        }
        c = to + 1;
    }
}

int saas_web_csp_count(const saas_web_csp_t *csp)
{
    return csp->policies->nelts;
}

static const char *inline_problem(const apr_array_header_t *sources)
{
    if (!sources) {
        return "neither script-src nor default-src restricts scripts";
    }
    return has(sources, "'unsafe-inline'") && !has_nonce_or_hash(sources) && !has(sources, "'strict-dynamic'")
               ? "scripts allow 'unsafe-inline' without a nonce or hash"
               : NULL;
}

typedef const char *(*policy_problem_t)(const policy_t *policy, apr_pool_t *p);

static const char *policy_element_problem(const policy_t *policy, apr_pool_t *p)
{
    (void)p;
    return inline_problem(effective(policy, "script-src-elem", "script-src", "default-src"));
}

static const char *policy_attribute_problem(const policy_t *policy, apr_pool_t *p)
{
    (void)p;
    return inline_problem(effective(policy, "script-src-attr", "script-src", "default-src"));
}

static const char *policy_source_problem(const policy_t *policy, apr_pool_t *p)
{
    const apr_array_header_t *sources = effective(policy, "script-src-elem", "script-src", "default-src");
    const char *broad = sources ? broad_source(sources) : NULL;

    if (!sources) {
        return "neither script-src nor default-src restricts scripts";
    }
    return broad && !(has_nonce_or_hash(sources) && has(sources, "'strict-dynamic'"))
               ? apr_psprintf(p, "scripts may come from %s", broad)
               : NULL;
}

static const char *policy_eval_problem(const policy_t *policy, apr_pool_t *p)
{
    const apr_array_header_t *sources = effective(policy, "script-src", "default-src", NULL);

    (void)p;
    if (!sources) {
        return "neither script-src nor default-src restricts scripts";
    }
    return has(sources, "'unsafe-eval'") ? "scripts allow 'unsafe-eval'" : NULL;
}

static const char *policy_framing_problem(const policy_t *policy, apr_pool_t *p)
{
    const apr_array_header_t *sources = find(policy, "frame-ancestors");
    const char *broad;

    if (!sources) {
        return "no policy of a header has frame-ancestors";
    }
    broad = broad_source(sources);
    return broad ? apr_psprintf(p, "frame-ancestors allows %s", broad) : NULL;
}

/* NULL when one policy has no problem, else the first policy's problem: what one of them forbids is forbidden. */
static const char *any_policy(const saas_web_csp_t *csp, apr_pool_t *p, policy_problem_t ask)
{
    const char *first = NULL;

    for (int i = 0; i < csp->policies->nelts; i++) {
        const char *problem = ask(&APR_ARRAY_IDX(csp->policies, i, policy_t), p);

        if (!problem) {
            return NULL;
        }
        first = first ? first : problem;
    }
    return first ? first : "there is no policy";
}

const char *saas_web_csp_inline_problem(const saas_web_csp_t *csp, apr_pool_t *p)
{
    static const policy_problem_t parts[] = { policy_element_problem, policy_attribute_problem, policy_source_problem };
    const char *problem = NULL;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !problem; i++) {
        problem = any_policy(csp, p, parts[i]); /* of which each may be forbidden by another policy */
    }
    return problem;
}

int saas_web_csp_frames_in_vain(const saas_web_csp_t *csp)
{
    return csp->frames_in_vain;
}

int saas_web_csp_has(const saas_web_csp_t *csp, const char *name)
{
    for (int i = 0; i < csp->policies->nelts; i++) {
        if (find(&APR_ARRAY_IDX(csp->policies, i, policy_t), name)) {
            return 1;
        }
    }
    return 0;
}

int saas_web_csp_decides_framing(const saas_web_csp_t *csp)
{
    return saas_web_csp_has(csp, "frame-ancestors");
}

const char *saas_web_csp_eval_problem(const saas_web_csp_t *csp, apr_pool_t *p)
{
    return any_policy(csp, p, policy_eval_problem);
}

const char *saas_web_csp_framing_problem(const saas_web_csp_t *csp, apr_pool_t *p)
{
    const char *told = NULL;

    for (int i = 0; i < csp->policies->nelts; i++) {
        const policy_t *policy = &APR_ARRAY_IDX(csp->policies, i, policy_t);
        const char *problem = policy_framing_problem(policy, p);

        if (!problem) {
            return NULL;
        }
        told = !told && find(policy, "frame-ancestors") ? problem : told;
    }
    return told ? told : "no policy of a header has frame-ancestors";
}

const char *saas_web_csp_lock_problem(const saas_web_csp_t *csp, apr_pool_t *p)
{
    static const struct {
        const char *name, *fallback;
    } locks[] = { { "base-uri", NULL }, { "object-src", "default-src" }, { "form-action", NULL } };
    const char *open = "";

    if (csp->policies->nelts == 0) {
        return "there is no policy";
    }
    for (size_t k = 0; k < sizeof(locks) / sizeof(locks[0]); k++) {
        int locked = 0;

        for (int i = 0; i < csp->policies->nelts; i++) {
            const apr_array_header_t *sources =
                effective(&APR_ARRAY_IDX(csp->policies, i, policy_t), locks[k].name, locks[k].fallback, NULL);

            locked |= sources && !broad_source(sources);
        }
        if (!locked) {
            open = apr_pstrcat(p, open, *open ? ", " : "", locks[k].name, NULL);
        }
    }
    return *open ? apr_pstrcat(p, "not restricted: ", open, NULL) : NULL;
}
