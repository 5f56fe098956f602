/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What stands before a URL: httpd reads its configuration, says it (watch/places.c of the host) and ends; nothing is started
 * and no database asked.  No shell is between: the URL is one word of the command line.
 */
#include "why.h"

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
    static const char *const usual[] = { "apachectl", "apache2ctl", "httpd", "apache2", "/usr/sbin/apachectl",
                                         "/usr/sbin/apache2ctl", "/usr/sbin/httpd", "/usr/sbin/apache2", NULL };
    const char *argv[16] = { program };
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

/* The last line that says something. */
static const char *last_line(apr_pool_t *p, FILE *file)
{
    char line[1024];
    const char *last = "it said nothing";
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        last = *line ? apr_pstrdup(p, line) : last;
    }
    return last;
}

int ctl_why_place(ctl_t *ctl, const char *url, json_t **place)
{
    const char *program = ctl_option(ctl, "httpd"), *config = ctl_option(ctl, "config"), *method = ctl_option(ctl, "method");
    const char *args[] = { "-t", "-D", "DUMP_SAAS_GATES", "-D", apr_pstrcat(ctl->p, "SAAS_METHOD=", method ? method : "GET", NULL),
                           "-D", apr_pstrcat(ctl->p, "SAAS_URL=", url, NULL), config ? "-f" : NULL, config, NULL };
    FILE *err = tmpfile();
    const char *out, *begin;
    int fds[2], status = 0, code = CTL_OK;
    pid_t pid;
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
    begin = strchr(out, '{');
    *place = begin ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        code = ctl_say(CTL_USAGE, "there is no %s: name httpd or apachectl with --httpd", program ? program : "apachectl, apache2ctl or httpd");
    }
    else if (!*place || !WIFEXITED(status) || WEXITSTATUS(status)) {
        code = ctl_say(CTL_USAGE, "httpd does not say what stands before %s: %s (is it the right --config, and mod_saas.so of this version loaded?)",
                       url, last_line(ctl->p, err));
    }
    fclose(err);
    return code;
}
