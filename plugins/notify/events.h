/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file events.h
 * What an endpoint can be told of: names as the trail of activity has them, "member.*" for all of a group, "*" for all.
 * Which entries of the trail become messages the database's trigger activity_notify says; this is the same list for people.
 * Pure.
 */
#ifndef SAAS_NOTIFY_EVENTS_H
#define SAAS_NOTIFY_EVENTS_H

typedef struct saas_notify_event_t {
    const char *type;
    const char *help;  /**< when it is sent, one sentence */
} saas_notify_event_t;

/** All of them; ends with a NULL type. */
extern const saas_notify_event_t saas_notify_events[] __attribute__((visibility("hidden")));

/** The type of a message that is sent on demand, to see whether an endpoint works; nobody subscribes to it. */
#define SAAS_NOTIFY_TEST "endpoint.test"

/** Is this something that an endpoint may ask for: a type, a group's "group.*" or "*"? */
int saas_notify_event_known(const char *pattern) __attribute__((visibility("hidden")));

#endif
