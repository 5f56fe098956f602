/*
 * A set is eight entries; the key's hash chooses the set, and 64 bits of it, the tag, are compared before a body is
 * looked at. An entry is guarded by one word, the version, odd while somebody writes:
 *
 *     second of the writing 32 | count of writings 31 | being written 1
 *
 * A writer gets in by compare-and-swap from the even version it has seen; a reader copies the body and takes it only
 * if the version is the same even one before and after. An odd version that is older than a second belongs to a
 * process that was killed, or stopped: the next writer takes the entry over. Should the former one go on after all,
 * it may still write into the body; that is what the checksum is for, which a body of two halves fails, and its own
 * end of writing finds another version and changes nothing.
 *
 * Bodies are copied as 64-bit words by relaxed atomic loads and stores, so that a race is a torn copy, which is
 * found out, and not undefined behaviour.
 */

#include "shtable.h"
#include "warm.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/rand.h>

#define LINE 64
#define WAYS 8
#define ENTRY 1536
#define TAKEOVER 1 /* seconds */
#define WORD sizeof(uint64_t)

typedef _Atomic uint64_t word_t;

typedef struct entry_t {
    word_t version;
    word_t tag;               /* 0: empty */
    _Atomic uint32_t used;    /* second of the last use */
    uint32_t spare;
    word_t sum;               /* of lengths and body */
    word_t lengths;           /* key 32 | value 32 */
    word_t pad[3];
    word_t body[SAAS_SHTABLE_ROOM / sizeof(uint64_t)];
} entry_t;

struct saas_shtable_t {
    uint64_t seed;
    uint32_t sets;
    char pad[LINE - sizeof(uint64_t) - sizeof(uint32_t)];
    entry_t entry[];
};

_Static_assert(sizeof(entry_t) == ENTRY, "entries must begin on a cache line");
_Static_assert(sizeof(struct saas_shtable_t) == LINE, "entries must begin on a cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the table lives in memory shared by processes");

/* ------------------------------------------------------------- hashing -- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Folded multiplication with a seed nobody outside knows, 8 bytes a step. */
static inline uint64_t begin(uint64_t seed, size_t len)
{
    return seed ^ mix(len ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xe7037ed1a0b428db));
}

static inline uint64_t step(uint64_t h, uint64_t seed, uint64_t word)
{
    return mix(h ^ word, seed | 1) + UINT64_C(0x8ebc6af09c88c6e3);
}

/* rest: the bytes behind the last whole word, or 0. */
static inline uint64_t end(uint64_t h, uint64_t seed, uint64_t rest)
{
    return mix(mix(h ^ rest, seed | 1) ^ UINT64_C(0x589965cc75374cc3), UINT64_C(0x1d8e4e27c47d124f));
}

/* The word at a place of some bytes, filled up with zeros at their end. */
static inline uint64_t word_at(saas_shtable_bytes_t bytes, size_t at)
{
    uint64_t w = 0;
    if (bytes.len - at >= WORD) {
        memcpy(&w, (const char *)bytes.data + at, WORD);
    }
    else {
        memcpy(&w, (const char *)bytes.data + at, bytes.len - at);
    }
    return w;
}

SAAS_WARM static uint64_t hash(uint64_t seed, saas_shtable_bytes_t bytes)
{
    uint64_t h = begin(seed, bytes.len);
    size_t at;
    for (at = 0; bytes.len - at >= WORD; at += WORD) {
        h = step(h, seed, word_at(bytes, at));
    }
    return end(h, seed, word_at(bytes, at));
}

static uint64_t lengths_of(size_t key, size_t value)
{
    return (uint64_t)key << 32 | (uint64_t)value;
}

static size_t words(size_t bytes)
{
    return (bytes + WORD - 1) / WORD;
}

/* ---------------------------------------------------------------- make -- */

size_t saas_shtable_least(void)
{
    return sizeof(saas_shtable_t) + WAYS * sizeof(entry_t);
}

