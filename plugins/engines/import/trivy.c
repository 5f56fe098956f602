/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Format trivy: the report of `trivy --format json`, schema version 2: vulnerable packages, misconfigurations and
 * secrets.  Members of an object have no order, so the report is walked through twice: first for its time, and for
 * targets that stand behind their findings.  What a secret's match is, is not taken over.
 */

#include "json.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>

#define LATE_MAX (4 * 1024 * 1024)

enum { VERSION, CREATED, TARGET, VULNERABILITY, PACKAGE, INSTALLED, FIXED, VULNERABILITY_SEVERITY, VULNERABILITY_TITLE,
       MISCONFIGURATION, MISCONFIGURATION_STATUS, MISCONFIGURATION_SEVERITY, MISCONFIGURATION_TITLE,
       MISCONFIGURATION_MESSAGE, RULE, SECRET_SEVERITY, SECRET_TITLE, LINE };
enum { REPORT = 1, RESULT, PACKAGES, SETTINGS, SECRETS, LICENSES };

#define RESULTS "Results.*"
static const json_rule_t rules[] = {
    { "", JSON_NO_SLOT, REPORT },
    { "SchemaVersion", VERSION, JSON_NO_RECORD },
    { "CreatedAt", CREATED, JSON_NO_RECORD },
    { RESULTS, JSON_NO_SLOT, RESULT },
    { RESULTS ".Target", TARGET, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*", JSON_NO_SLOT, PACKAGES },
    { RESULTS ".Vulnerabilities.*.VulnerabilityID", VULNERABILITY, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*.PkgName", PACKAGE, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*.InstalledVersion", INSTALLED, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*.FixedVersion", FIXED, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*.Severity", VULNERABILITY_SEVERITY, JSON_NO_RECORD },
    { RESULTS ".Vulnerabilities.*.Title", VULNERABILITY_TITLE, JSON_NO_RECORD },
    { RESULTS ".Misconfigurations.*", JSON_NO_SLOT, SETTINGS },
    { RESULTS ".Misconfigurations.*.ID", MISCONFIGURATION, JSON_NO_RECORD },
    { RESULTS ".Misconfigurations.*.Status", MISCONFIGURATION_STATUS, JSON_NO_RECORD },
    { RESULTS ".Misconfigurations.*.Severity", MISCONFIGURATION_SEVERITY, JSON_NO_RECORD },
    { RESULTS ".Misconfigurations.*.Title", MISCONFIGURATION_TITLE, JSON_NO_RECORD },
    { RESULTS ".Misconfigurations.*.Message", MISCONFIGURATION_MESSAGE, JSON_NO_RECORD },
    { RESULTS ".Secrets.*", JSON_NO_SLOT, SECRETS },
    { RESULTS ".Secrets.*.RuleID", RULE, JSON_NO_RECORD },
    { RESULTS ".Secrets.*.Severity", SECRET_SEVERITY, JSON_NO_RECORD },
    { RESULTS ".Secrets.*.Title", SECRET_TITLE, JSON_NO_RECORD },
    { RESULTS ".Secrets.*.StartLine", LINE, JSON_NO_RECORD },
    { RESULTS ".Licenses.*", JSON_NO_SLOT, LICENSES },
    { NULL, JSON_NO_SLOT, JSON_NO_RECORD }
};

typedef struct trivy_t {
    apr_time_t created;            /* 0: it does not say */
    apr_hash_t *late;              /* number of a result -> its target, where that stands behind findings */
    apr_size_t kept;               /* bytes of them */
    int early;                     /* there were findings before the target */
    apr_pool_t *scratch;           /* of one finding */
} trivy_t;

/* ---------------------------------------------------------------- survey -- */

static apr_status_t keep_late(trivy_t *trivy, json_walk_t *walk)
{
    import_reader_t *reader = json_reader(walk);
    long *number = apr_palloc(reader->pool, sizeof(*number));
    const char *target = json_text(walk, TARGET);

    if ((trivy->kept += strlen(target) + 64) > LATE_MAX) {
        return import_refuse(reader, "Too many results name their Target behind their findings: put it before them.");
    }
    *number = json_index(walk, 0);
    apr_hash_set(trivy->late, number, sizeof(*number), apr_pstrdup(reader->pool, target));
    return APR_SUCCESS;
}

static apr_status_t survey(json_walk_t *walk, int record, void *state)
{
    import_reader_t *reader = json_reader(walk);
    trivy_t *trivy = state;
    apr_status_t rv = APR_SUCCESS;

    switch (record) {
    case REPORT:
        if (json_number(walk, VERSION, 0) != 2) {
            return import_refuse(reader, "The file is no report of Trivy with SchemaVersion 2.");
        }
        if (*json_text(walk, CREATED) && !import_time_word(reader, json_text(walk, CREATED), &trivy->created)) {
            return import_refuse(reader, "The report's CreatedAt is no time.");
        }
        break;
    case RESULT:
        rv = trivy->early ? keep_late(trivy, walk) : APR_SUCCESS;
        trivy->early = 0;
        break;
    default:
        trivy->early |= !*json_text(walk, TARGET);
    }
    return rv;
}

/* -------------------------------------------------------------- findings -- */

static const char *target_of(const trivy_t *trivy, const json_walk_t *walk)
{
    const char *target = json_text(walk, TARGET);
    const long number = json_index(walk, 0);
    if (!*target && apr_hash_count(trivy->late)) {
        target = apr_hash_get(trivy->late, &number, sizeof(number));
    }
    return target ? target : "";
}

/** NULL, or what is wrong. */
static const char *read_package(trivy_t *trivy, const json_walk_t *walk, import_finding_t *finding)
{
    const char *fixed = json_text(walk, FIXED), *title = json_text(walk, VULNERABILITY_TITLE);

    finding->check = json_text(walk, VULNERABILITY);
    finding->status = IMPORT_FAIL;
    if (!*json_text(walk, PACKAGE)) {
        return "It has no PkgName.";
    }
    finding->resource = apr_pstrcat(trivy->scratch, target_of(trivy, walk), "#", json_text(walk, PACKAGE), "@",
                                    json_text(walk, INSTALLED), NULL);
    finding->comment = apr_pstrcat(trivy->scratch, title, *title ? "; " : "",
                                   *fixed ? "fixed in " : "no fixed version is known", fixed, NULL);
    return *finding->check ? import_severity_word(json_text(walk, VULNERABILITY_SEVERITY), &finding->severity)
                                 ? NULL : "Its Severity is none of Trivy's."
                           : "It has no VulnerabilityID.";
}

static const char *read_setting(trivy_t *trivy, const json_walk_t *walk, import_finding_t *finding)
{
    const char *title = json_text(walk, MISCONFIGURATION_TITLE), *message = json_text(walk, MISCONFIGURATION_MESSAGE);

    finding->check = json_text(walk, MISCONFIGURATION);
    finding->comment = apr_pstrcat(trivy->scratch, title, *title && *message ? ": " : "", message, NULL);
    if (!import_status_word(json_text(walk, MISCONFIGURATION_STATUS), &finding->status)) {
        return "Its Status is neither PASS nor FAIL.";
    }
    return *finding->check ? import_severity_word(json_text(walk, MISCONFIGURATION_SEVERITY), &finding->severity)
                                 ? NULL : "Its Severity is none of Trivy's."
                           : "It has no ID.";
}

static const char *read_secret(trivy_t *trivy, const json_walk_t *walk, import_finding_t *finding)
{
    const char *line = json_text(walk, LINE);

    finding->check = json_text(walk, RULE);
    finding->status = IMPORT_FAIL;
    finding->comment = apr_pstrcat(trivy->scratch, json_text(walk, SECRET_TITLE), *line ? ", line " : "", line, NULL);
    return *finding->check ? import_severity_word(json_text(walk, SECRET_SEVERITY), &finding->severity)
                                 ? NULL : "Its Severity is none of Trivy's."
                           : "It has no RuleID.";
}

static apr_status_t on_record(json_walk_t *walk, int record, void *state)
{
    static const char *(*const read[])(trivy_t *, const json_walk_t *, import_finding_t *) = {
        [PACKAGES] = read_package, [SETTINGS] = read_setting, [SECRETS] = read_secret, [LICENSES] = NULL
    };
    import_reader_t *reader = json_reader(walk);
    trivy_t *trivy = state;
    import_finding_t finding = { .time = trivy->created };
    const char *wrong;

    if (record == REPORT || record == RESULT) {
        return APR_SUCCESS;
    }
    /* Licenses judge nothing; an exception is a misconfiguration that the report's maker has let pass. */
    if (!read[record] || (record == SETTINGS && !strcmp(json_text(walk, MISCONFIGURATION_STATUS), "EXCEPTION"))) {
        reader->skipped(reader->baton);
        return APR_SUCCESS;
    }
    apr_pool_clear(trivy->scratch);
    finding.resource = target_of(trivy, walk);
    wrong = read[record](trivy, walk, &finding);
    if (json_is_strange(walk)) {
        wrong = "It is not UTF-8, or has a NUL byte in it.";
    }
    if (!wrong && !*finding.resource) {
        wrong = "Its result has no Target.";
    }
    if (wrong) {
        json_bad(walk, wrong);
        return APR_SUCCESS;
    }
    return reader->finding(reader->baton, &finding);
}

apr_status_t import_read_trivy(import_reader_t *reader)
{
    static const json_format_t first = { .rules = rules, .survey = 1, .record = survey };
    static const json_format_t second = { .rules = rules, .record = on_record };
    trivy_t trivy = { .late = apr_hash_make(reader->pool) };
    apr_status_t rv;

    apr_pool_create(&trivy.scratch, reader->pool);
    if ((rv = import_walk_json(reader, &first, &trivy)) != APR_SUCCESS) {
        return rv;
    }
    reader->rewind(reader->baton);
    return import_walk_json(reader, &second, &trivy);
}
