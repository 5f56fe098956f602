/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saaslog: lines of httpd's logs as JSON, for ErrorLog "|/usr/bin/saaslog" and CustomLog.
 *
 * In: LTSV, "label:value" between tabs, which httpd's formats can write, and which nothing in a value can break: httpd
 * writes a control character in one as an escape.  Out: an object a line, on the standard output or at the end of a
 * file, in one write.  It begins with the time in UTC.  Escapes of httpd's are undone, bytes that are no UTF-8 become
 * U+FFFD, and what httpd writes as "-" is left out.  A line that is no LTSV is a "message".  Lines are cut at 64 KiB.
 *
 * It must never end before httpd does, nor hold it up: what cannot be written is counted, told of when it goes on, and
 * forgotten.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_SIZE (64 * 1024)

/* At worst each two bytes are a field without a label, and 16. */
static char out[LINE_MAX_SIZE * 8 + 256];
static size_t used;

static void put(const char *text, size_t len)
{
    memcpy(out + used, text, len);
    used += len;
}

static void put_text(const char *text)
{
    put(text, strlen(text));
}

/* The length of the UTF-8 sequence (RFC 3629) that text begins with; 0: it begins with none. */
static size_t sequence(const unsigned char *text, size_t len)
{
    unsigned char first = text[0];
    size_t n = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (n > len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) || (first == 0xf0 && text[1] < 0x90)
        || (first == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return n;
}

/* A JSON string of bytes. */
static void put_string(const unsigned char *text, size_t len)
{
    put_text("\"");
    for (size_t i = 0; i < len;) {
        size_t n = sequence(text + i, len - i);
        if (!n) {
            put_text("\\ufffd");
            n = 1;
        }
        else if (n == 1 && (text[i] == '"' || text[i] == '\\')) {
            put((const char[]){ '\\', (char)text[i] }, 2);
        }
        else if (n == 1 && (text[i] < 0x20 || text[i] == 0x7f)) {
            char escape[8];
            put(escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", text[i]));
        }
        else {
            put((const char *)text + i, n);
        }
        i += n;
    }
    put_text("\"");
}

static int hex(unsigned char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Undoes httpd's escapes (ap_escape_logitem, ap_escape_errorlog_item) where they stand; the new length. */
static size_t unescape(unsigned char *text, size_t len)
{
    static const char names[] = "nrtbv\\\"", bytes[] = "\n\r\t\b\v\\\"";
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        const char *name;
        if (text[i] != '\\' || i + 1 == len) {
            text[to++] = text[i];
        }
        else if (text[i + 1] == 'x' && i + 3 < len && hex(text[i + 2]) >= 0 && hex(text[i + 3]) >= 0) {
            text[to++] = (unsigned char)(hex(text[i + 2]) << 4 | hex(text[i + 3]));
            i += 3;
        }
        else if (text[i + 1] && (name = strchr(names, text[i + 1])) != NULL) {
            text[to++] = (unsigned char)bytes[name - names];
            i++;
        }
        else {
            text[to++] = text[i];
        }
    }
    return to;
}

/* Letters, digits, '_', '-' and '.'; the length of the label, 0: the field has none. */
static size_t label(const unsigned char *field, size_t len)
{
    size_t n = 0;
    while (n < len && n < 64 && ((field[n] | 0x20) >= 'a' ? (field[n] | 0x20) <= 'z' || field[n] == '_'
                                 : (field[n] >= '0' && field[n] <= '9') || field[n] == '-' || field[n] == '.')) {
        n++;
    }
    return n < len && field[n] == ':' ? n : 0;
}

static void put_time(void)
{
    struct timespec now;
    struct tm utc;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    put(text, strftime(text, sizeof(text), "{\"time\":\"%Y-%m-%dT%H:%M:%S", &utc));
    put(text, (size_t)snprintf(text, sizeof(text), ".%06ldZ\"", now.tv_nsec / 1000));
}

static void put_field(const char *name, size_t name_len, unsigned char *value, size_t len)
{
    put_text(",");
    put_string((const unsigned char *)name, name_len);
    put_text(":");
    put_string(value, unescape(value, len));
}

/* One line of httpd's as one of JSON. */
static void put_line(unsigned char *line, size_t len)
{
    unsigned char *end = line + len;
    used = 0;
    put_time();
    if (!label(line, len) || !memchr(line, '\t', len)) {
        put_field("message", 7, line, len);
    }
    else {
        while (line < end) {
            unsigned char *tab = memchr(line, '\t', (size_t)(end - line));
            unsigned char *stop = tab ? tab : end;
            size_t name = label(line, (size_t)(stop - line));
            unsigned char *value = line + (name ? name + 1 : 0);
            size_t size = (size_t)(stop - value);
            if (size && !(size == 1 && *value == '-')) {
                put_field(name ? (const char *)line : "more", name ? name : 4, value, size);
            }
            line = stop + (tab != NULL);
        }
    }
    put_text("}\n");
}

/* In one piece, so that lines of several writers do not mix. */
static int write_out(int fd)
{
    size_t done = 0;
    while (done < used) {
        ssize_t n = write(fd, out + done, used - done);
        if (n < 0 && errno != EINTR) {
            return 0;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 1;
}

static void tell(int fd, unsigned char *line, size_t len)
{
    static unsigned long lost;
    if (lost) {
        char text[64];
        int n = snprintf(text, sizeof(text), "saaslog: %lu lines could not be written", lost);
        put_line((unsigned char *)text, (size_t)n);
        if (!write_out(fd)) {
            lost++;
            return;
        }
        lost = 0;
    }
    put_line(line, len);
    lost += !write_out(fd);
}

int main(int argc, char **argv)
{
    static unsigned char buffer[LINE_MAX_SIZE];
    size_t have = 0;
    int cut = 0, fd = STDOUT_FILENO;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: saaslog [FILE]\nReads LTSV, writes JSON; see saaslog(8).\n");
        return 2;
    }
    if (argc == 2 && (fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)) < 0) {
        fprintf(stderr, "saaslog: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    /* Ended by the end of what it reads, when httpd and its children have all let go of it. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer + have, sizeof(buffer) - have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        unsigned char *from = buffer, *newline;
        while ((newline = memchr(from, '\n', have - (size_t)(from - buffer))) != NULL) {
            if (!cut) {
                tell(fd, from, (size_t)(newline - from));
            }
            cut = 0;
            from = newline + 1;
        }
        have -= (size_t)(from - buffer);
        memmove(buffer, from, have);
        if (have == sizeof(buffer)) {
            if (!cut) {
                tell(fd, buffer, have);
            }
            cut = 1;
            have = 0;
        }
    }
    if (have && !cut) {
        tell(fd, buffer, have);
    }
    return 0;
}
