/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What an operator has made the console theirs with: logo, icon, colours, texts, links.  Files are read with the built ones
 * when httpd starts and served as those are, under names that change with their bytes; what a browser could not make
 * anything of, or what the page's policy would keep it from, is said at configtest.  None of it is code: the policy of the
 * page and of its files sees to that whatever is in them.
 */
#include "console.h"

#include <apr_strings.h>

#include <http_config.h>

#define PICTURE_MAX (256 * 1024)
#define TEXT_MAX (64 * 1024)
#define LANGUAGE_LEN 2

static int is_text(const console_form_t *form)
{
    json_t *text = strlen(form->data) == form->len ? json_string(form->data) : NULL;
    json_decref(text);
    return text != NULL;
}

/* By its first bytes, so that a file under another one's name is found here and not by people who see no picture. */
static int is_picture(const char *type, const console_form_t *form)
{
    return !strcmp(type, "image/png")    ? form->len > 8 && !memcmp(form->data, "\x89PNG\r\n\x1a\n", 8)
           : !strcmp(type, "image/webp") ? form->len > 12 && !memcmp(form->data, "RIFF", 4) && !memcmp(form->data + 8, "WEBP", 4)
           : !strcmp(type, "image/svg+xml") && is_text(form) && ap_strstr_c(form->data, "<svg");
}

static const char *check_picture(apr_pool_t *p, const char *type, const console_form_t *form)
{
    (void)p;
    return is_picture(type, form) ? NULL : "is no SVG, PNG or WebP picture under a name that ends so";
}

/* The sheet without its comments and strings, which may say whatever they like. */
static const char *bare_style(apr_pool_t *p, const char *c)
{
    char *bare = apr_palloc(p, strlen(c) + 1), *to = bare;
    const char *end;
    while (*c) {
        if (c[0] == '/' && c[1] == '*') {
            end = ap_strstr_c(c + 2, "*/");
            c = end ? end + 2 : c + strlen(c);
        }
        else if (*c == '"' || *c == '\'') {
            for (end = c + 1; *end && *end != *c; end++) {
                end += *end == '\\' && end[1];
            }
            c = *end ? end + 1 : end;
        }
        else {
            *to++ = *c++;
        }
    }
    *to = '\0';
    return bare;
}

static const char *check_style(apr_pool_t *p, const char *type, const console_form_t *form)
{
    const char *bare, *c;
    int depth = 0;

    if (strcmp(type, "text/css; charset=utf-8") || !is_text(form)) {
        return "is no style sheet, of UTF-8, under a name that ends in .css";
    }
    bare = bare_style(p, form->data);
    if (ap_strcasestr(bare, "@import") || ap_strcasestr(bare, "url(") || ap_strcasestr(bare, "image-set(")) {
        return "loads something (@import, url(), image-set()), which the console's policy keeps a page from: give colours and"
               " the like in it";
    }
    for (c = bare; *c && depth >= 0; c++) {
        depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
    }
    return depth ? "has a brace without the other one" : NULL;
}

static const char *check_welcome(apr_pool_t *p, const char *type, const console_form_t *form)
{
    const unsigned char *c = (const unsigned char *)form->data;
    (void)p;
    if (strcmp(type, "text/plain; charset=utf-8") || !is_text(form)) {
        return "is no text, of UTF-8, under a name that ends in .txt";
    }
    while (*c && (*c >= ' ' || strchr("\t\r\n", *c)) && *c != 0x7f) {
        c++;
    }
    return *c ? "has control characters in it" : !form->data[strspn(form->data, " \t\r\n")] ? "is empty" : NULL;
}

