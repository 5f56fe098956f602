/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Contenders take turns of some milliseconds, so that what the machine does
 * besides weighs on all of them alike.
 *
 *     turns SECONDS MILLISECONDS CONNECTIONS CONTENDER CONTENDER ...
 *
 * A contender is one of
 *     PORT+FILE   a server on this host that is asked for the requests of FILE
 *                 again and again (each follows a line with its length);
 *     PORT=FILE   the same, each request once: with the last one the program
 *                 ends, without the round that was begun;
 *     @PID        a process that runs in its turns and is stopped otherwise.
 * In its turn a server is asked on so many connections, opened for the turn,
 * each of which has one request under way at any time.  Nothing is under way
 * between turns.  Any answer but a whole 200 ends the program with status 1.
 *
 * Every line of the output is a round, in which each contender has had one
 * turn, and has six words for each of them, in their order: when its turn began
 * (seconds of the day's clock), how long it was measured (seconds), the answers
 * meanwhile, and in microseconds the median time to an answer's first byte, the
 * median and the 99th percentile to its last one.  A process has zeros for the
 * latter four.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONTENDERS_MAX 8
#define CONNECTIONS_MAX 64
#define WARM_UP 20
#define FEWEST 16 /* answers of a turn, however long they take */

typedef struct {
    const char *start;
    size_t length;
} request_t;

typedef struct {
    const char *name;
    pid_t pid; /* 0: a server */
    int port, once;
    request_t *requests;
    size_t count, next;
} contender_t;

/* What is left of an answer: its header, so many bytes, a line (chunked). */
typedef enum { HEADER, BODY, CHUNK, CHUNK_LINE, TRAILER } part_t;

typedef struct {
    part_t part;
    int busy, warm;
    size_t left, have;
    double asked, first;
    char line[8192]; /* the header, or a line between chunks */
} connection_t;

typedef struct {
    double began, seconds;
    size_t count;
    double first, median, p99;
} turn_t;

static double *firsts, *wholes;
static size_t samples, room;

static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("turns: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

/* ------------------------------------------------------------- contenders -- */

static void read_requests(contender_t *c, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *all, *at, *end;
    long size;
    size_t space = 0;
    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)
        || !(all = malloc((size_t)size + 1)) || fread(all, 1, (size_t)size, file) != (size_t)size) {
        fail("%s: cannot read", path);
    }
    fclose(file);
    end = all + size;
    *end = '\0';
    for (at = all; at < end; at += c->requests[c->count++].length) {
        size_t length = strtoul(at, &at, 10);
        if (*at != '\n' || !length || length > (size_t)(end - ++at)) {
            fail("%s: request %zu does not follow a line with its length", path, c->count + 1);
        }
        if (c->count == space && !(c->requests = realloc(c->requests, (space = 2 * space + 16) * sizeof(request_t)))) {
            fail("no memory");
        }
        c->requests[c->count] = (request_t){ at, length };
    }
    if (!c->count) {
        fail("%s: no requests", path);
    }
}

static contender_t contender(const char *name)
{
    contender_t c = { .name = name };
    char *rest = NULL;
    if (*name == '@') {
        c.pid = atoi(name + 1);
        if (c.pid < 2) {
            fail("%s: no process", name);
        }
        return c;
    }
    c.port = (int)strtol(name, &rest, 10);
    if (*rest != '+' && *rest != '=') {
        fail("%s: not PORT+FILE, PORT=FILE or @PID", name);
    }
    c.once = *rest == '=';
    read_requests(&c, rest + 1);
    return c;
}

/* The next one to send; NULL when each has been sent once and that was to be all. */
static const request_t *next_request(contender_t *c)
{
    if (c->next == c->count) {
        if (c->once) {
            return NULL;
        }
        c->next = 0;
    }
    return &c->requests[c->next++];
}

/* ---------------------------------------------------------------- answers -- */

static int open_connection(const contender_t *c)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)c->port) };
    struct linger at_once = { 1, 0 };
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof(address))) {
        fail("port %d: cannot connect", c->port);
    }
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    /* Hundreds of connections a second must not wait for their ports. */
    setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return s;
}

