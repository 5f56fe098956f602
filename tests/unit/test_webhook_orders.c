/*
 * All orders of one history end in the same state, and that state is the right one. The histories of
 * tests/data/stripe/events.json say of themselves what every row and the organization's subscription are in the end:
 * nothing here asks the state machine what it would like to hear. Every order of a history is tried, of long ones as many
 * as chance picks; in each, every event comes in a generation of payloads of its own, and earlier ones come again.
 *
 * And why that holds: joining facts is idempotent, commutative and associative, tried on facts at random.
 */

#include "unit.h"

#include <jansson.h>

#include "webhook_rows.h"

#define START 1800000000
#define DAY 86400
#define GRACE (14 * DAY)
#define GENERATIONS 3
#define EVENTS_MAX 20
#define HISTORIES_MAX 80
/* Every order of so many events is 5040; of more, this many are picked. */
#define ALL_ORDERS_OF 7
#define ORDERS_PICKED 12000
/* The whole of it: what the histories have to offer, so that none is lost unnoticed. */
#define ORDERS_AT_LEAST 100000
#define FACTS_ROUNDS 60000

static const char *const generations[GENERATIONS] = { "acacia", "basil", "mixed" };

typedef struct {
    const char *name;
    saas_event_t events[GENERATIONS][EVENTS_MAX];
    int n;
    int shapes[GENERATIONS], nshapes; /* generations that it has */
    rows_t expected;                  /* without created and rank, which are the machine's own */
    saas_effective_t effective;
} history_t;

static history_t histories[HISTORIES_MAX];
static int nhistories;

static apr_int64_t time_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? START + (apr_int64_t)json_integer_value(value) : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? apr_pstrdup(unit_pool, text) : NULL;
}

static void read_expected(const json_t *from, history_t *h)
{
    const json_t *given;
    size_t i;
    h->effective.status = text_of(from, "status");
    h->effective.stripe_status = text_of(from, "stripe_status");
    h->effective.subscription = text_of(from, "subscription");
    h->effective.ends_at = time_of(from, "ends_after");
    json_array_foreach(json_object_get(from, "rows"), i, given) {
        saas_subscription_t *row = &h->expected.rows[h->expected.n++];
        ck_assert_int_le(h->expected.n, ROWS_MAX);
        row->id = text_of(given, "id");
        row->customer = text_of(given, "customer");
        row->status = text_of(given, "status");
        row->price = text_of(given, "price");
        row->period_end = time_of(given, "period_end");
        row->cancel_at = time_of(given, "cancel_at");
        row->cancel_at_period_end = json_is_true(json_object_get(given, "cancel_at_period_end"));
        row->started_at = time_of(given, "started_at");
        row->ended_at = time_of(given, "ended_at");
        row->past_due_since = time_of(given, "past_due_since");
        if (!strcmp(row->id, h->effective.subscription)) {
            h->effective.started_at = row->started_at;
        }
    }
}

static void read_history(const json_t *file, const json_t *from, history_t *h)
{
    const json_t *name;
    size_t i;
    int g;
    memset(h, 0, sizeof(*h));
    h->name = text_of(from, "name");
    json_array_foreach(json_object_get(from, "generations"), i, name) {
        for (g = 0; strcmp(generations[g], json_string_value(name)); g++) {
            ck_assert_int_lt(g, GENERATIONS);
        }
        h->shapes[h->nshapes++] = g;
    }
    json_array_foreach(json_object_get(from, "events"), i, name) {
        ck_assert_int_lt(i, EVENTS_MAX);
        for (g = 0; g < GENERATIONS; g++) {
            const json_t *root = json_object_get(json_object_get(json_object_get(file, "generations"), generations[g]),
                                                 json_string_value(name));
            ck_assert_msg(root != NULL, "no event %s", json_string_value(name));
            ck_assert_ptr_null(saas_event_read(unit_pool, root, &h->events[g][i]));
        }
    }
    h->n = (int)i;
    read_expected(from, h);
}

static void load(void)
{
    json_t *file = json_load_file("tests/data/stripe/events.json", 0, NULL), *from;
    size_t i;
    ck_assert_msg(file != NULL, "the events are missing: run from the top folder");
    nhistories = 0;
    json_array_foreach(json_object_get(file, "histories"), i, from) {
        ck_assert_int_lt(i, HISTORIES_MAX);
        read_history(file, from, &histories[nhistories++]);
    }
    json_decref(file);
}