/* Reads and checks one file and serves it as an asset; *path is where. */
static const char *take(apr_pool_t *p, console_site_t *site, const char *directive, const char *name, apr_off_t largest,
                        const char *(*check)(apr_pool_t *p, const char *type, const console_form_t *form),
                        const char **path)
{
    console_file_t *file = apr_pcalloc(p, sizeof(*file));
    console_form_t *form = &file->forms[CONSOLE_IDENTITY];
    const char *own = ap_strrchr_c(name, '/') ? ap_strrchr_c(name, '/') + 1 : name, *wrong;
    const char *asset;
    apr_status_t rv = console_slurp(p, name, largest, form);

    if (rv == APR_EGENERAL) {
        return apr_psprintf(p, "%s %s has more than %d KiB", directive, name, (int)(largest / 1024));
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s %s cannot be read: %pm", directive, name, &rv);
    }
    file->type = console_type_of(own);
    if ((wrong = check(p, file->type ? file->type : "", form))) {
        return apr_psprintf(p, "%s %s %s", directive, name, wrong);
    }
    console_tag(p, form);
    asset = apr_psprintf(p, "brand-%.10s%s", form->etag + 1, ap_strrchr_c(own, '.'));
    apr_hash_set(site->assets, asset, APR_HASH_KEY_STRING, file);
    *path = apr_pstrcat(p, site->path, "/assets/", asset, NULL);
    return NULL;
}

/* "welcome.de.txt": "de"; "welcome.txt": "", every other language. */
static const char *language_of(apr_pool_t *p, const char *name)
{
    const char *end = ap_strrchr_c(name, '.');
    return end && end - name > LANGUAGE_LEN && end[-LANGUAGE_LEN - 1] == '.' && strspn(end - LANGUAGE_LEN, "abcdefghijklmnopqrstuvwxyz") == LANGUAGE_LEN
               ? apr_pstrmemdup(p, end - LANGUAGE_LEN, LANGUAGE_LEN)
               : "";
}

static const char *dump(apr_pool_t *p, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    const char *copy = apr_pstrdup(p, text);
    free(text);
    json_decref(json);
    return copy;
}

static const char *read_welcome(apr_pool_t *p, console_site_t *site, const char **json)
{
    const apr_array_header_t *names = site->conf->welcome;
    json_t *all = json_object();
    const char *err = NULL, *path;
    int i;

    for (i = 0; !err && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *), *language = language_of(p, name);
        if (json_object_get(all, language)) {
            err = apr_psprintf(p, "SaasConsoleWelcome %s: there is a text for the same language before it", name);
        }
        else if (!(err = take(p, site, "SaasConsoleWelcome", name, TEXT_MAX, check_welcome, &path))) {
            json_object_set_new(all, language, json_string(path));
        }
    }
    *json = dump(p, all);
    return err;
}

static const char *write_links(apr_pool_t *p, const apr_array_header_t *links)
{
    json_t *all = json_array();
    int i;
    for (i = 0; links && i < links->nelts; i++) {
        const console_link_t *link = &APR_ARRAY_IDX(links, i, console_link_t);
        json_t *one = json_pack("{s:s, s:s}", "kind", link->kind, "url", link->url);
        if (link->text) {
            json_object_set_new(one, "text", json_string(link->text));
        }
        json_array_append_new(all, one);
    }
    return dump(p, all);
}

const char *console_brand_read(apr_pool_t *p, console_site_t *site, console_brand_t *brand)
{
    const console_config_t *conf = site->conf;
    const char *err;

    brand->logo = brand->style = "";
    brand->links = write_links(p, conf->links);
    if (conf->logo && (err = take(p, site, "SaasConsoleLogo", conf->logo, PICTURE_MAX, check_picture, &brand->logo))) {
        return err;
    }
    if (conf->icon && (err = take(p, site, "SaasConsoleIcon", conf->icon, PICTURE_MAX, check_picture, &brand->icon))) {
        return err;
    }
    if (conf->style && (err = take(p, site, "SaasConsoleStyle", conf->style, TEXT_MAX, check_style, &brand->style))) {
        return err;
    }
    return read_welcome(p, site, &brand->welcome);
}
