/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl: the table of commands and the reading of the command line.
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

#define OPTIONS_MAX 6

typedef struct command_t {
    const char *object, *verb; /* verb NULL: the command is one word */
    int (*run)(ctl_t *ctl);
    int creates;               /* may make a new SQLite file; needs no schema */
    const char *options[OPTIONS_MAX]; /* "!" in front: a flag without a value */
    const char *synopsis;
} command_t;

static const command_t commands[] = {
    { "migrate", NULL, ctl_migrate, 1, { "!status" }, "[--status]" },
    { "user", "create", ctl_user_create, 0, { "email", "name", "password", "!password-stdin" },
      "--email E [--name N] [--password P | --password-stdin]" },
    { "user", "list", ctl_user_list, 0, { NULL }, "" },
    { "token", "create", ctl_token_create, 0, { "user", "name", "org", "role", "expires" },
      "--user EMAIL --name N [--org SLUG|ID] [--role ADMIN|MEMBER|VIEWER] [--expires ISO]" },
    { "token", "list", ctl_token_list, 0, { NULL }, "" },
    { "org", "create", ctl_org_create, 0, { "name", "owner", "slug" }, "--name N --owner EMAIL [--slug S]" },
    { "org", "list", ctl_org_list, 0, { NULL }, "" },
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
    unsigned i;
    fputs("usage: saasctl --db 'pgsql:CONNINFO' | --db sqlite:PATH [--sql FOLDER] [--json] COMMAND\n\n", to);
    for (i = 0; i < NCOMMANDS; i++) {
        fprintf(to, "  %s%s%s %s\n", commands[i].object, commands[i].verb ? " " : "", commands[i].verb ? commands[i].verb : "",
                commands[i].synopsis);
    }
    fputs("\nConnect as the owner of the schema.  SAASCTL_DB and SAASCTL_SQL stand for --db and --sql.\n"
          "Exit codes: 0 done, 1 refused or not found, 2 wrong use, 3 database.\n", to);
}

/* 0: none of the command's, 1: a flag, 2: takes a value. */
static int kind_of(const command_t *command, const char *name)
{
    int i;
    for (i = 0; command && i < OPTIONS_MAX && command->options[i]; i++) {
        const char *known = command->options[i];
        int flag = *known == '!';
        if (!strcmp(known + flag, name)) {
            return flag ? 1 : 2;
        }
    }
    return 0;
}

static const command_t *find(const char *object, const char *verb)
{
    unsigned i;
    for (i = 0; i < NCOMMANDS; i++) {
        if (!strcmp(commands[i].object, object) && (!commands[i].verb || (verb && !strcmp(commands[i].verb, verb)))) {
            return &commands[i];
        }
    }
    return NULL;
}

/* --name value, --name=value or --name at argv[*at]. */
static int read_option(ctl_t *ctl, const command_t *command, int argc, const char *const *argv, int *at)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    int global = 0, kind;

    if (equals) {
        name = apr_pstrmemdup(ctl->p, name, (apr_size_t)(equals - name));
    }
    kind = kind_of(command, name);
    if (!kind) {
        global = 1;
        kind = !strcmp(name, "json") ? 1 : !strcmp(name, "db") || !strcmp(name, "sql") ? 2 : 0;
    }
    if (!kind) {
        return ctl_say(CTL_USAGE, "--%s is no option of this command: see saasctl --help", name);
    }
    if (kind == 1 && value) {
        return ctl_say(CTL_USAGE, "--%s takes no value", name);
    }
    if (kind == 2 && !value) {
        if (*at + 1 >= argc) {
            return ctl_say(CTL_USAGE, "--%s needs a value", name);
        }
        value = argv[++*at];
    }
    if (!global) {
        apr_table_set(ctl->options, name, value ? value : "");
    }
    else if (kind == 1) {
        ctl->json = 1;
    }
    else {
        *(*name == 'd' ? &ctl->db : &ctl->sqldir) = value;
    }
    return CTL_OK;
}

/* Words first, to know the command whose options the rest are. */
static int read_command_line(ctl_t *ctl, int argc, const char *const *argv, const command_t **command)
{
    const char *words[2] = { NULL, NULL };
    int i, n = 0, code;

    for (i = 1; i < argc && n < 2; i++) {
        if (!strcmp(argv[i], "--db") || !strcmp(argv[i], "--sql")) {
            i++;
        }
        else if (strncmp(argv[i], "--", 2)) {
            words[n++] = argv[i];
        }
        else if (n) {
            break;
        }
    }
    *command = words[0] ? find(words[0], words[1]) : NULL;
    if (!*command) {
        return words[0] ? ctl_say(CTL_USAGE, "there is no command %s%s%s: see saasctl --help", words[0], words[1] ? " " : "",
                                  words[1] ? words[1] : "")
                        : ctl_say(CTL_USAGE, "no command given: see saasctl --help");
    }
    for (i = 1, n = 0; i < argc; i++) {
        if (!strncmp(argv[i], "--", 2)) {
            if ((code = read_option(ctl, *command, argc, argv, &i)) != CTL_OK) {
                return code;
            }
        }
        else if (++n > ((*command)->verb ? 2 : 1)) {
            return ctl_say(CTL_USAGE, "\"%s\" is too much: see saasctl --help", argv[i]);
        }
    }
    return ctl->db ? CTL_OK : ctl_say(CTL_USAGE, "no database given: use --db or SAASCTL_DB");
}

int main(int argc, const char *const *argv, const char *const *env)
{
    ctl_t ctl = { 0 };
    const command_t *command;
    int code, i;

    for (i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            usage(stdout);
            return CTL_OK;
        }
    }
    if (apr_app_initialize(&argc, &argv, &env) != APR_SUCCESS) {
        return CTL_DATABASE;
    }
    atexit(apr_terminate);
    apr_pool_create(&ctl.p, NULL);
    ctl.options = apr_table_make(ctl.p, 8);
    ctl.db = getenv("SAASCTL_DB");
    ctl.sqldir = getenv("SAASCTL_SQL") ? getenv("SAASCTL_SQL") : SAAS_SQLDIR;
    code = read_command_line(&ctl, argc, argv, &command);
    if (code == CTL_OK) {
        code = ctl_connect(&ctl, command->creates && !apr_table_get(ctl.options, "status"));
    }
    if (code == CTL_OK && !command->creates) {
        code = ctl_check_schema(&ctl);
    }
    if (code == CTL_OK) {
        code = command->run(&ctl);
    }
    ctl_disconnect(&ctl);
    if (code == CTL_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        code = ctl_say(CTL_REFUSED, "cannot write the result");
    }
    return code;
}
