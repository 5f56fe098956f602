/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What saasctl says: messages on stderr, results on stdout as text or JSON.
 */
#include "saasctl.h"

#include "core/timefmt.h"

#include <apr_strings.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 1000
#define LIMIT_NONE "9223372036854775807"
#define ARGS_MAX 8

/* Where it goes instead; NULL: to stderr. */
static char *kept;
static apr_size_t kept_size;

void ctl_keep_said(char *to, apr_size_t size)
{
    kept = to;
    kept_size = size;
}

int ctl_say(int code, const char *format, ...)
{
    char text[1024];
    size_t len;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (len = strlen(text); len && (text[len - 1] == '\n' || text[len - 1] == ' '); len--) {
        text[len - 1] = '\0';
    }
    if (kept) {
        apr_cpystrn(kept, text, kept_size);
    }
    else {
        fprintf(stderr, "saasctl: %s\n", text);
    }
    return code;
}

static json_t *value(const char *text, char type)
{
    char iso[SAAS_TIME_ISO_SIZE];
    apr_time_t t;
    json_t *json;
    if (!text) {
        return json_null();
    }
    if (type == 'b') {
        return json_boolean(*text == 't' || *text == '1');
    }
    if (type == 'i') {
        return json_integer(atoll(text));
    }
    if (type == 'j' && (json = json_loads(text, JSON_DECODE_ANY, NULL))) {
        return json;
    }
    if (type == 't' && saas_time_parse(text, &t) == APR_SUCCESS && saas_time_iso(iso, t) == APR_SUCCESS) {
        return json_string(iso);
    }
    return json_string(text);
}

static void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(json);
}

/* A cell of a line: what could break the line, or play with the terminal, is replaced. */
static void print_plain(const json_t *json)
{
    const char *s = json_string_value(json);
    if (json_is_integer(json)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(json));
    }
    else if (json_is_boolean(json)) {
        fputs(json_is_true(json) ? "yes" : "no", stdout);
    }
    else if (json_is_array(json) || json_is_object(json)) {
        json_dumpf(json, stdout, JSON_ENSURE_ASCII);
    }
    else if (!s) {
        putchar('-');
    }
    for (; s && *s; s++) {
        /* C1 controls are two bytes in UTF-8, of which the first is 0xC2. */
        if ((unsigned char)*s == 0xC2 && (unsigned char)s[1] < 0xA0) {
            s++;
            putchar('?');
        }
        else {
            putchar((unsigned char)*s < ' ' || *s == 127 ? '?' : *s);
        }
    }
}

json_t *ctl_row_json(const saas_driver_rows_t *rows, int row, const char *const *names, const char *types)
{
    json_t *object = json_object();
    int i;
    for (i = 0; i < rows->columns; i++) {
        json_object_set_new(object, names[i], value(ctl_cell(rows, row, i), types[i]));
    }
    return object;
}

json_t *ctl_rows_json(const saas_driver_rows_t *rows, const char *const *names, const char *types)
{
    json_t *list = json_array();
    int r;
    for (r = 0; r < rows->count; r++) {
        json_array_append_new(list, ctl_row_json(rows, r, names, types));
    }
    return list;
}

void ctl_print_rows(const ctl_t *ctl, const saas_driver_rows_t *rows, const char *const *names, const char *types)
{
    json_t *list;
    int r, i, columns = (int)strlen(types);
    if (ctl->json) {
        print_json(ctl_rows_json(rows, names, types));
        return;
    }
    list = ctl_rows_json(rows, names, types);
    for (i = 0; i < columns; i++) {
        printf("%s%c", names[i], i + 1 < columns ? '\t' : '\n');
    }
    for (r = 0; r < rows->count; r++) {
        for (i = 0; i < columns; i++) {
            print_plain(json_object_get(json_array_get(list, (size_t)r), names[i]));
            putchar(i + 1 < columns ? '\t' : '\n');
        }
    }
    json_decref(list);
}

void ctl_print_object(const ctl_t *ctl, json_t *object, const char *plain)
{
    const char *key;
    json_t *member;
    if (ctl->json) {
        print_json(object);
        return;
    }
    if (plain) {
        print_plain(json_object_get(object, plain));
        putchar('\n');
    }
    else {
        json_object_foreach(object, key, member) {
            printf("%s\t", key);
            print_plain(member);
            putchar('\n');
        }
    }
    json_decref(object);
}

/* How many rows are wanted; 0: all. */
static int read_limit(const ctl_t *ctl, long *limit)
{
    const char *text = ctl_option(ctl, "limit");
    char *end;
    *limit = LIMIT_DEFAULT;
    if (text) {
        *limit = strtol(text, &end, 10);
        if (!*text || *end || *limit < 0 || *limit > 100000000) {
            return ctl_say(CTL_USAGE, "--limit: \"%s\" is no number of rows (0 is all)", text);
        }
    }
    return CTL_OK;
}

int ctl_list(ctl_t *ctl, int statement, const char *const *names, const char *types, const char *const *args, int nargs)
{
    const char *all[ARGS_MAX];
    saas_driver_rows_t *rows;
    long limit;
    int i, code = read_limit(ctl, &limit);

    if (code != CTL_OK) {
        return code;
    }
    for (i = 0; i < nargs && i < ARGS_MAX - 1; i++) {
        all[i] = args[i];
    }
    all[i++] = limit ? apr_ltoa(ctl->p, limit + 1) : LIMIT_NONE;
    if ((code = ctl_ask(ctl, statement, &rows, all, i)) != CTL_OK) {
        return code;
    }
    if (limit && rows->count > limit) {
        rows->count = (int)limit;
        ctl_say(CTL_OK, "there are more than these %ld: see --limit", limit);
    }
    ctl_print_rows(ctl, rows, names, types);
    return CTL_OK;
}
