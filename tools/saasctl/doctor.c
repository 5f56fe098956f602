/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl doctor: everything that a deployment depends on is looked at once, and what is wrong is told first, with the
 * way out.  Three look: httpd, which reads its configuration (its warnings are findings as they are), then connects as its
 * children will and asks what the plugins depend on (module/doctor.c of the host); and the owner of the database
 * (doctor_database.c).  Nothing is changed, and no server needs to run.
 */
#include "doctor.h"
#include "commands.h"
#include "httpd.h"

#include <apr_strings.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    [CTL_FOUND_WELL] = "well", [CTL_FOUND_DOUBTFUL] = "doubtful", [CTL_FOUND_WRONG] = "wrong"
};
#define N_STATES ((int)(sizeof(states) / sizeof(states[0])))

void ctl_doctor_found(ctl_doctor_t *doctor, ctl_found_e state, const char *check, const char *fact, const char *way_out)
{
    const ctl_finding_t finding = { state, check, fact, way_out };
    APR_ARRAY_PUSH(doctor->findings, ctl_finding_t) = finding;
}

/* ----------------------------------------------------------------- httpd's part -- */

/* "SAAS1304: <Location …", of a line of the log; NULL: it is none of ours. */
static const char *our_message(const char *line)
{
    const char *at;
    for (at = strstr(line, "SAAS"); at; at = strstr(at + 1, "SAAS")) {
        if (isdigit((unsigned char)at[4]) && isdigit((unsigned char)at[5]) && isdigit((unsigned char)at[6])
            && isdigit((unsigned char)at[7]) && at[8] == ':') {
            return at;
        }
    }
    return NULL;
}

static void take_complaints(ctl_doctor_t *doctor, const ctl_httpd_t *said)
{
    int i;
    for (i = 0; i < said->complaints->nelts; i++) {
        const char *message = our_message(APR_ARRAY_IDX(said->complaints, i, const char *));
        if (message) {
            ctl_doctor_found(doctor, CTL_FOUND_DOUBTFUL, "configuration", message,
                             "as the message says; docs/troubleshooting.md has more of it");
        }
    }
}

static ctl_found_e state_of(const char *word)
{
    int i;
    for (i = 0; i < N_STATES && (!word || strcmp(word, states[i])); i++) {
    }
    return i < N_STATES ? (ctl_found_e)i : CTL_FOUND_WRONG;
}

static void take_findings(ctl_doctor_t *doctor, const json_t *json)
{
    const json_t *finding;
    size_t i;
    doctor->connections = (int)json_integer_value(json_object_get(json, "connections"));
    json_array_foreach(json_object_get(json, "findings"), i, finding) {
        const char *way_out = json_string_value(json_object_get(finding, "way_out"));
        ctl_doctor_found(doctor, state_of(json_string_value(json_object_get(finding, "state"))),
                         json_string_value(json_object_get(finding, "check")),
                         json_string_value(json_object_get(finding, "fact")), way_out);
    }
}

/* said->json is kept until the findings have been printed. */
static int ask_httpd(ctl_doctor_t *doctor, ctl_httpd_t *said)
{
    static const char *const words[] = { "DUMP_SAAS_DOCTOR", NULL };
    const char *why = "it said nothing";
    int i, code = ctl_httpd_ask(doctor->ctl, words, said);
    if (code != CTL_OK) {
        return code;
    }
    if (said->json) {
        take_complaints(doctor, said);
        take_findings(doctor, said->json);
        return CTL_OK;
    }
    /* Its last word is that it has failed, ours is why. */
    for (i = said->complaints->nelts - 1; i >= 0; i--) {
        const char *line = APR_ARRAY_IDX(said->complaints, i, const char *), *message = our_message(line);
        why = message ? message : i == said->complaints->nelts - 1 ? line : why;
        if (message) {
            break;
        }
    }
    ctl_doctor_found(doctor, CTL_FOUND_WRONG, "configuration",
                     apr_pstrcat(doctor->ctl->p, "httpd does not start with it: ", why, NULL),
                     "mend it until httpd -t says Syntax OK; the right --config, and mod_saas.so of this version loaded?");
    return CTL_OK;
}

/* ----------------------------------------------------------------- the command -- */

static void print(ctl_doctor_t *doctor)
{
    static const char *const names[] = { "state", "check", "fact", "way_out" };
    const char **cells = apr_pcalloc(doctor->ctl->p, sizeof(*cells) * 4 * ((apr_size_t)doctor->findings->nelts + 1));
    saas_driver_rows_t rows = { 0, 4, 0, cells };
    int state, i;
    for (state = N_STATES - 1; state >= 0; state--) {
        for (i = 0; i < doctor->findings->nelts; i++) {
            const ctl_finding_t *finding = &APR_ARRAY_IDX(doctor->findings, i, ctl_finding_t);
            if ((int)finding->state == state) {
                *cells++ = states[state];
                *cells++ = finding->check;
                *cells++ = finding->fact;
                *cells++ = finding->way_out;
                rows.count++;
            }
        }
    }
    ctl_print_rows(doctor->ctl, &rows, names, "ssss");
}

int ctl_doctor(ctl_t *ctl)
{
    ctl_doctor_t doctor = { ctl, apr_array_make(ctl->p, 32, sizeof(ctl_finding_t)), 0 };
    int i, code = CTL_OK, least = ctl_option(ctl, "strict") ? CTL_FOUND_DOUBTFUL : CTL_FOUND_WRONG;
    ctl_httpd_t said = { NULL, NULL };
    if (!ctl_option(ctl, "database-only") && (code = ask_httpd(&doctor, &said)) != CTL_OK) {
        return code;
    }
    ctl_doctor_database(&doctor);
    print(&doctor);
    json_decref(said.json);
    for (i = 0; i < doctor.findings->nelts; i++) {
        if ((int)APR_ARRAY_IDX(doctor.findings, i, ctl_finding_t).state >= least) {
            code = CTL_REFUSED;
        }
    }
    return code;
}
