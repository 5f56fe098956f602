/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See skim.h.  Only what is ordinary is skimmed: ASCII, no escapes in what is kept, integers that are no number's limit,
 * few levels and members.  At anything else, and at any error, the whole text is jansson's: so it is jansson alone that
 * refuses, and what is skimmed must be a part of what jansson takes - what is passed over is read as strictly as the rest.
 */
#include "skim.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 24
#define MEMBERS_MAX 64
/** Digits of an integer that is in range whatever they are. */
#define DIGITS_MAX 18

/* In the order of their bytes. */
static const char *const known[] = {
    "account", "api_version", "cancel_at", "cancel_at_period_end", "client_reference_id", "created", "current_period_end",
    "current_period_start", "customer", "customer_details", "data", "email", "end", "ended_at", "entitlements", "has_more",
    "id", "items", "lines", "livemode", "lookup_key", "metadata", "mode", "object", "org_id", "parent", "payment_status",
    "period", "plan", "previous_attributes", "price", "price_details", "pricing", "start_date", "status", "subscription",
    "subscription_details", "type",
};

typedef struct {
    const char *at, *end;
    int depth;
} text_t;

typedef struct {
    const char *text;
    size_t len;
} name_t;

/* The known name that these bytes are; NULL: none. */
static const char *name_of(const char *text, size_t len)
{
    size_t low = 0, high = sizeof(known) / sizeof(*known);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(known[middle], text, len);
        if (!order && !known[middle][len]) {
            return known[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

int saas_skim_knows(const char *name, size_t len)
{
    return name_of(name, len) != NULL;
}

static int next(text_t *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t')) {
        t->at++;
    }
    return t->at < t->end ? (unsigned char)*t->at : -1;
}

/* Takes this byte, if it comes next. */
static int take(text_t *t, char c)
{
    int is = next(t) == c;
    t->at += is;
    return is;
}

/* From its first quote.  escapes: it may have such as need no decoding to be known as good. */
static int take_string(text_t *t, name_t *s, int escapes)
{
    const char *c = t->at + 1;

    s->text = c;
    for (; c < t->end && *c != '"'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') {
            return 0;
        }
        if (*c == '\\' && (!escapes || ++c == t->end || !memchr("\"\\/bfnrt", *c, 8))) {
            return 0;
        }
    }
    if (c >= t->end) {
        return 0;
    }
    s->len = (size_t)(c - s->text);
    t->at = c + 1;
    return 1;
}

static int take_integer(text_t *t, json_int_t *value)
{
    int minus = *t->at == '-', digits = 0;
    const char *c = t->at + minus;
    json_int_t n = 0;

    for (; c < t->end && *c >= '0' && *c <= '9' && digits < DIGITS_MAX; c++, digits++) {
        n = n * 10 + (*c - '0');
    }
    if (!digits || (digits > 1 && t->at[minus] == '0') || (c < t->end && strchr(".eE0123456789", *c))) {
        return 0;
    }
    *value = minus ? -n : n;
    t->at = c;
    return 1;
}

static int take_word(text_t *t, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0) {
        return 0;
    }
    t->at += len;
    return 1;
}

static int take_value(text_t *t, json_t **value);

static int take_array(text_t *t, json_t *array)
{
    t->at++;
    if (take(t, ']')) {
        return 1;
    }
    do {
        json_t *element = NULL;
        if (!take_value(t, array ? &element : NULL) || (array && json_array_append_new(array, element) != 0)) {
            return 0;
        }
    } while (take(t, ','));
    return take(t, ']');
}

/* Adds a name to those of an object; seen has a bit for each kind of them, so that most are compared with none. */
static int is_new(name_t *names, int n, uint64_t *seen, const name_t *name)
{
    size_t kind = name->len ? name->len * 7 + (unsigned char)name->text[0] + 3 * (unsigned char)name->text[name->len - 1] : 0;
    uint64_t bit = UINT64_C(1) << (kind & 63);
    int i;

    for (i = 0; (*seen & bit) && i < n; i++) {
        if (names[i].len == name->len && !memcmp(names[i].text, name->text, name->len)) {
            return 0;
        }
    }
    *seen |= bit;
    names[n] = *name;
    return 1;
}

static int take_object(text_t *t, json_t *object)
{
    name_t names[MEMBERS_MAX], name;
    uint64_t seen = 0;
    int n = 0;

    t->at++;
    if (take(t, '}')) {
        return 1;
    }
    do {
        const char *kept;
        json_t *value = NULL;
        if (n == MEMBERS_MAX || next(t) != '"' || !take_string(t, &name, 0) || !is_new(names, n++, &seen, &name)
            || !take(t, ':')) {
            return 0;
        }
        kept = object ? name_of(name.text, name.len) : NULL;
        if (!take_value(t, kept ? &value : NULL) || (kept && json_object_set_new_nocheck(object, kept, value) != 0)) {
            return 0;
        }
    } while (take(t, ','));
    return take(t, '}');
}

/* value: NULL to pass over it; else it is set when this returns 1, and only then.  What was begun goes. */
static int take_value(text_t *t, json_t **value)
{
    json_t *made = NULL;
    json_int_t number;
    name_t string;
    int good = 0;

    if (++t->depth > DEPTH_MAX) {
        return 0;
    }
    switch (next(t)) {
    case '{':
        made = value ? json_object() : NULL;
        good = take_object(t, made);
        break;
    case '[':
        made = value ? json_array() : NULL;
        good = take_array(t, made);
        break;
    case '"':
        good = take_string(t, &string, !value);
        made = good && value ? json_stringn_nocheck(string.text, string.len) : NULL;
        break;
    case 't':
        good = take_word(t, "true");
        made = json_true();
        break;
    case 'f':
        good = take_word(t, "false");
        made = json_false();
        break;
    case 'n':
        good = take_word(t, "null");
        made = json_null();
        break;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        good = take_integer(t, &number);
        made = good && value ? json_integer(number) : NULL;
        break;
    default:
        break;
    }
    t->depth--;
    if (!good || (value && !made)) {
        json_decref(made);
        return 0;
    }
    if (value) {
        *value = made;
    }
    return 1;
}

json_t *saas_skim(const char *text, size_t len, json_error_t *error)
{
    text_t t = { text, text + len, 0 };
    json_t *root = NULL;

    if (next(&t) == '{' && take_value(&t, &root)) {
        if (next(&t) < 0) {
            return root;
        }
        json_decref(root);
    }
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, error);
}
