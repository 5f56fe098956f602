/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The walk through a JSON document, with yajl's parser.  A tree of the paths says at each depth which part of the
 * document this is; what is below no path costs nothing but yajl's look at it.  Memory is that of the slots, whatever
 * the document's size: its depth is bounded, and so is the length of a value.
 *
 * Strings are checked here, where they are kept, and not by yajl, where they are not: one bad byte is a bad record, not
 * a bad file.  In a file of JSON lines that holds for whatever is wrong with a line.
 */

#include "json.h"

#include <apr_strings.h>

#include <yajl/yajl_parse.h>

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128
#define SLOT_MAX 16384 /* bytes of a text; what is longer is cut */
#define KEY_MAX 256
#define VALUE_MAX (1024 * 1024) /* bytes without any end of a value, or of anything else */
#define SLICE 65536

/** A part of the paths. */
typedef struct node_t {
    const char *key; /* NULL: any */
    apr_size_t len;
    long index; /* of an element; -1: any, -2: it is no element's number */
    int slot, record;
    apr_uint64_t below; /* slots of this and all that is below */
    struct node_t *children, *next;
} node_t;

typedef enum { NOTHING, STRING, NUMBER, OTHER } kind_e;

typedef struct slot_t {
    kind_e kind;
    char *text; /* SLOT_MAX + 1; made when it is first used */
} slot_t;

typedef struct level_t {
    const node_t *node;  /* NULL: no path comes here */
    const node_t *child; /* in an object: of the key that was read last */
    long index;          /* in an array: of the element that comes next */
    int array;
} level_t;

struct json_walk_t {
    import_reader_t *reader;
    const json_format_t *format;
    void *state;
    yajl_handle parser;
    node_t *root;
    level_t levels[DEPTH_MAX];
    int depth;
    slot_t slots[JSON_SLOTS_MAX];
    char key[KEY_MAX + 1];
    int strange;            /* of the record */
    apr_size_t since;       /* bytes since anything ended */
    long line, record_line; /* now, and where the record of JSON lines begins */
    long records;           /* at the top of JSON lines */
    int in_array;           /* JSON lines are an array instead */
    int by_line;            /* a record has ended on the line that it began on: all do */
    int skipping;           /* to the end of a line that is none */
    int begun;
    apr_status_t rv;
};

/* ------------------------------------------------------------ the paths -- */

static node_t *make_node(apr_pool_t *p, const char *key, apr_size_t len)
{
    node_t *node = apr_pcalloc(p, sizeof(*node));
    char *end;
    node->len = len;
    node->key = len == 1 && *key == '*' ? NULL : apr_pstrmemdup(p, key, len);
    node->index = -1;
    if (node->key) {
        node->index = strtol(node->key, &end, 10);
        node->index = *end ? -2 : node->index;
    }
    node->slot = JSON_NO_SLOT;
    return node;
}

static node_t *child_of(apr_pool_t *p, node_t *parent, const char *key, apr_size_t len)
{
    node_t **at = &parent->children;
    for (; *at; at = &(*at)->next) {
        if ((*at)->key ? (*at)->len == len && !memcmp((*at)->key, key, len) : len == 1 && *key == '*') {
            return *at;
        }
    }
    return *at = make_node(p, key, len);
}

static node_t *make_tree(apr_pool_t *p, const json_rule_t *rules)
{
    node_t *root = make_node(p, "", 0);
    for (; rules->path; rules++) {
        const apr_uint64_t bit = rules->slot == JSON_NO_SLOT ? 0 : APR_UINT64_C(1) << rules->slot;
        const char *key = rules->path;
        node_t *node = root;
        node->below |= bit;
        while (*key) {
            apr_size_t len = strcspn(key, ".");
            node = child_of(p, node, key, len);
            node->below |= bit;
            key += len;
            key += *key == '.';
        }
        node->slot = rules->slot != JSON_NO_SLOT ? rules->slot : node->slot;
        node->record = rules->record ? rules->record : node->record;
    }
    return root;
}

/* ------------------------------------------------------------- the walk -- */

static const node_t *element(const node_t *node, long index)
{
    const node_t *child = node ? node->children : NULL;
    while (child && child->index != index && child->index != -1) {
        child = child->next;
    }
    return child;
}

/** Where the value that comes now is. */
static const node_t *here(json_walk_t *walk)
{
    level_t *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;
    if (!level) {
        return walk->format->lines ? element(walk->root, walk->records++) : walk->root;
    }
    return level->array ? element(level->node, level->index++) : level->child;
}