static void take_header(connection_t *a, const contender_t *c)
{
    const char *length = strcasestr(a->line, "\r\nContent-Length:");
    if (strncmp(a->line, "HTTP/1.1 200 ", 13)) {
        fail("%s answered with %.*s", c->name, (int)strcspn(a->line, "\r"), a->line);
    }
    if (strcasestr(a->line, "\r\nTransfer-Encoding: chunked")) {
        a->part = CHUNK_LINE;
    }
    else if (length) {
        a->part = BODY;
        a->left = strtoul(length + 17, NULL, 10);
    }
    else {
        fail("%s does not say how long its answer is", c->name);
    }
}

/* Takes up to and including the next newline of the buffer into the line; whether it is there. */
static int take_line(connection_t *a, const char **at, const char *end, const contender_t *c)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = (size_t)((newline ? newline + 1 : end) - *at);
    if (a->have + length >= sizeof(a->line)) {
        fail("%s answers with a line that is too long", c->name);
    }
    memcpy(a->line + a->have, *at, length);
    a->have += length;
    a->line[a->have] = '\0';
    *at += length;
    return newline != NULL;
}

/* Whether the answer is whole with these bytes. */
static int take(connection_t *a, const char *at, const char *end, const contender_t *c)
{
    for (;;) {
        if (a->part == BODY || a->part == CHUNK) {
            size_t part = a->left < (size_t)(end - at) ? a->left : (size_t)(end - at);
            at += part;
            a->left -= part;
            if (a->left) {
                return 0;
            }
            if (a->part == BODY) {
                if (at != end) {
                    fail("%s answers with more than one answer", c->name);
                }
                return 1;
            }
            a->part = CHUNK_LINE;
        }
        if (at == end || !take_line(a, &at, end, c)) {
            return 0;
        }
        if (a->part == HEADER) {
            if (a->have < 4 || strcmp(a->line + a->have - 4, "\r\n\r\n")) {
                continue; /* the next line is kept behind this one */
            }
            take_header(a, c);
        }
        else if (a->part == TRAILER) {
            if (!strcmp(a->line, "\r\n")) {
                return 1;
            }
        }
        else {
            a->left = strtoul(a->line, NULL, 16);
            a->part = a->left ? CHUNK : TRAILER;
            a->left += 2; /* and the end of its line */
        }
        a->have = 0;
    }
}

/* ------------------------------------------------------------------ turns -- */

