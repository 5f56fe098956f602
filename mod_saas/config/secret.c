/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Secrets of directives: given as they are, or better as file:/path or
 * env:NAME, so that httpd.conf need not hold them.  Messages name the source,
 * never the value.
 *
 * A secret that was read lies on pages of its own, which a core dump leaves out,
 * the kernel does not swap out where it lets itself be told, nothing can write
 * to, and which are wiped with the configuration.  It is read there straight
 * from its file.  Of one that stands in httpd.conf itself httpd has copies that
 * are out of reach; what is within is the tree of directives, which mod_info
 * shows: there its place is taken by a word.
 */
#include "config.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096
#define HIDDEN "(hidden)"

/* FreeBSD's name of it. */
#if !defined(MADV_DONTDUMP) && defined(MADV_NOCORE)
#define MADV_DONTDUMP MADV_NOCORE
#endif

/* What has been read for the configuration, as long as its pool lives. */
typedef struct known_t {
    struct known_t *next;
    const char *path;    /* the file, if there is one */
    int open_to_all;     /* others than owner and group may read or write it */
    char *page;
    apr_size_t size;
    const char *secret;  /* on the page; NULL: it was not taken */
    int literal;         /* it stands in the configuration */
} known_t;
static known_t *known;

static apr_status_t forget(void *baton)
{
    known_t *one = baton, **at;

    for (at = &known; *at; at = &(*at)->next) {
        if (*at == one) {
            *at = one->next;
            break;
        }
    }
    if (!mprotect(one->page, one->size, PROT_READ | PROT_WRITE)) {
        OPENSSL_cleanse(one->page, one->size);
    }
    munmap(one->page, one->size);
    return APR_SUCCESS;
}

