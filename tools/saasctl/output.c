/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What saasctl says: messages on stderr, results on stdout as text or JSON.
 */
#include "saasctl.h"

#include "core/timefmt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    fprintf(stderr, "saasctl: %s\n", text);
    return code;
}

const char *ctl_option(const ctl_t *ctl, const char *name)
{
    return apr_table_get(ctl->options, name);
}

static json_t *value(const char *text, char type)
{
    char iso[SAAS_TIME_ISO_SIZE];
    apr_time_t t;
    if (!text) {
        return json_null();
    }
    if (type == 'b') {
        return json_boolean(*text == 't' || *text == '1');
    }
    if (type == 'i') {
        return json_integer(atoll(text));
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
    else if (!s) {
        putchar('-');
    }
    for (; s && *s; s++) {
        putchar((unsigned char)*s < ' ' || *s == 127 ? '?' : *s);
    }
}

void ctl_print_rows(const ctl_t *ctl, const saas_driver_rows_t *rows, const char *const *names, const char *types)
{
    json_t *list = json_array();
    int r, i;
    for (r = 0; r < rows->count; r++) {
        json_t *object = json_object();
        for (i = 0; i < rows->columns; i++) {
            json_object_set_new(object, names[i], value(ctl_cell(rows, r, i), types[i]));
        }
        json_array_append_new(list, object);
    }
    if (ctl->json) {
        print_json(list);
        return;
    }
    for (i = 0; i < rows->columns; i++) {
        printf("%s%c", names[i], i + 1 < rows->columns ? '\t' : '\n');
    }
    for (r = 0; r < rows->count; r++) {
        for (i = 0; i < rows->columns; i++) {
            print_plain(json_object_get(json_array_get(list, (size_t)r), names[i]));
            putchar(i + 1 < rows->columns ? '\t' : '\n');
        }
    }
    json_decref(list);
}

void ctl_print_object(const ctl_t *ctl, json_t *object, const char *plain)
{
    if (ctl->json) {
        print_json(object);
        return;
    }
    print_plain(json_object_get(object, plain));
    putchar('\n');
    json_decref(object);
}
