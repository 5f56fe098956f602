/*
 * The throttle's table. A bucket is one cache line of eight slots, a slot is one 64-bit word
 *
 *     tag 24 | window number 16 | count of the window before 12 | count of this window 12
 *
 * that is only ever replaced by compare-and-swap: there is no state in which another process could find it half
 * written, and a slot never lets more than the limit through. Two processes that meet a new key at the very same
 * moment, while its bucket is changing, may each give it a slot; the second then goes unseen, with the one attempt
 * it counted. A key meets a stranger of the same tag in its bucket with a chance of one in 2 million; the two are
 * then throttled together. Tag 0 is an empty slot.
 */

#include "slots.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define WAYS 8
#define LINE 64

typedef _Atomic uint64_t slot_t;

struct saas_slots_t {
    size_t mask; /* buckets - 1 */
    apr_interval_time_t window;
    unsigned char seed[16];
    char pad[LINE - sizeof(size_t) - sizeof(apr_interval_time_t) - 16];
    slot_t slot[];
};

_Static_assert(sizeof(struct saas_slots_t) == LINE, "buckets must begin on a cache line");
_Static_assert(sizeof(slot_t) * WAYS == LINE, "a bucket must be a cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the table lives in memory shared by processes");

/* A slot's counts as of some moment. */
typedef struct {
    unsigned before, now;
} counts_t;

static size_t bucket_count(size_t keys)
{
    size_t buckets = 64 / WAYS;
    while (buckets * WAYS < keys) {
        buckets *= 2;
    }
    return buckets;
}

size_t saas_slots_size(size_t keys)
{
    return sizeof(saas_slots_t) + bucket_count(keys) * LINE;
}

apr_status_t saas_slots_init(void *memory, size_t keys, apr_interval_time_t window, saas_slots_t **slots)
{
    *slots = NULL;
    if ((uintptr_t)memory % LINE != 0 || window < apr_time_from_sec(1) || window > apr_time_from_sec(86400)) {
        return APR_EINVAL;
    }
    memset(memory, 0, saas_slots_size(keys));
    saas_slots_t *table = memory;
    table->mask = bucket_count(keys) - 1;
    table->window = window;
    if (RAND_bytes(table->seed, sizeof(table->seed)) != 1) {
        return APR_EGENERAL;
    }
    *slots = table;
    return APR_SUCCESS;
}

uint64_t saas_slots_key(const saas_slots_t *slots, const char *rule, const char *subject)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    uint64_t key = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    /* The NUL behind the rule keeps "a" + "bc" and "ab" + "c" apart. */
    if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(ctx, slots->seed, sizeof(slots->seed)) == 1
        && EVP_DigestUpdate(ctx, rule, strlen(rule) + 1) == 1 && EVP_DigestUpdate(ctx, subject, strlen(subject)) == 1
        && EVP_DigestFinal_ex(ctx, sum, NULL) == 1) {
        memcpy(&key, sum, sizeof(key));
    }
    EVP_MD_CTX_free(ctx);
    return key;
}

static uint64_t tag_of(uint64_t key)
{
    uint64_t tag = key >> 40;
    return tag ? tag : 1;
}

static uint64_t pack(uint64_t tag, uint16_t window, counts_t c)
{
    return tag << 40 | (uint64_t)window << 24 | (uint64_t)c.before << 12 | c.now;
}

/* Windows from the slot's to now. One ahead of now is the same window to us: callers read the clock before they
 * get here, so one may be just past a boundary that the other has not reached. Any other future is a clock that
 * was set back, and as good as long ago. */
static unsigned age(uint64_t word, uint16_t window)
{
    uint16_t difference = (uint16_t)(window - (uint16_t)(word >> 24));
    return difference == UINT16_MAX ? 0 : difference;
}

static counts_t counts(uint64_t word, uint16_t window)
{
    counts_t c = { (unsigned)(word >> 12) & 0xfff, (unsigned)word & 0xfff };
    unsigned passed = age(word, window);
    if (passed > 0) {
        c.before = passed == 1 ? c.now : 0;
        c.now = 0;
    }
    return c;
}

