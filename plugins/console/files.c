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
    { ".png", "image/png" },
    { ".webp", "image/webp" },
    { ".txt", "text/plain; charset=utf-8" },
};

static int ends(const char *name, const char *suffix)
{
    apr_size_t len = strlen(name), tail = strlen(suffix);
    return len > tail && !strcmp(name + len - tail, suffix);
}

const char *console_type_of(const char *name)
{
    apr_size_t i;
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends(name, types[i].suffix)) {
            return types[i].type;
        }
    }
    return NULL;
}

apr_status_t console_slurp(apr_pool_t *p, const char *path, apr_off_t largest, console_form_t *form)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *data;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file)) == APR_SUCCESS) {
        rv = info.filetype != APR_REG ? APR_EINVAL : info.size > largest ? APR_EGENERAL : APR_SUCCESS;
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
void console_tag(apr_pool_t *p, console_form_t *form)
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

    if (!(file->type = console_type_of(name))) {
        return apr_psprintf(p, "%s/%s is nothing that a console has", folder, name);
    }
    for (c = 0; c < CONSOLE_CODINGS; c++) {
        const char *path = apr_pstrcat(p, folder, "/", name, console_coding_suffix[c], NULL);
        apr_status_t rv = console_slurp(p, path, LARGEST, &file->forms[c]);
        if (rv == APR_SUCCESS) {
            console_tag(p, &file->forms[c]);
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

/* What stands for {{name}} in the page, escaped for an attribute or an element's text unless it is markup of ours. */
typedef struct {
    const char *name, *value;
    int is_markup;
} value_t;

static const value_t *value_at(const value_t *values, const char *text)
{
    for (; values->name && strncmp(text, values->name, strlen(values->name)); values++) {
    }
    return values->name ? values : NULL;
}

/* In one pass: what a value has in it is never read as a name. */
static void fill(apr_pool_t *p, console_form_t *form, const value_t *values)
{
    const char *rest = form->data, *found = rest, *text = "";
    while ((found = ap_strstr_c(found, "{{"))) {
        const value_t *value = value_at(values, found);
        if (!value) {
            found += 2;
            continue;
        }
        text = apr_pstrcat(p, text, apr_pstrmemdup(p, rest, (apr_size_t)(found - rest)),
                           value->is_markup ? value->value : ap_escape_html2(p, value->value, 0), NULL);
        rest = found += strlen(value->name);
    }
    form->data = apr_pstrcat(p, text, rest, NULL);
    form->len = strlen(form->data);
}

/* The build's own picture of the window. */
static const char *built_icon(apr_pool_t *p, const console_site_t *site)
{
    apr_hash_index_t *i;
    for (i = apr_hash_first(p, site->assets); i; i = apr_hash_next(i)) {
        const char *name = apr_hash_this_key(i);
        if (!strncmp(name, "icon-", 5)) {
            return apr_pstrcat(p, site->path, "/assets/", name, NULL);
        }
    }
    return "";
}

const char *console_read(apr_pool_t *p, console_site_t *site, const char *folder, const char *product)
{
    const console_config_t *conf = site->conf;
    console_form_t *page = &site->page.forms[CONSOLE_IDENTITY];
    const char *path = apr_pstrcat(p, folder, "/index.html", NULL), *err;
    apr_status_t rv = console_slurp(p, path, LARGEST, page);
    console_brand_t brand;

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "the console's built files are not in %s (index.html: %pm): " WAY_OUT, folder, &rv);
    }
    site->page.type = "text/html; charset=utf-8";
    site->assets = apr_hash_make(p);
    if ((err = read_assets(p, site, apr_pstrcat(p, folder, "/assets", NULL)))) {
        return apr_pstrcat(p, err, ": " WAY_OUT, NULL);
    }
    brand.icon = built_icon(p, site);
    if ((err = console_brand_read(p, site, &brand))) {
        return err;
    }
    fill(p, page, (const value_t[]){
        { "{{base}}", site->path, 0 },
        { "{{api}}", conf->api ? conf->api : CONSOLE_API, 0 },
        { "{{icon}}", brand.icon, 0 },
        { "{{style}}", !*brand.style ? "" : apr_psprintf(p, "<link rel=\"stylesheet\" href=\"%s\">\n",
                                                         ap_escape_html2(p, brand.style, 0)), 1 },
        { "{{logo}}", brand.logo, 0 },
        { "{{links}}", brand.links, 0 },
        { "{{welcome}}", brand.welcome, 0 },
        { "{{title}}", conf->title ? conf->title : product ? product : CONSOLE_TITLE, 0 },
        { NULL, NULL, 0 }
    });
    console_tag(p, page);
    return NULL;
}