/* A place for a secret of SECRET_MAX characters, all zero; NULL: there is no memory. */
static known_t *make_place(apr_pool_t *p)
{
    known_t *one = apr_pcalloc(p, sizeof(*one));
    apr_size_t page = (apr_size_t)sysconf(_SC_PAGESIZE);

    one->size = (SECRET_MAX + 1 + page - 1) / page * page;
    one->page = mmap(NULL, one->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (one->page == MAP_FAILED) {
        return NULL;
    }
#ifdef MADV_DONTDUMP
    madvise(one->page, one->size, MADV_DONTDUMP);
#endif
    /* Bounded for users other than root, and then it is not so. */
    (void)mlock(one->page, one->size);
    one->next = known;
    known = one;
    apr_pool_cleanup_register(p, one, forget, apr_pool_cleanup_null);
    return one;
}

/* Newlines and blanks at either end are an editor's, not the secret's. */
static const char *trim(known_t *one)
{
    char *text = one->page, *end;
    while (apr_isspace(*text)) {
        text++;
    }
    end = text + strlen(text);
    while (end > text && apr_isspace(end[-1])) {
        *--end = '\0';
    }
    return text;
}

static const char *read_file(apr_pool_t *p, const char *name, known_t *one)
{
    const char *path = ap_server_root_relative(p, name);
    apr_size_t len = 0, line;
    struct stat info;
    ssize_t n = 0;
    char reason[256];
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (fd < 0 || fstat(fd, &info) < 0) {
        apr_status_t rv = path ? errno : APR_EBADPATH;
        if (fd >= 0) {
            close(fd);
        }
        return apr_psprintf(p, "cannot read the secret from %s: %s", name, apr_strerror(rv, reason, sizeof(reason)));
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return apr_psprintf(p, "cannot read the secret from %s: it is no file", name);
    }
    while (len <= SECRET_MAX && ((n = read(fd, one->page + len, SECRET_MAX + 1 - len)) > 0 || (n < 0 && errno == EINTR))) {
        len += n > 0 ? (apr_size_t)n : 0;
    }
    close(fd);
    if (n < 0) {
        return apr_psprintf(p, "cannot read the secret from %s: %s", name, apr_strerror(errno, reason, sizeof(reason)));
    }
    one->page[len < one->size ? len : one->size - 1] = '\0';
    line = strcspn(one->page, "\r\n");
    if (line > SECRET_MAX) {
        return apr_psprintf(p, "the first line of %s is longer than a secret may be, %d characters", name, SECRET_MAX);
    }
    OPENSSL_cleanse(one->page + line, one->size - line);
    one->path = path;
    one->open_to_all = (info.st_mode & (S_IROTH | S_IWOTH)) != 0;
    return NULL;
}

static const char *take(apr_pool_t *p, const char *text, known_t *one)
{
    if (strlen(text) > SECRET_MAX) {
        return apr_psprintf(p, "a secret has at most %d characters", SECRET_MAX);
    }
    memcpy(one->page, text, strlen(text) + 1);
    return NULL;
}

const char *saas_secret_read_impl(apr_pool_t *p, const char *value, const char **secret)
{
    known_t *one = make_place(p);
    const char *wrong, *source = value;

    *secret = NULL;
    if (!one) {
        return "there is no memory for the secret";
    }
    if (!strncmp(value, "file:", 5)) {
        wrong = read_file(p, value + 5, one);
    }
    else if (!strncmp(value, "env:", 4)) {
        const char *found = getenv(value + 4);
        wrong = found ? take(p, found, one) : apr_psprintf(p, "the environment variable %s is not set", value + 4);
    }
    else {
        one->literal = 1;
        source = NULL;
        wrong = take(p, value, one);
    }
    if (wrong) {
        return wrong;
    }
    *secret = trim(one);
    if (!**secret) {
        *secret = NULL;
        return source ? apr_psprintf(p, "the secret in %s is empty", source) : "the secret is empty";
    }
    one->secret = *secret;
    mprotect(one->page, one->size, PROT_READ);
    return NULL;
}

/* A directive with a file that was read for two modules is said once. */
static int is_said(const known_t *until)
{
    const known_t *one;
    for (one = known; one != until; one = one->next) {
        if (one->open_to_all && !strcmp(one->path, until->path)) {
            return 1;
        }
    }
    return 0;
}

void saas_secrets_warn(const server_rec *main_server)
{
    const known_t *one;
    for (one = known; one; one = one->next) {
        if (one->open_to_all && !is_said(one)) {
            SAAS_LOG(main_server, APLOG_WARNING, 0, "SAAS1011",
                     "everybody on this machine may read or write the secret in %s: chmod 600 it", one->path);
        }
    }
}

/* ------------------------------------------------------------ the tree -- */

static int is_literal(apr_pool_t *ptemp, const char *word)
{
    char *trimmed = apr_pstrdup(ptemp, word);
    const known_t *one;
    int found = 0;

    apr_collapse_spaces(trimmed, trimmed);
    for (one = known; one && !found; one = one->next) {
        found = one->literal && one->secret && *trimmed && !strcmp(one->secret, trimmed);
    }
    OPENSSL_cleanse(trimmed, strlen(trimmed));
    return found;
}

static void hide(ap_directive_t *line, apr_pool_t *pconf, apr_pool_t *ptemp)
{
    const char *at = line->args, *shown = "";
    int found = 0;

    while (*at) {
        const char *begin = at;
        char *word = ap_getword_conf(ptemp, &at);
        int secret = is_literal(ptemp, word);
        OPENSSL_cleanse(word, strlen(word));
        found |= secret;
        shown = secret ? apr_pstrcat(pconf, shown, *shown ? " " : "", HIDDEN, NULL)
                       : apr_pstrcat(pconf, shown, *shown && !apr_isspace(shown[strlen(shown) - 1]) ? " " : "",
                                     apr_pstrmemdup(pconf, begin, (apr_size_t)(at - begin)), NULL);
    }
    if (found) {
        OPENSSL_cleanse((void *)line->args, strlen(line->args));
        line->args = shown;
    }
}

static void hide_in(ap_directive_t *line, apr_pool_t *pconf, apr_pool_t *ptemp)
{
    for (; line; line = line->next) {
        hide_in(line->first_child, pconf, ptemp);
        if (!strncasecmp(line->directive, "Saas", 4)) {
            hide(line, pconf, ptemp);
        }
    }
}

int saas_secrets_hide(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog, (void)s;
    hide_in(ap_conftree, pconf, ptemp);
    return OK;
}
