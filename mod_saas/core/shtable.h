#ifndef SAAS_CORE_SHTABLE_H
#define SAAS_CORE_SHTABLE_H

/*
 * Keys and values in a fixed piece of shared memory that never grows: a set-associative table. Reading takes no
 * lock, waits for nobody and changes nothing but, once a second, an entry's time of use; writing never waits
 * either, it gives up. All functions may be called from any thread of any process that has the memory mapped, and a
 * process that is killed in the middle of one costs at most one entry for one second.
 *
 * Keys are compared whole. What is read is exactly what was written, or nothing.
 */

#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>

/** Longest key and value together, in bytes. */
#define SAAS_SHTABLE_ROOM 1472

typedef struct saas_shtable_t saas_shtable_t;

/** Which entry was read, and which writing of it. */
typedef struct saas_shtable_handle_t {
    uint32_t slot;
    uint64_t version;
} saas_shtable_handle_t;

/** What a key or value is made of. */
typedef struct saas_shtable_bytes_t {
    const void *data;
    size_t len;
} saas_shtable_bytes_t;

/** The least memory that a table can be made in. */
size_t saas_shtable_least(void);

/**
 * Lays out an empty table in memory of `bytes` bytes, aligned to 64; once, before it is shared.
 * @return APR_ENOMEM below saas_shtable_least(), APR_EINVAL for a bad alignment, APR_EGENERAL without random bytes.
 */
apr_status_t saas_shtable_init(void *memory, size_t bytes, saas_shtable_t **table);

/** How many entries it holds at most. */
size_t saas_shtable_entries(const saas_shtable_t *t);

/** Where a value is read to: so many bytes, aligned to 8, or NULL for not at all.  Asked for an entry that looks like
 *  the key's, so seldom in vain. */
typedef void *saas_shtable_room_fn(void *baton, size_t bytes);

/**
 * Reads the value of a key into memory of the caller's.
 * @param now seconds of a clock that all callers share and that does not go back
 * @param room gives at most SAAS_SHTABLE_ROOM bytes
 * @return APR_NOTFOUND when there is none, it is being written, or there is no room.
 */
apr_status_t saas_shtable_get(saas_shtable_t *t, saas_shtable_bytes_t key, uint32_t now, saas_shtable_room_fn *room,
                              void *baton, saas_shtable_bytes_t *value, saas_shtable_handle_t *handle);

/**
 * Writes a value, in the place of the key's old one, of an empty entry, or of the one that has not been used longest.
 * @param evicted true when another key had to go
 * @return APR_ENOSPC when it does not fit, APR_EBUSY when somebody else is writing there.
 */
apr_status_t saas_shtable_put(saas_shtable_t *t, saas_shtable_bytes_t key, saas_shtable_bytes_t value, uint32_t now,
                              int *evicted);

/** Writes another value if nobody has since the handle was read, else APR_EBUSY: of several callers one succeeds. */
apr_status_t saas_shtable_replace(saas_shtable_t *t, const saas_shtable_handle_t *handle, saas_shtable_bytes_t key,
                                  saas_shtable_bytes_t value, uint32_t now);

#endif
