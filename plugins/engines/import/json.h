/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file json.h
 * Records of a JSON document of any size, by the paths of their values.
 *
 * A format is a table of paths.  A path is the keys and element numbers from the document's top, joined by dots; "*" is
 * any key, or any element.  Where a value of a path has a slot, its text is kept there; where an object of a path is a
 * record, it clears the slots below it when it begins, and the format is told when it ends.
 */
#ifndef IMPORT_JSON_H
#define IMPORT_JSON_H

#include "reader.h"

#define JSON_SLOTS_MAX 64
#define JSON_NO_SLOT (-1)
#define JSON_NO_RECORD 0

typedef struct json_rule_t {
    const char *path; /**< NULL: the end of the table */
    int slot;
    int record; /**< the format's own number, from 1 */
} json_rule_t;

typedef struct json_walk_t json_walk_t;

typedef struct json_format_t {
    const json_rule_t *rules;
    /** The document is an array of records, or one record after another ("JSON lines"): paths begin with "*". */
    int lines;
    /** Only looks: nobody is told of elements that are no records. */
    int survey;
    /** A record has ended; anything but APR_SUCCESS ends the walk. */
    apr_status_t (*record)(json_walk_t *walk, int record, void *state);
} json_format_t;

/** Walks through a document, once.  APR_EINVAL: reader->error says why not to its end. */
apr_status_t import_walk_json(import_reader_t *reader, const json_format_t *format, void *state);

/* In record(): */

import_reader_t *json_reader(const json_walk_t *walk);
/** A string's or a number's text; "" when there is none, or something else. */
const char *json_text(const json_walk_t *walk, int slot);
/** The first of two that is not empty. */
const char *json_either(const json_walk_t *walk, int slot, int other);
/** True for any value but null. */
int json_is_there(const json_walk_t *walk, int slot);
/** A whole number; otherwise when it is none. */
apr_int64_t json_number(const json_walk_t *walk, int slot, apr_int64_t otherwise);
/** The number of the n-th "*" of the path, from 0, which is an element. */
long json_index(const json_walk_t *walk, int n);
/** The last key that "*" stood for. */
const char *json_key(const json_walk_t *walk);
/** True when a string that was kept in a slot is no text (import_is_text()). */
int json_is_strange(const json_walk_t *walk);
/** Tells that the record is none. */
void json_bad(const json_walk_t *walk, const char *what);

#endif
