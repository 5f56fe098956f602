/*
 * What holds for every reader of findings: the same bytes in other pieces are the same findings, what is found is of the form
 * that reader.h promises, and a file that is refused says why.
 */

#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/import_file.h"

#define MUST(condition)                                    \
    do {                                                   \
        if (!(condition)) {                                \
            fprintf(stderr, "not so: %s\n", #condition);   \
            abort();                                       \
        }                                                  \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_in_pieces(import_file_t *file, apr_pool_t *p, const uint8_t *data, size_t size, size_t piece)
{
    import_file_read(file, p, IMPORT_FORMAT, (const char *)data, size, piece);
    MUST(file->rv == APR_SUCCESS || (file->rv == APR_EINVAL && file->error && *file->error));
    MUST(file->rv == APR_SUCCESS || strlen(file->error) < 1000);
    MUST(import_is_text(file->said, file->used));
    /* A line of the input cannot be more than a record or two, and none comes of nothing. */
    MUST((size_t)file->findings + (size_t)file->bad + (size_t)file->skipped <= 2 * size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *top;
    apr_pool_t *p;
    import_file_t whole, pieces;

    if (!top) {
        apr_initialize();
        apr_pool_create(&top, NULL);
    }
    apr_pool_create(&p, top);
    read_in_pieces(&whole, p, data, size, size + 1);
    read_in_pieces(&pieces, p, data, size, 1 + size % 13);
    MUST(whole.rv == pieces.rv);
    MUST(whole.used == pieces.used && !memcmp(whole.said, pieces.said, whole.used));
    MUST(whole.rv == APR_SUCCESS || !strcmp(whole.error, pieces.error));
    free(whole.said);
    free(pieces.said);
    apr_pool_destroy(p);
    return 0;
}