apr_status_t saas_shtable_init(void *memory, size_t bytes, saas_shtable_t **table)
{
    saas_shtable_t *t = memory;
    *table = NULL;
    if ((uintptr_t)memory % LINE) {
        return APR_EINVAL;
    }
    if (bytes < saas_shtable_least()) {
        return APR_ENOMEM;
    }
    memset(memory, 0, bytes);
    t->sets = (uint32_t)((bytes - sizeof(*t)) / (WAYS * sizeof(entry_t)));
    if (RAND_bytes((unsigned char *)&t->seed, sizeof(t->seed)) != 1) {
        return APR_EGENERAL;
    }
    *table = t;
    return APR_SUCCESS;
}

size_t saas_shtable_entries(const saas_shtable_t *t)
{
    return (size_t)t->sets * WAYS;
}

/* ---------------------------------------------------------------- read -- */

SAAS_WARM static entry_t *set_of(saas_shtable_t *t, saas_shtable_bytes_t key, uint64_t *tag)
{
    uint64_t h = hash(t->seed, key);
    *tag = h ? h : 1;
    return &t->entry[((h >> 32) * t->sets >> 32) * WAYS];
}

/* Reads the value out; true when what was read is whole, and the key's. */
SAAS_WARM static int read_entry(saas_shtable_t *t, entry_t *e, saas_shtable_bytes_t key, saas_shtable_room_fn *room,
                                void *baton, saas_shtable_bytes_t *value, uint64_t *version)
{
    uint64_t lengths, sum, seed, h, w, other = 0;
    uint64_t *to;
    size_t klen, vlen, n, i;
    *version = atomic_load_explicit(&e->version, memory_order_acquire);
    if (*version & 1) {
        return 0;
    }
    lengths = atomic_load_explicit(&e->lengths, memory_order_relaxed);
    sum = atomic_load_explicit(&e->sum, memory_order_relaxed);
    klen = lengths >> 32;
    vlen = lengths & UINT32_MAX;
    if (klen != key.len || klen > SAAS_SHTABLE_ROOM || vlen > SAAS_SHTABLE_ROOM
        || (n = words(klen) + words(vlen)) > SAAS_SHTABLE_ROOM / WORD || !(to = room(baton, words(vlen) * WORD))) {
        return 0;
    }
    value->data = to;
    value->len = vlen;
    seed = t->seed ^ lengths;
    h = begin(seed, n * WORD);
    for (i = 0; i < n; i++) {
        w = atomic_load_explicit(&e->body[i], memory_order_relaxed);
        h = step(h, seed, w);
        if (i < words(klen)) {
            other |= w ^ word_at(key, i * WORD);
        }
        else {
            *to++ = w;
        }
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&e->version, memory_order_relaxed) == *version && !other && end(h, seed, 0) == sum;
}

