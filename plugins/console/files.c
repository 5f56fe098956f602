/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The built files, read into memory when httpd starts: what is served is one build as a whole, whatever happens to the
 * folder later, and no request ever names a file.
 */
#include "console.h"

#include <apr_file_io.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <http_config.h>

/* Far more than the console is; a folder that is none is found before memory is. */
#define LARGEST (4 * 1024 * 1024)
#define MOST 500

#define WAY_OUT "build it where npm is, with make, and make install; or name its folder with SaasConsoleFiles"

static const struct {
    const char *suffix, *type;
} types[] = {
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".svg", "image/svg+xml" },
    { ".txt", "text/plain; charset=utf-8" },
};

static int ends(const char *name, const char *suffix)
{
    apr_size_t len = strlen(name), tail = strlen(suffix);
    return len > tail && !strcmp(name + len - tail, suffix);
}

static const char *type_of(const char *name)
{
    apr_size_t i;
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends(name, types[i].suffix)) {
            return types[i].type;
        }
    }
    return NULL;
}

static apr_status_t slurp(apr_pool_t *p, const char *path, console_form_t *form)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *data;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file)) == APR_SUCCESS) {
        rv = info.filetype != APR_REG ? APR_EINVAL : info.size > LARGEST ? APR_EGENERAL : APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        data = apr_palloc(p, (apr_size_t)info.size + 1);
        rv = apr_file_read_full(file, data, (apr_size_t)info.size, &form->len);
        data[form->len] = '\0';
        form->data = data;
    }
    apr_file_close(file);
    return rv;
}

/* Of the bytes as they are sent, so that each form has its own. */
static void tag(apr_pool_t *p, console_form_t *form)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t ctx;
    char *hex = apr_palloc(p, 2 * 10 + 3), *c = hex;
    int i;

    apr_sha1_init(&ctx);
    apr_sha1_update_binary(&ctx, (const unsigned char *)form->data, (unsigned)form->len);
    apr_sha1_final(digest, &ctx);
    *c++ = '"';
    for (i = 0; i < 10; i++) {
        c += apr_snprintf(c, 3, "%02x", digest[i]);
    }
    *c++ = '"';
    *c = '\0';
    form->etag = hex;
}

static const char *read_asset(apr_pool_t *p, console_site_t *site, const char *folder, const char *name)
{
    console_file_t *file = apr_pcalloc(p, sizeof(*file));
    int c;

    if (!(file->type = type_of(name))) {
        return apr_psprintf(p, "%s/%s is nothing that a console has", folder, name);
    }
    for (c = 0; c < CONSOLE_CODINGS; c++) {
        const char *path = apr_pstrcat(p, folder, "/", name, console_coding_suffix[c], NULL);
        apr_status_t rv = slurp(p, path, &file->forms[c]);
        if (rv == APR_SUCCESS) {
            tag(p, &file->forms[c]);
        }
        else if (c == CONSOLE_IDENTITY || !APR_STATUS_IS_ENOENT(rv)) {
            return apr_psprintf(p, "%s cannot be read: %pm", path, &rv);
        }
    }
    apr_hash_set(site->assets, apr_pstrdup(p, name), APR_HASH_KEY_STRING, file);
    return NULL;
}

static const char *read_assets(apr_pool_t *p, console_site_t *site, const char *folder)
{
    const char *err = NULL;
    apr_finfo_t info;
    apr_dir_t *dir;
    apr_status_t rv = apr_dir_open(&dir, folder, p);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s cannot be read: %pm", folder, &rv);
    }
    while (!err && apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (info.name[0] != '.' && !ends(info.name, ".gz") && !ends(info.name, ".br")) {
            err = apr_hash_count(site->assets) >= MOST ? apr_psprintf(p, "%s has too many files for a console", folder)
                                                       : read_asset(p, site, folder, info.name);
        }
    }
    apr_dir_close(dir);
    return err;
}

/* The page's text with {{name}} replaced, escaped for an attribute or an element's text. */
static void fill(apr_pool_t *p, console_form_t *form, const char *const (*values)[2])
{
    const char *text = form->data;
    for (; (*values)[0]; values++) {
        const char *found, *rest = text;
        text = "";
        while ((found = ap_strstr_c(rest, (*values)[0]))) {
            text = apr_pstrcat(p, text, apr_pstrmemdup(p, rest, (apr_size_t)(found - rest)),
                               ap_escape_html2(p, (*values)[1], 1), NULL);
            rest = found + strlen((*values)[0]);
        }
        text = apr_pstrcat(p, text, rest, NULL);
    }
    form->data = text;
    form->len = strlen(text);
}

const char *console_read(apr_pool_t *p, console_site_t *site, const char *folder)
{
    const char *const values[][2] = {
        { "{{base}}", site->path },
        { "{{api}}", site->conf->api ? site->conf->api : CONSOLE_API },
        { "{{title}}", site->conf->title ? site->conf->title : CONSOLE_TITLE },
        { NULL, NULL }
    };
    console_form_t *page = &site->page.forms[CONSOLE_IDENTITY];
    const char *path = apr_pstrcat(p, folder, "/index.html", NULL), *err;
    apr_status_t rv = slurp(p, path, page);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "the console's built files are not in %s (index.html: %pm): " WAY_OUT, folder, &rv);
    }
    site->page.type = "text/html; charset=utf-8";
    fill(p, page, values);
    tag(p, page);
    site->assets = apr_hash_make(p);
    err = read_assets(p, site, apr_pstrcat(p, folder, "/assets", NULL));
    return err ? apr_pstrcat(p, err, ": " WAY_OUT, NULL) : NULL;
}