static const char *told(const history_t *h, const int *order)
{
    const char *text = h->name;
    int k;
    for (k = 0; k < h->n; k++) {
        text = apr_pstrcat(unit_pool, text, k ? ", " : ": ", h->events[0][order[k]].id, NULL);
    }
    return text;
}

/* The rows are those of the table. */
static void check_rows(const history_t *h, const rows_t *got, const int *order)
{
    int i, same = got->n == h->expected.n;
    for (i = 0; same && i < h->expected.n; i++) {
        const saas_subscription_t *want = &h->expected.rows[i], *row = rows_find(got, want->id);
        if (row) {
            saas_subscription_t seen = *row;
            seen.created = 0;
            seen.rank = 0;
            /* In arrears, since when is what counts; otherwise nothing is kept of them. */
            seen.past_due_since = !strcmp(row->status, "past_due") ? saas_subscription_past_due_since(row) : row->past_due_since;
            same = rows_row_same(want, &seen);
        } else {
            same = 0;
        }
    }
    if (!same) {
        ck_abort_msg("%s\n is %s\nnot %s", told(h, order), rows_show(unit_pool, got), rows_show(unit_pool, &h->expected));
    }
}

static void check_effective(const history_t *h, const rows_t *got, const int *order)
{
    saas_effective_t now;
    saas_subscription_effective(got->rows, got->n, GRACE, &now);
    if (!rows_effective_same(&now, &h->effective)) {
        ck_abort_msg("%s\n is %s (%s of %s) from %+ld until %+ld\nnot %s (%s of %s) from %+ld until %+ld", told(h, order), now.status,
                     now.stripe_status, now.subscription, (long)now.started_at - START, (long)now.ends_at - START,
                     h->effective.status, h->effective.stripe_status, h->effective.subscription,
                     (long)h->effective.started_at - START, (long)h->effective.ends_at - START);
    }
}

/* One order of a history, each event in some shape, and after each one that has been there in some shape again. */
static void try_order(const history_t *h, const int *order, uint64_t *seed, rows_t *first)
{
    rows_t got = { .n = 0 };
    uint64_t chance = unit_random(seed);
    int k;
    for (k = 0; k < h->n; k++) {
        int again = order[unit_random(seed) % (uint64_t)(k + 1)];
        const saas_event_t *event = &h->events[h->shapes[chance % (uint64_t)h->nshapes]][order[k]];
        rows_take(&got, event);
        if (rows_take(&got, event)) {
            ck_abort_msg("%s\n takes event %d twice", told(h, order), k + 1);
        }
        rows_take(&got, &h->events[h->shapes[(chance / 3) % (uint64_t)h->nshapes]][again]);
        chance = chance / 9 ? chance / 9 : unit_random(seed);
    }
    if (!first->n) {
        check_rows(h, &got, order);
        *first = got;
    }
    if (!rows_same(&got, first)) {
        ck_abort_msg("%s\n is %s\nnot %s", told(h, order), rows_show(unit_pool, &got), rows_show(unit_pool, first));
    }
    check_effective(h, &got, order);
}

/* Heap's algorithm over the order of events. */
static int next_order(int *order, int *count, int n, int *at)
{
    while (*at < n) {
        if (count[*at] < *at) {
            int other = *at % 2 ? count[*at] : 0, kept = order[other];
            order[other] = order[*at];
            order[*at] = kept;
            count[*at]++;
            *at = 1;
            return 1;
        }
        count[(*at)++] = 0;
    }
    return 0;
}

static void shuffle(int *order, int n, uint64_t *seed)
{
    while (--n > 0) {
        int other = (int)(unit_random(seed) % (uint64_t)(n + 1)), kept = order[n];
        order[n] = order[other];
        order[other] = kept;
    }
}

static int try_history(const history_t *h, uint64_t *seed)
{
    int order[EVENTS_MAX], count[EVENTS_MAX] = { 0 }, at = 1, tried = 0, k;
    rows_t first = { .n = 0 };
    for (k = 0; k < h->n; k++) {
        order[k] = k;
    }
    if (h->n > ALL_ORDERS_OF) {
        for (tried = 0; tried < ORDERS_PICKED; tried++) {
            try_order(h, order, seed, &first);
            shuffle(order, h->n, seed);
        }
        return tried;
    }
    do {
        try_order(h, order, seed, &first);
        tried++;
    } while (next_order(order, count, h->n, &at));
    return tried;
}