static void clear(json_walk_t *walk, apr_uint64_t slots)
{
    int i;
    for (i = 0; slots; i++, slots >>= 1) {
        if (slots & 1) {
            walk->slots[i].kind = NOTHING;
        }
    }
}

static int stop(json_walk_t *walk, apr_status_t rv)
{
    walk->rv = rv;
    return rv == APR_SUCCESS;
}

static void keep(json_walk_t *walk, const node_t *node, kind_e kind, const char *text, apr_size_t len)
{
    slot_t *slot;
    if (!node || node->slot == JSON_NO_SLOT) {
        return;
    }
    slot = &walk->slots[node->slot];
    slot->kind = kind;
    if (kind == OTHER) {
        return;
    }
    if (!slot->text) {
        slot->text = apr_palloc(walk->reader->pool, SLOT_MAX + 1);
    }
    if (kind == STRING && !import_is_text(text, len)) {
        walk->strange = 1;
        len = 0;
    }
    if (len > SLOT_MAX) {
        for (len = SLOT_MAX; ((unsigned char)text[len] & 0xC0) == 0x80; len--) {
        }
    }
    memcpy(slot->text, text, len);
    slot->text[len] = '\0';
}

/** A value that is no object: where a record was to be, it is none. */
static int plain(json_walk_t *walk, kind_e kind, const char *text, apr_size_t len)
{
    const node_t *node = here(walk);
    walk->since = 0;
    if (node && node->record && !walk->format->survey) {
        if (!walk->depth && !walk->format->lines) {
            return stop(walk, import_refuse(walk->reader, "The file is no JSON object."));
        }
        json_bad(walk, "It is no object.");
    }
    if (kind == NOTHING) {
        if (node && node->slot != JSON_NO_SLOT) {
            walk->slots[node->slot].kind = NOTHING;
        }
        return 1;
    }
    keep(walk, node, kind, text, len);
    return 1;
}

static int on_null(void *walk)
{
    return plain(walk, NOTHING, NULL, 0);
}

static int on_bool(void *walk, int value)
{
    (void)value;
    return plain(walk, OTHER, NULL, 0);
}

static int on_number(void *walk, const char *text, size_t len)
{
    return plain(walk, NUMBER, text, len);
}

static int on_string(void *walk, const unsigned char *text, size_t len)
{
    return plain(walk, STRING, (const char *)text, len);
}

static int enter(json_walk_t *walk, int array)
{
    const node_t *node;
    walk->since = 0;
    if (array && !walk->depth && walk->format->lines && !walk->in_array && !walk->records) {
        /* The array of all records: its elements are at the top. */
        walk->in_array = 1;
        return 1;
    }
    if (walk->depth == DEPTH_MAX) {
        return stop(walk, import_refuse(walk->reader, "Line %ld: nested more than %d deep.", walk->line, DEPTH_MAX));
    }
    if (!walk->depth) {
        walk->record_line = walk->line;
    }
    node = here(walk);
    if (array && node && node->record) {
        if (!walk->depth && !walk->format->lines) {
            return stop(walk, import_refuse(walk->reader, "The file is no JSON object."));
        }
        if (!walk->format->survey) {
            json_bad(walk, "It is no object.");
        }
        node = NULL;
    }
    if (node && node->record) {
        clear(walk, node->below);
        walk->strange = 0;
    }
    keep(walk, node, OTHER, NULL, 0);
    walk->levels[walk->depth].node = node;
    walk->levels[walk->depth].child = NULL;
    walk->levels[walk->depth].index = 0;
    walk->levels[walk->depth++].array = array;
    return 1;
}

static int on_map(void *walk)
{
    return enter(walk, 0);
}

static int on_array(void *walk)
{
    return enter(walk, 1);
}

static int on_key(void *baton, const unsigned char *text, size_t len)
{
    json_walk_t *walk = baton;
    level_t *level = &walk->levels[walk->depth - 1];
    const node_t *child = level->node ? level->node->children : NULL;

    walk->since = 0;
    while (child && child->key && (child->len != len || memcmp(child->key, text, len))) {
        child = child->next;
    }
    if (child && !child->key) {
        len = len < KEY_MAX ? len : KEY_MAX;
        memcpy(walk->key, text, len);
        walk->key[len] = '\0';
    }
    level->child = child;
    return 1;
}

