/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file doctor.h
 * What saasctl doctor finds, and who looks.
 */
#ifndef SAASCTL_DOCTOR_H
#define SAASCTL_DOCTOR_H

#include "saasctl.h"

/** How something stands; the words of mod_saas.h. */
typedef enum { CTL_FOUND_WELL, CTL_FOUND_DOUBTFUL, CTL_FOUND_WRONG } ctl_found_e;

typedef struct ctl_finding_t {
    ctl_found_e state;
    const char *check, *fact;
    const char *way_out; /**< NULL where all is well */
} ctl_finding_t;

typedef struct ctl_doctor_t {
    ctl_t *ctl;
    apr_array_header_t *findings; /**< of ctl_finding_t */
    int connections;              /**< that a node of this configuration may have; 0: not known */
} ctl_doctor_t;

void ctl_doctor_found(ctl_doctor_t *doctor, ctl_found_e state, const char *check, const char *fact, const char *way_out);

/** The database, as its owner sees it. */
void ctl_doctor_database(ctl_doctor_t *doctor);

#endif
