/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Several pages of servers on this host are asked for in short turns, so that
 * what the machine does besides weighs on all of them alike.
 *
 *     turns SECONDS REQUESTS HEADER PORT/PATH PORT/PATH ...
 *
 * A turn is so many requests, one after the other, on a connection of its own;
 * HEADER ("Name: value") goes with each.  Every line of the output is a round,
 * in which each page has had one turn: microseconds a request, in the order of
 * the pages.  Any answer but a whole 200 with a Content-Length ends the program
 * with status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAGES_MAX 16
#define WARM_UP 20

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

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int open_connection(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof(address))) {
        fail("port %d: cannot connect", port);
    }
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return s;
}

/* The length of the answer that a buffer begins with; 0 while its header is not whole. */
static size_t answer_length(const char *buffer, size_t have)
{
    static const char length[] = "\r\nContent-Length:";
    const char *end = memmem(buffer, have, "\r\n\r\n", 4), *found;
    if (!end) {
        return 0;
    }
    found = memmem(buffer, (size_t)(end - buffer), length, sizeof(length) - 1);
    if (strncmp(buffer, "HTTP/1.1 200 ", 13) || !found) {
        fail("answered with %.*s", (int)(strchr(buffer, '\r') - buffer), buffer);
    }
    return (size_t)(end + 4 - buffer) + strtoul(found + sizeof(length) - 1, NULL, 10);
}

static void ask(int s, const char *request, size_t len)
{
    static char buffer[65536];
    size_t have = 0, wanted = 0;
    if (write(s, request, len) != (ssize_t)len) {
        fail("cannot send");
    }
    while (!wanted || have < wanted) {
        ssize_t n = read(s, buffer + have, sizeof(buffer) - 1 - have);
        if (n <= 0) {
            fail("the answer is cut off after %zu bytes", have);
        }
        have += (size_t)n;
        buffer[have] = '\0';
        wanted = wanted ? wanted : answer_length(buffer, have);
    }
}

/* Microseconds a request; page: PORT/PATH. */
static double turn(const char *page, const char *header, int requests)
{
    char request[1024];
    const char *path = strchr(page, '/');
    int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", path ? path : "/",
                       header);
    int i, s = open_connection(atoi(page));
    double began, took;
    if (len >= (int)sizeof(request)) {
        fail("%s: the request is too long", page);
    }
    for (i = 0; i < WARM_UP; i++) {
        ask(s, request, (size_t)len);
    }
    began = now();
    for (i = 0; i < requests; i++) {
        ask(s, request, (size_t)len);
    }
    took = now() - began;
    close(s);
    return took / requests;
}

int main(int argc, char **argv)
{
    double end, took[PAGES_MAX];
    int requests, i, round, n = argc - 4;
    if (n < 1 || n > PAGES_MAX || (requests = atoi(argv[2])) < 1) {
        fail("usage: turns SECONDS REQUESTS HEADER PORT/PATH ...");
    }
    end = now() + atof(argv[1]) * 1e6;
    for (round = 0; now() < end; round++) {
        for (i = 0; i < n; i++) {
            /* Every other round backwards: none is always the one that comes after another. */
            int which = round % 2 ? n - 1 - i : i;
            took[which] = turn(argv[4 + which], argv[3], requests);
        }
        for (i = 0; i < n; i++) {
            printf("%.3f%c", took[i], i == n - 1 ? '\n' : ' ');
        }
    }
    return 0;
}