static int leave(json_walk_t *walk)
{
    const level_t *level;
    walk->since = 0;
    if (!walk->depth) {
        walk->in_array = 0;
        return 1;
    }
    level = &walk->levels[walk->depth - 1];
    if (!level->array && level->node && level->node->record
        && !stop(walk, walk->format->record(walk, level->node->record, walk->state))) {
        return 0;
    }
    if (!--walk->depth && walk->record_line == walk->line && !walk->in_array) {
        walk->by_line = 1;
    }
    return 1;
}

static int on_end(void *walk)
{
    return leave(walk);
}

/* --------------------------------------------------------- what is told -- */

import_reader_t *json_reader(const json_walk_t *walk)
{
    return walk->reader;
}

const char *json_text(const json_walk_t *walk, int slot)
{
    const slot_t *s = &walk->slots[slot];
    return s->kind == STRING || s->kind == NUMBER ? s->text : "";
}

const char *json_either(const json_walk_t *walk, int slot, int other)
{
    const char *text = json_text(walk, slot);
    return *text ? text : json_text(walk, other);
}

int json_is_there(const json_walk_t *walk, int slot)
{
    return walk->slots[slot].kind != NOTHING;
}

apr_int64_t json_number(const json_walk_t *walk, int slot, apr_int64_t otherwise)
{
    const char *text = json_text(walk, slot);
    apr_int64_t number;
    char *end;
    if (walk->slots[slot].kind != NUMBER || strlen(text) > 18) {
        return otherwise;
    }
    number = apr_strtoi64(text, &end, 10);
    return *end ? otherwise : number;
}

long json_index(const json_walk_t *walk, int n)
{
    int i;
    if (walk->format->lines && n-- == 0) {
        return walk->records - 1;
    }
    for (i = 0; i < walk->depth; i++) {
        if (walk->levels[i].array && n-- == 0) {
            return walk->levels[i].index - 1;
        }
    }
    return -1;
}

const char *json_key(const json_walk_t *walk)
{
    return walk->key;
}

int json_is_strange(const json_walk_t *walk)
{
    return walk->strange;
}

/** As "runs[0].results[3]", or "record 4" and the line of JSON lines. */
static const char *where(const json_walk_t *walk, char *text, apr_size_t size)
{
    apr_size_t used = 0;
    int i, depth = walk->depth;

    if (walk->format->lines && walk->in_array) {
        apr_snprintf(text, size, "record %ld", walk->records);
        return text;
    }
    if (walk->format->lines) {
        apr_snprintf(text, size, "line %ld", walk->depth ? walk->record_line : walk->line);
        return text;
    }
    *text = '\0';
    /* Not which of its members came last. */
    depth -= depth && !walk->levels[depth - 1].array;
    for (i = 0; i < depth && used + 1 < size; i++) {
        const level_t *level = &walk->levels[i];
        if (level->array) {
            apr_snprintf(text + used, size - used, "[%ld]", level->index - 1);
        }
        else if (level->child && level->child->key) {
            apr_snprintf(text + used, size - used, "%s%s", used ? "." : "", level->child->key);
        }
        used += strlen(text + used);
    }
    return text;
}

void json_bad(const json_walk_t *walk, const char *what)
{
    char text[160];
    walk->reader->bad(walk->reader->baton, where(walk, text, sizeof(text)), what);
}

/* ----------------------------------------------------------------- bytes -- */

static apr_status_t new_parser(json_walk_t *walk)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_end,
    };
    if (walk->parser) {
        yajl_free(walk->parser);
    }
    if (!(walk->parser = yajl_alloc(&callbacks, NULL, walk))) {
        return APR_ENOMEM;
    }
    yajl_config(walk->parser, yajl_dont_validate_strings, 1);
    yajl_config(walk->parser, yajl_allow_multiple_values, walk->format->lines);
    return APR_SUCCESS;
}

/** What yajl says, without a line end. */
static const char *complaint(json_walk_t *walk)
{
    unsigned char *said = yajl_get_error(walk->parser, 0, NULL, 0);
    char *text = apr_pstrdup(walk->reader->pool, said ? (const char *)said : "");
    apr_size_t len = strlen(text);
    yajl_free_error(walk->parser, said);
    while (len && (text[len - 1] == '\n' || text[len - 1] == '.' || text[len - 1] == ' ')) {
        text[--len] = '\0';
    }
    return text;
}

