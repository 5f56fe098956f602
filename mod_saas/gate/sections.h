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

/** Warns of sections with a gate that mod_cache's quick handler answers before it. */
void saas_quick_check(apr_pool_t *p, server_rec *s);

#endif