SAAS_WARM apr_status_t saas_shtable_get(saas_shtable_t *t, saas_shtable_bytes_t key, uint32_t now,
                                        saas_shtable_room_fn *room, void *baton, saas_shtable_bytes_t *value,
                                        saas_shtable_handle_t *handle)
{
    uint64_t tag;
    entry_t *set = set_of(t, key, &tag);
    int i;
    for (i = 0; i < WAYS; i++) {
        entry_t *e = &set[i];
        if (atomic_load_explicit(&e->tag, memory_order_relaxed) == tag
            && read_entry(t, e, key, room, baton, value, &handle->version)) {
            handle->slot = (uint32_t)(e - t->entry);
            if (atomic_load_explicit(&e->used, memory_order_relaxed) != now) {
                atomic_store_explicit(&e->used, now, memory_order_relaxed);
            }
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

/* --------------------------------------------------------------- write -- */

/* Takes the entry from the version that was seen; the odd version, or 0. */
static uint64_t enter(entry_t *e, uint64_t seen, uint32_t now)
{
    uint64_t mine = (uint64_t)now << 32 | ((seen + 2) & UINT32_MAX & ~UINT64_C(1)) | 1;
    return atomic_compare_exchange_strong(&e->version, &seen, mine) ? mine : 0;
}

static void put_bytes(word_t *to, saas_shtable_bytes_t bytes)
{
    const unsigned char *at = bytes.data;
    size_t left = bytes.len;
    for (; left; to++) {
        size_t n = left < WORD ? left : WORD;
        uint64_t w = 0;
        memcpy(&w, at, n);
        atomic_store_explicit(to, w, memory_order_relaxed);
        at += n;
        left -= n;
    }
}

/* Fills the entry that enter() has given us, and leaves it. */
static apr_status_t fill(saas_shtable_t *t, entry_t *e, uint64_t mine, uint64_t tag, saas_shtable_bytes_t key,
                         saas_shtable_bytes_t value, uint32_t now)
{
    uint64_t copy[SAAS_SHTABLE_ROOM / WORD], lengths = lengths_of(key.len, value.len);
    size_t n = words(key.len) + words(value.len);
    copy[words(key.len) - 1] = 0;
    memcpy(copy, key.data, key.len);
    if (value.len) {
        copy[n - 1] = 0;
        memcpy(copy + words(key.len), value.data, value.len);
    }
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&e->tag, tag, memory_order_relaxed);
    atomic_store_explicit(&e->lengths, lengths, memory_order_relaxed);
    atomic_store_explicit(&e->sum, hash(t->seed ^ lengths, (saas_shtable_bytes_t){ copy, n * WORD }),
                          memory_order_relaxed);
    put_bytes(e->body, (saas_shtable_bytes_t){ copy, n * WORD });
    atomic_store_explicit(&e->used, now, memory_order_relaxed);
    return atomic_compare_exchange_strong_explicit(&e->version, &mine, mine & ~UINT64_C(1), memory_order_release,
                                                   memory_order_relaxed)
               ? APR_SUCCESS
               : APR_EBUSY;
}

static int fits(saas_shtable_bytes_t key, saas_shtable_bytes_t value)
{
    return key.len && key.len <= SAAS_SHTABLE_ROOM && value.len <= SAAS_SHTABLE_ROOM
           && words(key.len) + words(value.len) <= SAAS_SHTABLE_ROOM / WORD;
}

/* The key's own entry, else an empty one, else the one whose last use is longest ago. */
static entry_t *choose(entry_t *set, uint64_t tag, uint32_t now)
{
    entry_t *best = NULL;
    uint32_t oldest = 0;
    int i;
    for (i = 0; i < WAYS; i++) {
        uint64_t has = atomic_load_explicit(&set[i].tag, memory_order_relaxed);
        uint32_t age = now - atomic_load_explicit(&set[i].used, memory_order_relaxed);
        if (has == tag) {
            return &set[i];
        }
        if (age > UINT32_MAX / 2) {
            age = 0;
        }
        age = has ? age : UINT32_MAX;
        if (!best || age > oldest) {
            best = &set[i];
            oldest = age;
        }
    }
    return best;
}

apr_status_t saas_shtable_put(saas_shtable_t *t, saas_shtable_bytes_t key, saas_shtable_bytes_t value, uint32_t now,
                              int *evicted)
{
    uint64_t tag, had, seen, mine;
    entry_t *e, *set;
    *evicted = 0;
    if (!fits(key, value)) {
        return APR_ENOSPC;
    }
    set = set_of(t, key, &tag);
    e = choose(set, tag, now);
    seen = atomic_load_explicit(&e->version, memory_order_acquire);
    if ((seen & 1) && (int32_t)(now - (uint32_t)(seen >> 32)) <= TAKEOVER) {
        return APR_EBUSY;
    }
    if (!(mine = enter(e, seen, now))) {
        return APR_EBUSY;
    }
    had = atomic_load_explicit(&e->tag, memory_order_relaxed);
    *evicted = had && had != tag;
    return fill(t, e, mine, tag, key, value, now);
}

apr_status_t saas_shtable_replace(saas_shtable_t *t, const saas_shtable_handle_t *handle, saas_shtable_bytes_t key,
                                  saas_shtable_bytes_t value, uint32_t now)
{
    entry_t *e = &t->entry[handle->slot];
    uint64_t tag, mine;
    if (!fits(key, value)) {
        return APR_ENOSPC;
    }
    set_of(t, key, &tag);
    mine = enter(e, handle->version, now);
    return mine ? fill(t, e, mine, tag, key, value, now) : APR_EBUSY;
}
