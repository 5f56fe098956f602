/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file schedule.h
 * When a message is tried again, and how long an endpoint that fails is left alone. Pure.
 */
#ifndef SAAS_NOTIFY_SCHEDULE_H
#define SAAS_NOTIFY_SCHEDULE_H

/** A Retry-After is taken up to this. */
#define SAAS_NOTIFY_RETRY_AFTER_MAX (6 * 3600)

/**
 * Seconds until the next try of a message.
 * @param tries       made so far, from 1
 * @param retry_after what the endpoint has asked for, in seconds; 0: nothing
 * @param dice        0 to 1: where in the fifth more or less the time lies
 */
int saas_notify_backoff(int tries, int retry_after, double dice) __attribute__((visibility("hidden")));

/**
 * Seconds for which nothing at all is sent to an endpoint.
 * @param streak      failures since its last success, this one included
 */
int saas_notify_quiet(int streak, int retry_after, double dice) __attribute__((visibility("hidden")));

#endif
