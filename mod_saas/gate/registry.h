/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file registry.h
 * The gates that the host itself offers (gates.c).
 */
#ifndef SAAS_GATE_REGISTRY_H
#define SAAS_GATE_REGISTRY_H

#include "gate.h"

/** Ends with a zero element. */
extern const saas_gate_t saas_host_gates[];

#endif
