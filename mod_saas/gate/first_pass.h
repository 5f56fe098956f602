/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file first_pass.h
 * Granting the first time that httpd asks.
 */
#ifndef SAAS_GATE_FIRST_PASS_H
#define SAAS_GATE_FIRST_PASS_H

#include "gate.h"

/** A Require line of a gate is asked before there is a user: may, and does, it grant? */
int saas_first_pass_grants(request_rec *r, const saas_gate_use_t *use);

#endif
