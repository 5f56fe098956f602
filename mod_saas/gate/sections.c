/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What can be seen of a section's Require lines in the tree of directives, and
 * nowhere else: what stands beside and around them.
 */
#include "sections.h"

#include <apr_strings.h>

/* ------------------------------------------------------------- warning -- */

/* The classic mistake: two Require lines without a container mean "any of
 * them" in httpd, so a premium area written that way is open to every member.
 * This walks the configuration once and warns of sections that have a saas gate
 * beside another Require line in that implicit RequireAny; and of what leaves
 * to caches what a gate lets in. */

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
        if (!strcasecmp(node->directive, "SaasCacheControl") && !strcasecmp(node->args, "Off")) {
            SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1310",
                     "SaasCacheControl Off (%s:%d): caches may give to anybody what a gate has let in for one",
                     node->filename, node->line_num);
        }
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

void saas_sections_check(apr_pool_t *p, server_rec *s)
{
    walk(s, ap_conftree);
    saas_quick_check(p, s);
}

static int has(const ap_directive_t *node, const char *directive, const char *word)
{
    for (; node; node = node->next) {
        if ((!strcasecmp(node->directive, directive) && ap_strcasestr(node->args, word))
            || has(node->first_child, directive, word)) {
            return 1;
        }
    }
    return 0;
}

int saas_sections_have(const char *directive, const char *word)
{
    return has(ap_conftree, directive, word);
}

/* A verdict without a gate would be a grant for everybody. */
static const char *find_verdict_without_gate(apr_pool_t *p, const ap_directive_t *node)
{
    const char *found = NULL;
    for (; node && !found; node = node->next) {
        const ap_directive_t *line;
        for (line = node->first_child; line && strcasecmp(line->directive, "SaasVerify"); line = line->next) {
        }
        found = line && !has(node->first_child, "Require", "saas-")
                    ? apr_psprintf(p, "%s %s (%s:%d) has SaasVerify, but no gate: it would let everybody pass; write Require "
                                   "saas-... into it", node->directive, node->args, node->filename, node->line_num)
                    : find_verdict_without_gate(p, node->first_child);
    }
    return found;
}

const char *saas_sections_refused(apr_pool_t *p)
{
    return find_verdict_without_gate(p, ap_conftree);
}

int saas_sections_have_gate(const ap_directive_t *node)
{
    for (; node; node = node->next) {
        if ((!strcasecmp(node->directive, "Require")
             && (!strncasecmp(node->args, "saas-", 5) || !strncasecmp(node->args, "not saas-", 9)))
            || saas_sections_have_gate(node->first_child)) {
            return 1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------- who comes in -- */

/* Do all Require lines, at any depth, ask a gate of ours without turning it round? */
static int only_gates(const ap_directive_t *node)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, "Require") ? strncasecmp(node->args, "saas-", 5)
            : !strcasecmp(node->directive, "<RequireNone") || !only_gates(node->first_child)) {
            return 0;
        }
    }
    return 1;
}

int saas_sections_require(const ap_directive_t *node)
{
    for (; node && strcasecmp(node->directive, "Require") && !saas_sections_require(node->first_child); node = node->next) {
    }
    return node != NULL;
}

/* Of what stands directly in a section, how many have to do with Require? */
static int count_conditions(const ap_directive_t *node)
{
    int n = 0;
    for (; node; node = node->next) {
        n += !strcasecmp(node->directive, "Require") || saas_sections_require(node->first_child);
    }
    return n;
}

int saas_sections_is(const char *directive)
{
    static const char *const sections[] = { "<Location", "<LocationMatch", "<Directory", "<DirectoryMatch", "<Files",
                                            "<FilesMatch", "<Proxy", "<ProxyMatch", "<If", "<ElseIf", "<Else", NULL };
    int i;
    for (i = 0; sections[i] && strcasecmp(directive, sections[i]); i++) {
    }
    return sections[i] != NULL;
}

const char *saas_sections_name(apr_pool_t *p, const ap_directive_t *section)
{
    apr_size_t len = strlen(section->args);
    len -= len && section->args[len - 1] == '>';
    return apr_psprintf(p, "%s %.*s> (%s:%d)", section->directive, (int)len, section->args, section->filename,
                        section->line_num);
}

int saas_sections_need_user(const ap_directive_t *line)
{
    const ap_directive_t *at;
    for (at = line->parent; at; at = at->parent) {
        if (saas_sections_is(at->directive)) {
            return count_conditions(at->first_child) == 1 || only_gates(at->first_child);
        }
        if (!strcasecmp(at->directive, "<RequireAny") ? !only_gates(at->first_child)
                                                      : strcasecmp(at->directive, "<RequireAll") != 0) {
            return 0;
        }
    }
    return 0;
}