static void keep(double first, double whole)
{
    if (samples == room) {
        room = 2 * room + 4096;
        firsts = realloc(firsts, room * sizeof(double));
        wholes = realloc(wholes, room * sizeof(double));
        if (!firsts || !wholes) {
            fail("no memory");
        }
    }
    firsts[samples] = first * 1e6;
    wholes[samples++] = whole * 1e6;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value within which `percent` of 100 lie. */
static double percentile(double *values, size_t percent)
{
    size_t rank = (samples * percent + 99) / 100;
    qsort(values, samples, sizeof(double), ascending);
    return values[rank ? rank - 1 : 0];
}

static int ask(connection_t *a, int s, contender_t *c)
{
    const request_t *request = next_request(c);
    if (!request) {
        return 0;
    }
    a->part = HEADER;
    a->busy = 1;
    a->have = 0;
    a->first = 0;
    a->asked = now();
    if (write(s, request->start, request->length) != (ssize_t)request->length) {
        fail("%s: cannot send", c->name);
    }
    return 1;
}

/* Whether all requests of the turn could be sent; a turn that could not be ended is none. */
static int serve_turn(contender_t *c, double milliseconds, int n, turn_t *t)
{
    static connection_t connections[CONNECTIONS_MAX];
    static char buffer[1 << 16];
    struct pollfd polled[CONNECTIONS_MAX];
    double end = 0, start = 0, last = 0;
    int i, cold = n, busy = 0, more = 1, warming = WARM_UP;
    samples = 0;
    for (i = 0; i < n; i++) {
        polled[i] = (struct pollfd){ open_connection(c), POLLIN, 0 };
        connections[i].warm = 0;
    }
    for (i = 0; i < n; i++) {
        busy += ask(&connections[i], polled[i].fd, c);
    }
    while (busy) {
        if (poll(polled, (nfds_t)n, 30000) <= 0) {
            fail("%s does not answer", c->name);
        }
        for (i = 0; i < n; i++) {
            connection_t *a = &connections[i];
            ssize_t got;
            if (!polled[i].revents) {
                continue;
            }
            got = read(polled[i].fd, buffer, sizeof(buffer));
            if (got <= 0 || !a->busy) {
                fail("%s has closed a connection", c->name);
            }
            a->first = a->first > 0 ? a->first : now();
            if (!take(a, buffer, buffer + got, c)) {
                continue;
            }
            a->busy = 0;
            busy--;
            last = now();
            cold -= !a->warm;
            a->warm = 1;
            /* What was asked before all were warm is not measured; nor is what ends after the turn. */
            if (start > 0 && (last <= end || samples < FEWEST)) {
                keep(a->first - a->asked, last - a->asked);
                t->seconds = last - start;
            }
            else if (start <= 0 && --warming <= 0 && cold <= 0) {
                start = last;
                end = start + milliseconds / 1e3;
                t->began = seconds_of(CLOCK_REALTIME);
            }
            if (more && (start <= 0 || last < end || samples + (size_t)busy < FEWEST)) {
                more = ask(a, polled[i].fd, c);
                busy += more;
            }
        }
    }
    for (i = 0; i < n; i++) {
        close(polled[i].fd);
    }
    if (!more) {
        return 0;
    }
    t->count = samples;
    t->first = percentile(firsts, 50);
    t->median = percentile(wholes, 50);
    t->p99 = percentile(wholes, 99);
    return 1;
}

static void wait_for(double seconds)
{
    struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    while (nanosleep(&t, &t) && errno == EINTR) {
    }
}

/* Its first tenth is not measured. */
static void process_turn(const contender_t *c, double milliseconds, turn_t *t)
{
    double start;
    if (kill(c->pid, SIGCONT)) {
        fail("%s has ended", c->name);
    }
    wait_for(milliseconds / 1e4);
    start = now();
    t->began = seconds_of(CLOCK_REALTIME);
    wait_for(milliseconds / 1e3);
    kill(c->pid, SIGSTOP);
    t->seconds = now() - start;
}

int main(int argc, char **argv)
{
    contender_t contenders[CONTENDERS_MAX];
    double end, milliseconds;
    int i, round, connections, n = argc - 4;
    if (n < 1 || n > CONTENDERS_MAX || (milliseconds = atof(argv[2])) <= 0 || (connections = atoi(argv[3])) < 1
        || connections > CONNECTIONS_MAX) {
        fail("usage: turns SECONDS MILLISECONDS CONNECTIONS CONTENDER ...");
    }
    signal(SIGPIPE, SIG_IGN);
    for (i = 0; i < n; i++) {
        contenders[i] = contender(argv[4 + i]);
    }
    end = now() + atof(argv[1]);
    for (round = 0; now() < end; round++) {
        turn_t turns[CONTENDERS_MAX] = { 0 };
        for (i = 0; i < n; i++) {
            /* Every other round backwards: none is always the one that comes after another. */
            int which = round % 2 ? n - 1 - i : i;
            contender_t *c = &contenders[which];
            if (c->pid) {
                process_turn(c, milliseconds, &turns[which]);
            }
            else if (!serve_turn(c, milliseconds, connections, &turns[which])) {
                return 0;
            }
        }
        for (i = 0; i < n; i++) {
            const turn_t *t = &turns[i];
            printf("%.6f %.9f %zu %.3f %.3f %.3f%c", t->began, t->seconds, t->count, t->first, t->median, t->p99,
                   i == n - 1 ? '\n' : ' ');
        }
        fflush(stdout);
    }
    return 0;
}
