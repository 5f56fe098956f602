/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The classic mistake: two Require lines without a container mean "any of
 * them" in httpd, so a premium area written that way is open to every member.
 * This walks the configuration once and warns of sections that have a saas gate
 * beside another Require line in that implicit RequireAny.
 */
#include "request.h"

/* Require lines that stand directly in a section; how many, and is one ours? */
static int count_requires(const ap_directive_t *first, int *ours)
{
    int n = 0;
    for (; first; first = first->next) {
        if (!strcasecmp(first->directive, "Require")) {
            n++;
            *ours |= ap_strcasestr(first->args, "saas-") != NULL;
        }
    }
    return n;
}

static void walk(server_rec *s, const ap_directive_t *node)
{
    for (; node; node = node->next) {
        int ours = 0, n;
        if (!node->first_child || !strncasecmp(node->directive, "<Require", 8)) {
            continue;
        }
        n = count_requires(node->first_child, &ours);
        if (n > 1 && ours) {
            SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1304",
                     "%s %s (%s:%d) has %d Require lines without a container: any one of them grants access; write "
                     "<RequireAll>, or <RequireAny> if that is meant", node->directive, node->args, node->filename,
                     node->line_num, n);
        }
        walk(s, node->first_child);
    }
}

void saas_sections_check(server_rec *s)
{
    walk(s, ap_conftree);
}
