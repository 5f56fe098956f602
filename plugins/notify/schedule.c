/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See schedule.h. */
#include "schedule.h"

#define N(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* After the first try, the second, ...: about twenty in three days. */
static const int delays[] = { 5, 30, 120, 600, 1800, 3600, 7200, 14400 };
/* After the third failure in a row, the fourth, ...: one that fails at some messages is not left alone, one that is down
 * is asked every quarter of an hour whether it is back, however many messages wait for it. */
static const int pauses[] = { 5, 15, 60, 300, 900 };
#define PATIENCE 2

static int spread(int seconds, double dice)
{
    return (int)(seconds * (0.8 + 0.4 * dice) + 0.5);
}

static int at_least(int seconds, int asked)
{
    asked = asked > SAAS_NOTIFY_RETRY_AFTER_MAX ? SAAS_NOTIFY_RETRY_AFTER_MAX : asked;
    return seconds > asked ? seconds : asked;
}

int saas_notify_backoff(int tries, int retry_after, double dice)
{
    int i = tries < 1 ? 0 : tries > N(delays) ? N(delays) - 1 : tries - 1;
    return at_least(spread(delays[i], dice), retry_after);
}

int saas_notify_quiet(int streak, int retry_after, double dice)
{
    int i = streak - PATIENCE - 1;
    return at_least(i < 0 ? 0 : spread(pauses[i < N(pauses) ? i : N(pauses) - 1], dice), retry_after);
}
