/*
 * What a reader of findings takes of one core: readers FORMAT FILE SECONDS reads a file that is in memory again and again, in
 * parts as an import has them, and prints a line with the MB of a second of the processor's time for each time.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <apr_general.h>

#include "core/timefmt.h"
#include "plugins/engines/import/reader.h"

#define PART (1024 * 1024)

typedef struct source_t {
    const char *data;
    size_t len, at;
    long findings, others;
} source_t;

static apr_status_t next(void *baton, const char **data, apr_size_t *len)
{
    source_t *source = baton;
    if (source->at == source->len) {
        return APR_EOF;
    }
    *data = source->data + source->at;
    *len = source->len - source->at < PART ? source->len - source->at : PART;
    source->at += *len;
    return APR_SUCCESS;
}

static void begin_anew(void *baton)
{
    ((source_t *)baton)->at = 0;
}

static apr_status_t finding(void *baton, const import_finding_t *f)
{
    ((source_t *)baton)->findings += *f->resource != '\0';
    return APR_SUCCESS;
}

static void bad(void *baton, const char *where, const char *what)
{
    (void)where, (void)what;
    ((source_t *)baton)->others++;
}

static void skipped(void *baton)
{
    ((source_t *)baton)->others++;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 4 ? fopen(argv[2], "rb") : NULL;
    double until = argc == 4 ? seconds(CLOCK_MONOTONIC) + atof(argv[3]) : 0;
    char *data;
    long len;
    apr_pool_t *p;

    if (!file || fseek(file, 0, SEEK_END) || (len = ftell(file)) <= 0 || !(data = malloc((size_t)len))) {
        return 2;
    }
    rewind(file);
    if (fread(data, 1, (size_t)len, file) != (size_t)len) {
        return 2;
    }
    apr_initialize();
    do {
        source_t source = { data, (size_t)len, 0, 0, 0 };
        import_reader_t reader = { .baton = &source, .next = next, .rewind = begin_anew, .finding = finding, .bad = bad,
                                   .skipped = skipped, .parse_time = saas_time_parse };
        double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
        apr_pool_create(&reader.pool, NULL);
        if (import_read(&reader, argv[1]) != APR_SUCCESS || !source.findings || source.others) {
            fprintf(stderr, "%s: %s, %ld findings, %ld others\n", argv[1], reader.error ? reader.error : "", source.findings, source.others);
            return 1;
        }
        printf("%.1f\n", (double)len / (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) / 1e6);
        apr_pool_destroy(reader.pool);
    } while (seconds(CLOCK_MONOTONIC) < until);
    fclose(file);
    free(data);
    return 0;
}