START_TEST(every_order)
{
    uint64_t seed = 7;
    int i, tried = 0;
    load();
    ck_assert_int_ge(nhistories, 45);
    for (i = 0; i < nhistories; i++) {
        tried += try_history(&histories[i], &seed);
    }
    ck_assert_msg(tried >= ORDERS_AT_LEAST, "only %d orders", tried);
}
END_TEST

/* In the order in which it was, in each generation by itself: the same rows, rank and all. */
START_TEST(every_generation)
{
    int i, g, k;
    load();
    for (i = 0; i < nhistories; i++) {
        const history_t *h = &histories[i];
        int order[EVENTS_MAX];
        rows_t first = { .n = 0 };
        for (g = 0; g < h->nshapes; g++) {
            rows_t got = { .n = 0 };
            for (k = 0; k < h->n; k++) {
                order[k] = k;
                rows_take(&got, &h->events[h->shapes[g]][k]);
            }
            check_rows(h, &got, order);
            check_effective(h, &got, order);
            first = g ? first : got;
            ck_assert_msg(rows_same(&got, &first), "%s in %s", h->name, generations[h->shapes[g]]);
        }
    }
}
END_TEST

/* Any events at all, of whatever history, in some order and in another: the same rows and the same subscription. */
START_TEST(any_events)
{
    uint64_t seed = 11;
    int round, k;
    load();
    for (round = 0; round < FACTS_ROUNDS / 4; round++) {
        const saas_event_t *events[12];
        int order[12];
        rows_t first = { .n = 0 }, second = { .n = 0 };
        saas_effective_t once, again;
        for (k = 0; k < 12; k++) {
            const history_t *h = &histories[unit_random(&seed) % (uint64_t)nhistories];
            events[k] = &h->events[h->shapes[unit_random(&seed) % (uint64_t)h->nshapes]][unit_random(&seed) % (uint64_t)h->n];
            rows_take(&first, events[k]);
            order[k] = k;
        }
        shuffle(order, 12, &seed);
        for (k = 0; k < 12; k++) {
            rows_take(&second, events[order[k]]);
        }
        UNIT_CHECK(rows_same(&first, &second));
        saas_subscription_effective(first.rows, first.n, GRACE, &once);
        saas_subscription_effective(second.rows, second.n, GRACE, &again);
        UNIT_CHECK(rows_effective_same(&once, &again));
    }
}
END_TEST

static apr_int64_t pick(uint64_t *seed, int n)
{
    return (apr_int64_t)(unit_random(seed) % (uint64_t)n);
}

/*
 * A fact at random, of few times and values, so that ties are the rule. As Stripe's are, a snapshot says its period and
 * its price, a session neither, and an incomplete subscription has the ones that it began with: what a fact leaves unsaid is
 * borrowed from the latest, and of several lesser ones the row does not know which that is.
 */
static saas_subscription_t random_fact(uint64_t *seed)
{
    static const char *const statuses[] = { "incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled",
                                            "incomplete_expired" };
    static const char *const before[] = { NULL, "active", "past_due", "trialing", "unpaid" };
    static const char *const prices[] = { "price_a", "price_b" };
    static const saas_event_e kinds[] = { SAAS_EVENT_SUBSCRIPTION_CREATED, SAAS_EVENT_SUBSCRIPTION_CHANGED,
                                          SAAS_EVENT_SUBSCRIPTION_CHANGED, SAAS_EVENT_SUBSCRIPTION_CHANGED,
                                          SAAS_EVENT_SUBSCRIPTION_DELETED, SAAS_EVENT_INVOICE_PAID, SAAS_EVENT_SESSION_PAID };
    saas_event_t event = { .kind = kinds[pick(seed, 7)], .subscription = "sub_1", .customer = "cus_1",
                           .created = START + pick(seed, 5) };
    const char *price = NULL;
    saas_subscription_t fact;

    if (event.kind != SAAS_EVENT_SESSION_PAID) {
        price = prices[pick(seed, 2)];
        event.period_end = START + DAY * (1 + pick(seed, 3));
    }
    if (event.kind != SAAS_EVENT_SESSION_PAID && event.kind != SAAS_EVENT_INVOICE_PAID) {
        event.status = statuses[pick(seed, 8)];
        event.previous_status = before[pick(seed, 5)];
        event.cancel_at = pick(seed, 2) ? START + DAY * pick(seed, 3) : 0;
        event.cancel_at_period_end = (int)pick(seed, 2);
        event.started_at = pick(seed, 2) ? START - pick(seed, 3) : 0;
        event.ended_at = pick(seed, 2) ? START + pick(seed, 3) : 0;
        if (!strcmp(event.status, "incomplete")) {
            price = prices[0];
            event.period_end = START + DAY;
        }
    }
    ck_assert_int_eq(saas_subscription_fact(&event, price, &fact), SAAS_FACT_GIVEN);
    return fact;
}

