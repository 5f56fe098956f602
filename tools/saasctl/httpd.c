/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * httpd reads its configuration, says what it is asked for by -D words, and ends: nothing is started.  No shell is
 * between: each word is one of the command line.
 */
#include "httpd.h"

#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (4 * 1024 * 1024)

/* In the child: httpd takes its place. */
static void become_httpd(const char *program, const char *const *args, int out, int err)
{
    static const char *const usual[] = { "apachectl",       "apache2ctl",          "httpd",
                                         "apache2",         "/usr/sbin/apachectl", "/usr/sbin/apache2ctl",
                                         "/usr/sbin/httpd", "/usr/sbin/apache2",   NULL };
    const char *argv[CTL_HTTPD_WORDS * 2 + 6] = { program };
    int i;
    for (i = 0; args[i]; i++) {
        argv[i + 1] = args[i];
    }
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (program) {
        execvp(program, (char *const *)argv);
    }
    for (i = 0; !program && usual[i]; i++) {
        argv[0] = usual[i];
        execvp(usual[i], (char *const *)argv);
    }
    _exit(127);
}

/* All that a descriptor gives, cut at OUTPUT_MAX. */
static const char *read_all(apr_pool_t *p, int fd)
{
    size_t room = 65536, len = 0;
    char *text = malloc(room), *copy;
    ssize_t n;
    while (text && len < OUTPUT_MAX && (n = read(fd, text + len, room - len - 1)) > 0) {
        len += (size_t)n;
        if (room - len < 4096) {
            char *more = realloc(text, room *= 2);
            if (!more) {
                break;
            }
            text = more;
        }
    }
    copy = text ? apr_pstrmemdup(p, text, len) : "";
    free(text);
    return copy;
}

/* The lines that say something. */
static apr_array_header_t *read_lines(apr_pool_t *p, FILE *file)
{
    apr_array_header_t *lines = apr_array_make(p, 8, sizeof(const char *));
    char line[2048];
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) {
            APR_ARRAY_PUSH(lines, const char *) = apr_pstrdup(p, line);
        }
    }
    return lines;
}

int ctl_httpd_ask(ctl_t *ctl, const char *const *words, ctl_httpd_t *said)
{
    const char *program = ctl_option(ctl, "httpd"), *config = ctl_option(ctl, "config");
    const char *args[CTL_HTTPD_WORDS * 2 + 4] = { "-t" };
    int fds[2], status = 0, n = 1;
    const char *out, *begin;
    FILE *err = tmpfile();
    pid_t pid;
    for (; *words; words++) {
        args[n++] = "-D";
        args[n++] = *words;
    }
    if (config) {
        args[n++] = "-f";
        args[n++] = config;
    }
    program = program ? program : getenv("SAASCTL_HTTPD");
    if (!err || pipe(fds) != 0 || (pid = fork()) < 0) {
        return ctl_say(CTL_USAGE, "httpd cannot be run: no file, pipe or process to be had");
    }
    if (!pid) {
        become_httpd(program, args, fds[1], fileno(err));
    }
    close(fds[1]);
    out = read_all(ctl->p, fds[0]);
    close(fds[0]);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        fclose(err);
        return ctl_say(CTL_USAGE, "there is no %s: name httpd or apachectl with --httpd",
                       program ? program : "apachectl, apache2ctl or httpd");
    }
    begin = strchr(out, '{');
    said->json = begin ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    if (said->json && (!WIFEXITED(status) || WEXITSTATUS(status))) {
        json_decref(said->json);
        said->json = NULL;
    }
    said->complaints = read_lines(ctl->p, err);
    fclose(err);
    return CTL_OK;
}
