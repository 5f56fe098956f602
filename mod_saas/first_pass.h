/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file first_pass.h
 * Granting the first time that httpd asks.
 */
#ifndef SAAS_FIRST_PASS_H
#define SAAS_FIRST_PASS_H

#include "gates.h"

/** At the start: is it safe with these modules and this configuration? */
void saas_first_pass_post_config(server_rec *s);

/** A Require line of a gate is asked before there is a user: may, and does, it grant? */
int saas_first_pass_grants(request_rec *r, const saas_gate_use_t *use);

/** force_authn, of a request that has a state: OK has httpd authenticate and ask again. */
int saas_first_pass_ends(request_rec *r);

#endif
