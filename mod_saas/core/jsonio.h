#ifndef SAAS_CORE_JSONIO_H
#define SAAS_CORE_JSONIO_H

/*
 * JSON in and out: the strict reading of request bodies, compact writing, and the reading of a body's fields with
 * errors in the words of Django REST Framework, collected so that a client sees all of them at once.
 */

#include <stddef.h>

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>

/** Nesting that a request body may have, and how many values it may hold: both bound memory before it is spent. */
#define SAAS_JSON_DEPTH 32
#define SAAS_JSON_VALUES 50000

/**
 * Reads one JSON object or array and nothing else. Refused: bytes that are not UTF-8, NUL (also as \u0000),
 * duplicate keys, numbers that do not fit, deeper nesting than depth, more than SAAS_JSON_VALUES values.
 * @param json belongs to the pool: do not decref it
 * @param why on refusal, text for the client ("JSON parse error - ..."), which never repeats the input; may be NULL
 * @return APR_EINVAL on refusal, APR_ENOMEM.
 */
apr_status_t saas_json_load(apr_pool_t *p, const char *data, size_t len, unsigned depth, json_t **json,
                            const char **why);

/** Gives one reference to the pool, which drops it at its end; returns json, which may be NULL. */
json_t *saas_json_own(apr_pool_t *p, json_t *json);

/** Compact JSON in the pool, NUL-terminated; any JSON value. NULL when json is NULL or cannot be written. */
const char *saas_json_dump(apr_pool_t *p, const json_t *json, size_t *len);

/** A body whose fields are being read. */
typedef struct {
    apr_pool_t *pool;
    const json_t *body;
    int partial;    /* PATCH: a field that is missing is no error */
    json_t *errors; /* {"field": ["message", ...]}, owned by the pool; empty when all is well */
} saas_fields_t;

typedef enum {
    SAAS_FIELD_ABSENT, /* not in the body; an error was noted if it was required */
    SAAS_FIELD_NULL,   /* null, and allowed to be */
    SAAS_FIELD_OK,     /* the value was stored */
    SAAS_FIELD_BAD     /* an error was noted */
} saas_field_e;

enum {
    SAAS_REQUIRED = 1, /* "This field is required." unless partial */
    SAAS_NULLABLE = 2, /* else null is "This field may not be null." */
    SAAS_BLANK = 4,    /* else "" is "This field may not be blank." */
    SAAS_VERBATIM = 8  /* keep white space at both ends, as in passwords */
};

/**
 * Starts reading a body. One that is no object gets the error {"non_field_errors": ["Invalid data. Expected a
 * dictionary, but got list."]} and has no fields.
 */
void saas_fields_init(saas_fields_t *fields, apr_pool_t *p, const json_t *body, int partial);

/** True while no error was noted. */
int saas_fields_ok(const saas_fields_t *fields);

/** Notes an error; name NULL is "non_field_errors". The message must be valid UTF-8. */
void saas_field_error(saas_fields_t *fields, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Each reads one field by the flags above. *value is set for SAAS_FIELD_OK only. */

/** A string of at most max code points (0: no limit), in the pool. Numbers are not strings. */
saas_field_e saas_field_string(saas_fields_t *fields, const char *name, unsigned flags, size_t max,
                               const char **value);

/** One of the strings of a NULL-terminated list; *value is the list's own pointer. */
saas_field_e saas_field_choice(saas_fields_t *fields, const char *name, unsigned flags, const char *const *choices,
                               const char **value);

saas_field_e saas_field_bool(saas_fields_t *fields, const char *name, unsigned flags, int *value);

/** A whole JSON number from min to max. */
saas_field_e saas_field_int(saas_fields_t *fields, const char *name, unsigned flags, json_int_t min, json_int_t max,
                            json_int_t *value);

/** A time as saas_time_parse reads it. */
saas_field_e saas_field_time(saas_fields_t *fields, const char *name, unsigned flags, apr_time_t *value);

/** A UUID, in lower case in the pool. */
saas_field_e saas_field_uuid(saas_fields_t *fields, const char *name, unsigned flags, const char **value);

/**
 * A list of 1 (with SAAS_BLANK: 0) to max_items strings, each trimmed, not blank, at most max_len code points.
 * @param values a NULL-terminated array in the pool
 * @param count its length without the NULL; may be NULL
 */
saas_field_e saas_field_strings(saas_fields_t *fields, const char *name, unsigned flags, size_t max_items,
                                size_t max_len, const char *const **values, size_t *count);

#endif