static unsigned in_seconds(int64_t micros)
{
    return micros > 0 ? (unsigned)((micros + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC) : 1;
}

/* Seconds until one more attempt fits: 0 for now. */
static unsigned wait_for(counts_t c, unsigned limit, int64_t elapsed, int64_t window)
{
    int64_t until = elapsed;

    if (limit == 0) {
        return in_seconds(window);
    }
    if (c.now >= limit) {
        /* Not in this window; in the next, today's count is the one that fades. */
        elapsed -= window;
        c.before = c.now;
        c.now = 0;
        until = 0;
    }
    int64_t room = (int64_t)(limit - c.now - 1) * window;
    if ((int64_t)c.before * (window - until) > room) {
        /* The first moment at which before * (window - moment) <= room. */
        until = window - room / c.before;
    }
    return until > elapsed ? in_seconds(until - elapsed) : 0;
}

unsigned saas_slots_wait(unsigned before, unsigned now, unsigned limit, apr_interval_time_t elapsed,
                         apr_interval_time_t window)
{
    counts_t c = { before, now };
    return wait_for(c, limit, elapsed, window);
}

static slot_t *bucket(const saas_slots_t *slots, uint64_t key)
{
    return (slot_t *)&slots->slot[(key & slots->mask) * WAYS];
}

/* The key's slot and its word, or NULL. */
static slot_t *find(slot_t *line, uint64_t tag, uint64_t *word)
{
    for (int i = 0; i < WAYS; i++) {
        *word = atomic_load_explicit(&line[i], memory_order_relaxed);
        if (*word >> 40 == tag) {
            return &line[i];
        }
    }
    return NULL;
}

/* The slot to give up: an empty one, else the oldest, else the least used. */
static slot_t *victim(slot_t *line, uint16_t window, uint64_t *word)
{
    slot_t *worst = NULL;
    unsigned worst_age = 0, worst_count = 0;

    for (int i = 0; i < WAYS; i++) {
        uint64_t seen = atomic_load_explicit(&line[i], memory_order_relaxed);
        counts_t c = counts(seen, window);
        unsigned count = c.before + c.now;
        unsigned passed = seen == 0 ? UINT_LEAST32_MAX : age(seen, window);
        if (worst == NULL || passed > worst_age || (passed == worst_age && count < worst_count)) {
            worst = &line[i];
            worst_age = passed;
            worst_count = count;
            *word = seen;
        }
    }
    return worst;
}

unsigned saas_slots_hit(saas_slots_t *slots, uint64_t key, unsigned limit, apr_time_t now)
{
    slot_t *line = bucket(slots, key);
    uint64_t tag = tag_of(key);
    uint16_t window = (uint16_t)(now / slots->window);
    int64_t elapsed = now % slots->window;

    limit = limit > SAAS_SLOTS_LIMIT_MAX ? SAAS_SLOTS_LIMIT_MAX : limit;
    while (1) {
        uint64_t word;
        counts_t c = { 0, 0 };
        uint16_t stamp = window;
        slot_t *slot = find(line, tag, &word);
        if (slot != NULL) {
            c = counts(word, window);
            stamp = age(word, window) == 0 ? (uint16_t)(word >> 24) : window;
        }
        unsigned wait = wait_for(c, limit, elapsed, slots->window);
        if (wait > 0) {
            return wait;
        }
        if (slot == NULL) {
            slot = victim(line, window, &word);
        }
        c.now++;
        if (atomic_compare_exchange_strong(slot, &word, pack(tag, stamp, c))) {
            return 0;
        }
    }
}

unsigned saas_slots_peek(const saas_slots_t *slots, uint64_t key, unsigned limit, apr_time_t now)
{
    uint64_t word;
    uint16_t window = (uint16_t)(now / slots->window);
    counts_t c = { 0, 0 };

    if (find(bucket(slots, key), tag_of(key), &word) != NULL) {
        c = counts(word, window);
    }
    limit = limit > SAAS_SLOTS_LIMIT_MAX ? SAAS_SLOTS_LIMIT_MAX : limit;
    return wait_for(c, limit, now % slots->window, slots->window);
}

void saas_slots_clear(saas_slots_t *slots, uint64_t key)
{
    uint64_t word;
    slot_t *slot;

    do {
        slot = find(bucket(slots, key), tag_of(key), &word);
    } while (slot != NULL && !atomic_compare_exchange_strong(slot, &word, 0));
}
