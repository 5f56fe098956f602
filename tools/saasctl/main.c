/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl: the reading of the command line, and the order of things.
 */
#include "saasctl.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SAAS_SQLDIR
#define SAAS_SQLDIR "sql"
#endif

typedef enum { UNKNOWN, FLAG, VALUE, VALUES, GLOBAL_FLAG, GLOBAL_VALUE } kind_e;

static kind_e kind_of(const ctl_command_t *command, const char *name)
{
    static const struct { const char *name; kind_e kind; } globals[] = {
        { "json", GLOBAL_FLAG }, { "db", GLOBAL_VALUE }, { "sql", GLOBAL_VALUE }
    };
    unsigned i;
    for (i = 0; i < CTL_OPTIONS && command->options[i]; i++) {
        const char *known = command->options[i];
        kind_e kind = *known == '!' ? FLAG : *known == '*' ? VALUES : VALUE;
        if (!strcmp(known + (kind != VALUE), name)) {
            return kind;
        }
    }
    for (i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        if (!strcmp(globals[i].name, name)) {
            return globals[i].kind;
        }
    }
    return UNKNOWN;
}

static const char *full_name(ctl_t *ctl, const ctl_command_t *command)
{
    return command->verb ? apr_pstrcat(ctl->p, command->object, " ", command->verb, NULL) : command->object;
}

static int unknown_option(ctl_t *ctl, const ctl_command_t *command, const char *name)
{
    return ctl_say(CTL_USAGE, "--%s is no option of this command: saasctl %s %s", name, full_name(ctl, command), command->synopsis);
}

/* --name value, --name=value or --name at argv[*at]. */
static int read_option(ctl_t *ctl, const ctl_command_t *command, int argc, const char *const *argv, int *at)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    kind_e kind;
    int flag;

    if (equals) {
        name = apr_pstrmemdup(ctl->p, name, (apr_size_t)(equals - name));
    }
    kind = kind_of(command, name);
    if (kind == UNKNOWN) {
        return unknown_option(ctl, command, name);
    }
    flag = kind == FLAG || kind == GLOBAL_FLAG;
    if (flag && value) {
        return ctl_say(CTL_USAGE, "--%s takes no value", name);
    }
    if (!flag && !value) {
        if (*at + 1 >= argc) {
            return ctl_say(CTL_USAGE, "--%s needs a value", name);
        }
        value = argv[++*at];
    }
    if (kind == GLOBAL_FLAG) {
        ctl->json = 1;
    }
    else if (kind == GLOBAL_VALUE) {
        *(*name == 'd' ? &ctl->db : &ctl->sqldir) = value;
    }
    else if (kind == VALUES) {
        apr_table_add(ctl->options, name, value);
    }
    else if (apr_table_get(ctl->options, name)) {
        return ctl_say(CTL_USAGE, "--%s is given twice", name);
    }
    else {
        apr_table_set(ctl->options, name, value ? value : "");
    }
    return CTL_OK;
}

/* The first two words, which name the command whose options the rest are; and whether help is asked for. */
static int read_words(int argc, const char *const *argv, const char *words[2])
{
    int i, n = 0, help = 0;
    for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            help = 1;
        }
        else if (!strcmp(argv[i], "--db") || !strcmp(argv[i], "--sql")) {
            i++;
        }
        else if (!strcmp(argv[i], "--json") || !strncmp(argv[i], "--db=", 5) || !strncmp(argv[i], "--sql=", 6)) {
            continue;
        }
        else if (n < 2 && (argv[i][0] != '-' || !argv[i][1])) {
            words[n++] = argv[i];
        }
        else if (n < 2 && n) {
            n = 2; /* an option: what follows is no word of the command */
        }
    }
    return help;
}

/* A word behind the command's own. */
static int read_operand(ctl_t *ctl, const ctl_command_t *command, const char *text, int *n)
{
    if (*n >= CTL_OPERANDS || !command->operands[*n]) {
        return ctl_say(CTL_USAGE, "\"%s\" is too much: saasctl %s %s", text, full_name(ctl, command), command->synopsis);
    }
    ctl->operands[(*n)++] = text;
    return CTL_OK;
}

static int read_command_line(ctl_t *ctl, const ctl_command_t *command, int argc, const char *const *argv)
{
    int i, n = 0, code, words = command->verb ? 2 : 1, ended = 0;

    for (i = 1; i < argc; i++) {
        if (!ended && !strcmp(argv[i], "--")) {
            ended = 1;
        }
        else if (!ended && !strncmp(argv[i], "--", 2)) {
            if ((code = read_option(ctl, command, argc, argv, &i)) != CTL_OK) {
                return code;
            }
        }
        else if (!ended && argv[i][0] == '-' && argv[i][1]) {
            return unknown_option(ctl, command, argv[i] + 1);
        }
        else if (words) {
            words--;
        }
        else if ((code = read_operand(ctl, command, argv[i], &n)) != CTL_OK) {
            return code;
        }
    }
    if (n < CTL_OPERANDS && command->operands[n] && *command->operands[n] != '?') {
        return ctl_say(CTL_USAGE, "%s is missing: saasctl %s %s", command->operands[n], full_name(ctl, command), command->synopsis);
    }
    return ctl->db ? CTL_OK : ctl_say(CTL_USAGE, "no database given: use --db or SAASCTL_DB");
}

static int run(ctl_t *ctl, const ctl_command_t *command)
{
    int code = command->connects == CTL_BY_ITSELF
                   ? CTL_OK
                   : ctl_connect(ctl, command->connects == CTL_CREATES && !apr_table_get(ctl->options, "status")
                                         && !apr_table_get(ctl->options, "plan"));
    if (code == CTL_OK && command->connects == CTL_MIGRATED) {
        code = ctl_check_schema(ctl);
    }
    if (code == CTL_OK) {
        code = command->run(ctl);
    }
    ctl_disconnect(ctl);
    return code;
}

int main(int argc, const char *const *argv, const char *const *env)
{
    const char *words[2] = { NULL, NULL };
    const ctl_command_t *command;
    ctl_t ctl = { 0 };
    int code;

    if (read_words(argc, argv, words)) {
        ctl_command_help(words[0], words[1]);
        return CTL_OK;
    }
    if (!words[0]) {
        return ctl_say(CTL_USAGE, "no command given: see saasctl --help");
    }
    if (!(command = ctl_command_find(words[0], words[1]))) {
        return ctl_command_unknown(words[0], words[1]);
    }
    if (apr_app_initialize(&argc, &argv, &env) != APR_SUCCESS) {
        return CTL_DATABASE;
    }
    atexit(apr_terminate);
    apr_pool_create(&ctl.p, NULL);
    ctl.options = apr_table_make(ctl.p, 8);
    ctl.db = getenv("SAASCTL_DB");
    ctl.sqldir = getenv("SAASCTL_SQL") ? getenv("SAASCTL_SQL") : SAAS_SQLDIR;
    code = read_command_line(&ctl, command, argc, argv);
    if (code == CTL_OK) {
        code = run(&ctl, command);
    }
    if (code == CTL_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        code = ctl_say(CTL_REFUSED, "cannot write the result");
    }
    return code;
}