/* What one to four facts amount to: the joins have to hold of them as of facts. */
static saas_subscription_t random_row(uint64_t *seed)
{
    saas_subscription_t row = { 0 };
    int n = 1 + (int)pick(seed, 4);
    while (n-- > 0) {
        saas_subscription_t fact = random_fact(seed);
        saas_subscription_join(&row, &fact);
    }
    return row;
}

static saas_subscription_t join(saas_subscription_t a, const saas_subscription_t *b)
{
    saas_subscription_join(&a, b);
    return a;
}

START_TEST(joins)
{
    uint64_t seed = 13;
    int round;
    for (round = 0; round < FACTS_ROUNDS; round++) {
        saas_subscription_t a = random_row(&seed), b = random_row(&seed), c = random_row(&seed), nothing = { 0 };
        saas_subscription_t ab = join(a, &b), ba = join(b, &a), bc = join(b, &c), left = join(ab, &c), right = join(a, &bc);
        saas_subscription_t itself = a, absorbed = ab, from_nothing = nothing;

        UNIT_CHECK(saas_subscription_join(&from_nothing, &a) == 1 && rows_row_same(&from_nothing, &a));
        UNIT_CHECK(saas_subscription_join(&itself, &a) == 0 && rows_row_same(&itself, &a));
        UNIT_CHECK(rows_row_same(&ab, &ba));
        UNIT_CHECK(rows_row_same(&left, &right));
        UNIT_CHECK(saas_subscription_join(&absorbed, &a) == 0 && saas_subscription_join(&absorbed, &b) == 0);
        UNIT_CHECK(rows_row_same(&absorbed, &ab));
    }
}
END_TEST

/* Which subscription is the organization's does not depend on the order of its rows. */
START_TEST(effective)
{
    static const char *const ids[] = { "sub_1", "sub_2", "sub_3", "sub_4", "cus_1" };
    uint64_t seed = 17;
    int round, k;
    for (round = 0; round < FACTS_ROUNDS; round++) {
        saas_subscription_t rows[5], shuffled[5];
        saas_effective_t once, again;
        int order[5], n = 1 + (int)pick(&seed, 5);
        apr_int64_t grace = pick(&seed, 2) ? GRACE : 0;
        for (k = 0; k < n; k++) {
            rows[k] = random_row(&seed);
            rows[k].id = ids[k];
            order[k] = k;
        }
        if (n == 5) {
            saas_event_t deleted = { .kind = SAAS_EVENT_CUSTOMER_DELETED, .customer = "cus_1", .created = START };
            ck_assert_int_eq(saas_subscription_fact(&deleted, NULL, &rows[4]), SAAS_FACT_GIVEN);
        }
        shuffle(order, n, &seed);
        for (k = 0; k < n; k++) {
            shuffled[k] = rows[order[k]];
        }
        saas_subscription_effective(rows, n, grace, &once);
        saas_subscription_effective(shuffled, n, grace, &again);
        UNIT_CHECK(rows_effective_same(&once, &again));
        /* Nothing gives access that is over. */
        UNIT_CHECK(n < 5 || strcmp(once.status, "active"));
    }
}
END_TEST

Suite *suite_webhook_orders(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_orders", 60, &tc);
    tcase_add_test(tc, every_order);
    tcase_add_test(tc, every_generation);
    tcase_add_test(tc, any_events);
    tcase_add_test(tc, joins);
    tcase_add_test(tc, effective);
    return suite;
}
