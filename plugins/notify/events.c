/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See events.h: the table, and what may be asked for. */
#include "events.h"

#include <string.h>

const saas_notify_event_t saas_notify_events[] = {
    { "subscription.changed", "The organization's subscription has another status." },
    { "member.added", "An operator has added a member; who joins by an invite is told of by invite.accepted." },
    { "member.role_changed", "A member has another role." },
    { "member.removed", "A member was removed." },
    { "member.left", "A member has left, or has deleted their account." },
    { "invite.created", "Somebody was invited." },
    { "invite.resent", "An invite was sent again." },
    { "invite.accepted", "Somebody has accepted an invite and is a member." },
    { "invite.revoked", "An invite was revoked." },
    { "audit.completed", "An audit has ended." },
    { "audit.failed", "An audit has ended without a result." },
    { "export.finished", "An export has been made and handed over whole." },
    { NULL, NULL }
};

int saas_notify_event_known(const char *pattern)
{
    const char *dot = strchr(pattern, '.');
    size_t group = dot ? (size_t)(dot - pattern) + 1 : 0;
    int i;

    if (!strcmp(pattern, "*")) {
        return 1;
    }
    for (i = 0; saas_notify_events[i].type; i++) {
        if (!strcmp(pattern, saas_notify_events[i].type)
            || (group && !strcmp(dot, ".*") && !strncmp(pattern, saas_notify_events[i].type, group))) {
            return 1;
        }
    }
    return 0;
}