/** A line of JSON lines that is none. */
static apr_status_t give_line_up(json_walk_t *walk, const char *what)
{
    if (walk->depth) {
        walk->depth = 0;
    }
    else {
        walk->records++;
    }
    walk->record_line = walk->line;
    if (!walk->format->survey) {
        json_bad(walk, what);
    }
    return new_parser(walk);
}

/** Gives yajl bytes that end no line, or one. */
static apr_status_t parse(json_walk_t *walk, const char *data, apr_size_t len)
{
    yajl_status status = yajl_parse(walk->parser, (const unsigned char *)data, len);

    if (status == yajl_status_client_canceled) {
        return walk->rv;
    }
    if (status == yajl_status_ok) {
        walk->since += len;
        return walk->since <= VALUE_MAX
                   ? APR_SUCCESS
                   : import_refuse(walk->reader, "Line %ld: a value that does not end within %d bytes.", walk->line,
                                   VALUE_MAX);
    }
    if (walk->format->lines && !walk->in_array && walk->begun > 1) {
        walk->skipping = data[len - 1] != '\n';
        return give_line_up(walk, "It is no JSON.");
    }
    return import_refuse(walk->reader, "The file is no JSON, or damaged: line %ld: %s.", walk->line, complaint(walk));
}

static apr_status_t take(json_walk_t *walk, const char *data, apr_size_t len)
{
    const char *end = data + len, *next, *line_end;
    apr_status_t rv;

    for (; data < end; data = next) {
        line_end = memchr(data, '\n', (apr_size_t)(end - data) < SLICE ? (apr_size_t)(end - data) : SLICE);
        next = line_end ? line_end + 1 : end - data > SLICE ? data + SLICE : end;
        if (walk->skipping) {
            walk->skipping = !line_end;
        }
        else if ((rv = parse(walk, data, (apr_size_t)(next - data))) != APR_SUCCESS) {
            return rv;
        }
        else if (line_end && walk->depth && walk->by_line && !walk->in_array
                 && (rv = give_line_up(walk, "It is not all there.")) != APR_SUCCESS) {
            return rv;
        }
        walk->line += line_end != NULL;
    }
    return APR_SUCCESS;
}

/** JSON lines that begin with an object may have bad lines; what begins otherwise is no such file at all. */
static void look(json_walk_t *walk, const char *data, apr_size_t len)
{
    for (; len && strchr(" \t\r\n", *data) && *data; data++, len--) {
    }
    if (len) {
        walk->begun = *data == '{' ? 2 : 1;
    }
}

static apr_status_t take_all(json_walk_t *walk)
{
    import_text_t text = { .begun = 0 };
    const char *data;
    apr_size_t len;
    apr_status_t rv;

    while ((rv = import_next_text(walk->reader, &text, &data, &len)) == APR_SUCCESS) {
        if (!walk->begun) {
            look(walk, data, len);
        }
        if ((rv = take(walk, data, len)) != APR_SUCCESS) {
            return rv;
        }
    }
    if (rv != APR_EOF) {
        return rv;
    }
    switch (walk->skipping ? yajl_status_ok : yajl_complete_parse(walk->parser)) {
    case yajl_status_ok:
        break;
    case yajl_status_client_canceled:
        return walk->rv;
    default:
        return import_refuse(walk->reader, "The file is not all there: it ends in line %ld, within a value.",
                             walk->line);
    }
    return walk->depth || walk->in_array || !walk->begun || (walk->format->lines && !walk->records && walk->begun > 1)
               ? import_refuse(walk->reader, "The file is not all there: it ends in line %ld, within a value.",
                               walk->line)
               : APR_SUCCESS;
}

static apr_status_t drop_parser(void *baton)
{
    json_walk_t *walk = baton;
    if (walk->parser) {
        yajl_free(walk->parser);
        walk->parser = NULL;
    }
    return APR_SUCCESS;
}

apr_status_t import_walk_json(import_reader_t *reader, const json_format_t *format, void *state)
{
    json_walk_t *walk = apr_pcalloc(reader->pool, sizeof(*walk));
    apr_status_t rv;

    walk->reader = reader;
    walk->format = format;
    walk->state = state;
    walk->line = 1;
    walk->root = make_tree(reader->pool, format->rules);
    apr_pool_cleanup_register(reader->pool, walk, drop_parser, apr_pool_cleanup_null);
    if ((rv = new_parser(walk)) == APR_SUCCESS) {
        rv = take_all(walk);
    }
    apr_pool_cleanup_run(reader->pool, walk, drop_parser);
    return rv;
}
