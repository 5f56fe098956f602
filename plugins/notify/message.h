/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file message.h
 * What is sent, {"type", "timestamp", "data"}, and what is kept of an answer. Pure.
 */
#ifndef SAAS_NOTIFY_MESSAGE_H
#define SAAS_NOTIFY_MESSAGE_H

#include <apr_pools.h>
#include <jansson.h>

/** Bytes of an answer that are kept. */
#define SAAS_NOTIFY_EXCERPT 1024

/** An entry of the trail, as the database has it; strings may be NULL. */
typedef struct saas_notify_message_t {
    const char *type;
    const char *time;          /**< in the API's form */
    const char *endpoint_id, *org_id, *org_slug;
    const char *actor_type, *actor_id, *actor_email;
    const char *target_type, *target_id, *target_label;
    const char *old_value, *new_value;  /**< JSON */
} saas_notify_message_t;

/** The message as JSON, a new reference: the same for the same entry, however often it is sent. Without an actor it is about
 *  the endpoint itself: a test. */
json_t *saas_notify_body(const saas_notify_message_t *message) __attribute__((visibility("hidden")));

/** What of an answer's first bytes a database takes and a page shows, in p: UTF-8, without control characters but new lines
 *  and tabs. */
const char *saas_notify_excerpt(apr_pool_t *p, const char *bytes, apr_size_t len) __attribute__((visibility("hidden")));

#endif
