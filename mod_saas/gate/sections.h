/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file sections.h
 * What can be seen of sections in the tree of directives.
 */
#ifndef SAAS_GATE_SECTIONS_H
#define SAAS_GATE_SECTIONS_H

#include "gate.h"

/** Does a section let nobody in who is not known?  line: its Require line of a gate, not negated.  False where that
 *  cannot be seen, as in .htaccess. */
int saas_sections_need_user(const ap_directive_t *line);

/** Is there, anywhere outside .htaccess files, a line with that directive and word? */
int saas_sections_have(const char *directive, const char *word);

/** Does a directive open a section that has Require lines of its own? */
int saas_sections_is(const char *directive);

/** How a section is written, with its file and line: <Location "/reports"> (sites/app.conf:12). */
const char *saas_sections_name(apr_pool_t *p, const ap_directive_t *section);

/** Is a gate asked in a section, at any depth?  node: the first of what stands in it. */
int saas_sections_have_gate(const ap_directive_t *node);

/** Warns of sections with a gate that mod_cache's quick handler answers before it. */
void saas_quick_check(apr_pool_t *p, server_rec *s);

#endif
