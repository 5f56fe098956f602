/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Format sarif: SARIF 2.1.0 (OASIS).  A result names its rule, and may leave to it what its message, its level and
 * its severity are; where the rule stands in the file, before the results or behind them, is left to its writer.  So
 * the file is walked through twice: first for the rules and the times of the runs, of which only so much is kept, then
 * for the results.
 *
 * Section numbers are those of the specification.
 */

#include "json.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX (8 * 1024 * 1024)
#define TEXT_MAX 4096
#define ARGUMENTS 10

enum { VERSION, END_TIME, RULE_ID, RULE_LEVEL, RULE_SECURITY, RULE_SHORT, RULE_STRING, ARTIFACT,
       ID, INDEX, REF_ID, REF_INDEX, REF_COMPONENT, KIND, LEVEL, BASELINE, TEXT, MARKDOWN, MESSAGE_ID, SECURITY, URI,
       URI_INDEX, LINE, LOGICAL_FULL, LOGICAL_NAME, SUPPRESSED, ARGUMENT };
enum { LOG = 1, RUN, INVOCATION, RULE, STRING, EXTENSION_RULE, EXTENSION_STRING, ARTIFACTS, RESULT };

#define OF_RULE(path, rule, string) \
    { path, JSON_NO_SLOT, rule }, { path ".id", RULE_ID, JSON_NO_RECORD }, \
    { path ".defaultConfiguration.level", RULE_LEVEL, JSON_NO_RECORD }, \
    { path ".properties.security-severity", RULE_SECURITY, JSON_NO_RECORD }, \
    { path ".shortDescription.text", RULE_SHORT, JSON_NO_RECORD }, \
    { path ".messageStrings.*", JSON_NO_SLOT, string }, { path ".messageStrings.*.text", RULE_STRING, JSON_NO_RECORD }

static const json_rule_t survey_rules[] = {
    { "", JSON_NO_SLOT, LOG },
    { "version", VERSION, JSON_NO_RECORD },
    { "runs.*", JSON_NO_SLOT, RUN },
    { "runs.*.invocations.*", JSON_NO_SLOT, INVOCATION },
    { "runs.*.invocations.*.endTimeUtc", END_TIME, JSON_NO_RECORD },
    { "runs.*.artifacts.*", JSON_NO_SLOT, ARTIFACTS },
    { "runs.*.artifacts.*.location.uri", ARTIFACT, JSON_NO_RECORD },
    OF_RULE("runs.*.tool.driver.rules.*", RULE, STRING),
    OF_RULE("runs.*.tool.extensions.*.rules.*", EXTENSION_RULE, EXTENSION_STRING),
    { NULL, JSON_NO_SLOT, JSON_NO_RECORD }
};

#define RESULTS "runs.*.results.*"
#define LOCATION RESULTS ".locations.0"
static const json_rule_t rules[] = {
    { "", JSON_NO_SLOT, LOG },
    { "runs.*", JSON_NO_SLOT, RUN },
    { RESULTS, JSON_NO_SLOT, RESULT },
    { RESULTS ".ruleId", ID, JSON_NO_RECORD },
    { RESULTS ".ruleIndex", INDEX, JSON_NO_RECORD },
    { RESULTS ".rule.id", REF_ID, JSON_NO_RECORD },
    { RESULTS ".rule.index", REF_INDEX, JSON_NO_RECORD },
    { RESULTS ".rule.toolComponent.index", REF_COMPONENT, JSON_NO_RECORD },
    { RESULTS ".kind", KIND, JSON_NO_RECORD },
    { RESULTS ".level", LEVEL, JSON_NO_RECORD },
    { RESULTS ".baselineState", BASELINE, JSON_NO_RECORD },
    { RESULTS ".message.text", TEXT, JSON_NO_RECORD },
    { RESULTS ".message.markdown", MARKDOWN, JSON_NO_RECORD },
    { RESULTS ".message.id", MESSAGE_ID, JSON_NO_RECORD },
    { RESULTS ".message.arguments.0", ARGUMENT, JSON_NO_RECORD },
    { RESULTS ".message.arguments.1", ARGUMENT + 1, JSON_NO_RECORD },
    { RESULTS ".message.arguments.2", ARGUMENT + 2, JSON_NO_RECORD },
    { RESULTS ".message.arguments.3", ARGUMENT + 3, JSON_NO_RECORD },
    { RESULTS ".message.arguments.4", ARGUMENT + 4, JSON_NO_RECORD },
    { RESULTS ".message.arguments.5", ARGUMENT + 5, JSON_NO_RECORD },
    { RESULTS ".message.arguments.6", ARGUMENT + 6, JSON_NO_RECORD },
    { RESULTS ".message.arguments.7", ARGUMENT + 7, JSON_NO_RECORD },
    { RESULTS ".message.arguments.8", ARGUMENT + 8, JSON_NO_RECORD },
    { RESULTS ".message.arguments.9", ARGUMENT + 9, JSON_NO_RECORD },
    { RESULTS ".properties.security-severity", SECURITY, JSON_NO_RECORD },
    { RESULTS ".suppressions.0", SUPPRESSED, JSON_NO_RECORD },
    { LOCATION ".physicalLocation.artifactLocation.uri", URI, JSON_NO_RECORD },
    { LOCATION ".physicalLocation.artifactLocation.index", URI_INDEX, JSON_NO_RECORD },
    { LOCATION ".physicalLocation.region.startLine", LINE, JSON_NO_RECORD },
    { LOCATION ".logicalLocations.0.fullyQualifiedName", LOGICAL_FULL, JSON_NO_RECORD },
    { LOCATION ".logicalLocations.0.name", LOGICAL_NAME, JSON_NO_RECORD },
    { NULL, JSON_NO_SLOT, JSON_NO_RECORD }
};

/** What a result may leave to its rule. */
typedef struct rule_t {
    const char *id, *level, *security, *short_text;
    apr_hash_t *strings;           /* NULL: none */
} rule_t;

typedef struct sarif_t {
    import_reader_t *reader;
    apr_hash_t *rules;             /* "run/component/index" and "run/id" -> rule_t; the driver is component -1 */
    apr_hash_t *artifacts;         /* "run/index" -> URI */
    apr_hash_t *times;             /* "run" -> apr_time_t, of its last invocation */
    apr_hash_t *strings;           /* of the rule that is being read */
    apr_size_t kept;
    apr_pool_t *scratch;           /* of one result */
} sarif_t;

/* ---------------------------------------------------------------- survey -- */

/** A copy that stays; NULL when there is no more room. */
static const char *stay(sarif_t *sarif, const char *text)
{
    apr_size_t len = strlen(text);
    if (len > TEXT_MAX) {
        for (len = TEXT_MAX; ((unsigned char)text[len] & 0xC0) == 0x80; len--) {
        }
    }
    sarif->kept += len + 64;
    return sarif->kept > KEPT_MAX ? NULL : apr_pstrmemdup(sarif->reader->pool, text, len);
}

static apr_status_t too_much(sarif_t *sarif)
{
    return import_refuse(sarif->reader, "The rules of the file are larger than %d bytes.", KEPT_MAX);
}

static apr_status_t keep_string(sarif_t *sarif, json_walk_t *walk)
{
    const char *id = stay(sarif, json_key(walk)), *text = id ? stay(sarif, json_text(walk, RULE_STRING)) : NULL;
    if (!text) {
        return too_much(sarif);
    }
    if (!sarif->strings) {
        sarif->strings = apr_hash_make(sarif->reader->pool);
    }
    apr_hash_set(sarif->strings, id, APR_HASH_KEY_STRING, text);
    return APR_SUCCESS;
}

static apr_status_t keep_rule(sarif_t *sarif, json_walk_t *walk, int extension)
{
    apr_pool_t *p = sarif->reader->pool;
    rule_t *rule = apr_pcalloc(p, sizeof(*rule));
    long run = json_index(walk, 0);
    const char *by_id;

    rule->id = stay(sarif, json_text(walk, RULE_ID));
    rule->level = rule->id ? stay(sarif, json_text(walk, RULE_LEVEL)) : NULL;
    rule->security = rule->level ? stay(sarif, json_text(walk, RULE_SECURITY)) : NULL;
    rule->short_text = rule->security ? stay(sarif, json_text(walk, RULE_SHORT)) : NULL;
    rule->strings = sarif->strings;
    sarif->strings = NULL;
    if (!rule->short_text || (sarif->kept += 256) > KEPT_MAX) {
        return too_much(sarif);
    }
    apr_hash_set(sarif->rules, apr_psprintf(p, "%ld/%ld/%ld", run, extension ? json_index(walk, 1) : -1L,
                                            json_index(walk, extension ? 2 : 1)), APR_HASH_KEY_STRING, rule);
    by_id = apr_psprintf(p, "%ld/%s", run, rule->id);
    if (!apr_hash_get(sarif->rules, by_id, APR_HASH_KEY_STRING)) {
        apr_hash_set(sarif->rules, by_id, APR_HASH_KEY_STRING, rule);
    }
    return APR_SUCCESS;
}

/** Of as many artifacts as there is room for: most results name them, too. */
static void keep_artifact(sarif_t *sarif, json_walk_t *walk)
{
    apr_pool_t *p = sarif->reader->pool;
    const char *uri = json_text(walk, ARTIFACT);
    if (*uri && sarif->kept < KEPT_MAX / 2 && (uri = stay(sarif, uri))) {
        apr_hash_set(sarif->artifacts, apr_psprintf(p, "%ld/%ld", json_index(walk, 0), json_index(walk, 1)),
                     APR_HASH_KEY_STRING, uri);
    }
}

static apr_status_t keep_time(sarif_t *sarif, json_walk_t *walk)
{
    apr_pool_t *p = sarif->reader->pool;
    const char *text = json_text(walk, END_TIME), *run = apr_psprintf(p, "%ld", json_index(walk, 0));
    apr_time_t *t = apr_pcalloc(p, sizeof(*t));

    if ((sarif->kept += 64) > KEPT_MAX) {
        return too_much(sarif);
    }
    if (*text && !import_time_word(sarif->reader, text, t)) {
        return import_refuse(sarif->reader, "The endTimeUtc of an invocation of runs[%s] is no time.", run);
    }
    apr_hash_set(sarif->times, run, APR_HASH_KEY_STRING, t);
    return APR_SUCCESS;
}

static apr_status_t survey(json_walk_t *walk, int record, void *state)
{
    sarif_t *sarif = state;

    switch (record) {
    case LOG:
        return strcmp(json_text(walk, VERSION), "2.1.0")
                   ? import_refuse(sarif->reader, "The file is no SARIF log of version 2.1.0.") : APR_SUCCESS;
    case INVOCATION:
        return keep_time(sarif, walk);
    case STRING:
    case EXTENSION_STRING:
        return keep_string(sarif, walk);
    case RULE:
    case EXTENSION_RULE:
        return keep_rule(sarif, walk, record == EXTENSION_RULE);
    case ARTIFACTS:
        keep_artifact(sarif, walk);
        return APR_SUCCESS;
    default:
        return APR_SUCCESS;
    }
}

/* --------------------------------------------------------------- results -- */

/** The rule of a result (3.52); NULL: it names none that the file has. */
static const rule_t *rule_of(sarif_t *sarif, const json_walk_t *walk)
{
    const long run = json_index(walk, 0);
    const apr_int64_t index = json_number(walk, INDEX, json_number(walk, REF_INDEX, -1));
    const char *id = json_either(walk, ID, REF_ID), *slash;
    const rule_t *rule = NULL;

    if (index >= 0) {
        rule = apr_hash_get(sarif->rules, apr_psprintf(sarif->scratch, "%ld/%ld/%ld", run,
                                                       (long)json_number(walk, REF_COMPONENT, -1), (long)index),
                            APR_HASH_KEY_STRING);
    }
    if (!rule && *id) {
        rule = apr_hash_get(sarif->rules, apr_psprintf(sarif->scratch, "%ld/%s", run, id), APR_HASH_KEY_STRING);
    }
    /* A hierarchical id, of which the rule has the beginning (3.5.4). */
    if (!rule && (slash = strrchr(id, '/'))) {
        rule = apr_hash_get(sarif->rules, apr_psprintf(sarif->scratch, "%ld/%.*s", run, (int)(slash - id), id),
                            APR_HASH_KEY_STRING);
    }
    return rule;
}

/** A message with its placeholders filled in (3.11.5): {0} is an argument, {{ and }} are braces. */
static const char *filled(sarif_t *sarif, const json_walk_t *walk, const char *text)
{
    apr_size_t room = strlen(text) + 1;
    char *out, *to;
    int i;

    if (!strpbrk(text, "{}") || !json_is_there(walk, ARGUMENT)) {
        return text;
    }
    room += ARGUMENTS * 2048;
    out = to = apr_palloc(sarif->scratch, room);
    while (*text && to + 4 < out + room) {
        if ((text[0] == '{' && text[1] == '{') || (text[0] == '}' && text[1] == '}')) {
            *to++ = *text;
            text += 2;
        }
        else if (text[0] == '{' && text[1] >= '0' && text[1] <= '9' && text[2] == '}'
                 && json_is_there(walk, ARGUMENT + text[1] - '0')) {
            const char *argument = json_text(walk, ARGUMENT + text[1] - '0');
            for (i = 0; argument[i] && to + 4 < out + room; i++) {
                *to++ = argument[i];
            }
            text += 3;
        }
        else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    return out;
}

static const char *message_of(sarif_t *sarif, const json_walk_t *walk, const rule_t *rule)
{
    const char *text = json_either(walk, TEXT, MARKDOWN), *id = json_text(walk, MESSAGE_ID);

    if (!*text && *id && rule && rule->strings) {
        text = apr_hash_get(rule->strings, id, APR_HASH_KEY_STRING);
        text = text ? text : "";
    }
    if (!*text && rule) {
        text = rule->short_text;
    }
    text = filled(sarif, walk, text);
    return json_is_there(walk, SUPPRESSED)
               ? apr_pstrcat(sarif->scratch, text, *text ? " " : "", "(suppressed)", NULL)
               : text;
}

static const char *resource_of(sarif_t *sarif, const json_walk_t *walk)
{
    const char *uri = json_text(walk, URI), *line = json_text(walk, LINE);
    const apr_int64_t index = json_number(walk, URI_INDEX, -1);

    if (!*uri && index >= 0) {
        uri = apr_hash_get(sarif->artifacts, apr_psprintf(sarif->scratch, "%ld/%ld", json_index(walk, 0), (long)index),
                           APR_HASH_KEY_STRING);
        uri = uri ? uri : apr_psprintf(sarif->scratch, "artifacts[%ld]", (long)index);
    }
    return *uri ? *line ? apr_pstrcat(sarif->scratch, uri, ":", line, NULL) : uri
                : json_either(walk, LOGICAL_FULL, LOGICAL_NAME);
}

/** By the number that code scanning has agreed on, else by the level (3.27.10).  False: it has none that there is. */
static int severity_of(const json_walk_t *walk, const rule_t *rule, import_severity_e *severity)
{
    static const struct {
        const char *level;
        import_severity_e severity;
    } levels[] = { { "error", IMPORT_HIGH }, { "warning", IMPORT_MEDIUM }, { "note", IMPORT_LOW },
                   { "none", IMPORT_INFORMATIONAL } };
    const char *security = json_text(walk, SECURITY), *level = json_text(walk, LEVEL);
    unsigned i;

    security = *security || !rule ? security : rule->security;
    if (*security) {
        char *end;
        double number = strtod(security, &end);
        if (*end || !(number >= 0 && number <= 10)) {
            return 0;
        }
        *severity = number >= 9   ? IMPORT_CRITICAL
                    : number >= 7 ? IMPORT_HIGH
                    : number >= 4 ? IMPORT_MEDIUM
                    : number > 0  ? IMPORT_LOW
                                  : IMPORT_INFORMATIONAL;
        return 1;
    }
    level = *level || !rule ? level : rule->level;
    level = *level ? level : "warning";
    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (!strcmp(levels[i].level, level)) {
            *severity = levels[i].severity;
            return 1;
        }
    }
    return 0;
}

/** 1: a finding; 0: no finding; -1: it has no kind that there is (3.27.9). */
static int status_of(const json_walk_t *walk, import_status_e *status)
{
    static const struct {
        const char *kind;
        int is, status;
    } kinds[] = {
        { "", 1, IMPORT_FAIL },     { "fail", 1, IMPORT_FAIL },     { "pass", 1, IMPORT_PASS },
        { "open", 1, IMPORT_MANUAL }, { "review", 1, IMPORT_MANUAL }, { "informational", 0, 0 },
        { "notApplicable", 0, 0 },
    };
    unsigned i;
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].kind, json_text(walk, KIND))) {
            *status = (import_status_e)kinds[i].status;
            /* What the run before had and this one has not (3.27.24). */
            return kinds[i].is && strcmp(json_text(walk, BASELINE), "absent");
        }
    }
    return -1;
}

static const char *read_result(sarif_t *sarif, const json_walk_t *walk, import_finding_t *finding)
{
    const rule_t *rule = rule_of(sarif, walk);
    const char *run = apr_psprintf(sarif->scratch, "%ld", json_index(walk, 0));
    const apr_time_t *t = apr_hash_get(sarif->times, run, APR_HASH_KEY_STRING);

    finding->time = t ? *t : 0;
    finding->check = json_either(walk, ID, REF_ID);
    finding->check = *finding->check || !rule ? finding->check : rule->id;
    finding->resource = resource_of(sarif, walk);
    finding->comment = message_of(sarif, walk, rule);
    if (json_is_strange(walk)) {
        return "It is not UTF-8, or has a NUL byte in it.";
    }
    if (!*finding->check) {
        return "It names no rule.";
    }
    if (!*finding->resource) {
        return "It has no location.";
    }
    return severity_of(walk, rule, &finding->severity) ? NULL : "Its level, or security-severity, is none.";
}

static apr_status_t on_record(json_walk_t *walk, int record, void *state)
{
    sarif_t *sarif = state;
    import_reader_t *reader = sarif->reader;
    import_finding_t finding = { .time = 0 };
    const char *wrong;
    int is;

    if (record != RESULT) {
        return APR_SUCCESS;
    }
    apr_pool_clear(sarif->scratch);
    is = status_of(walk, &finding.status);
    if (is == 0) {
        reader->skipped(reader->baton);
        return APR_SUCCESS;
    }
    wrong = is < 0 ? "Its kind is none of SARIF's." : read_result(sarif, walk, &finding);
    if (wrong) {
        json_bad(walk, wrong);
        return APR_SUCCESS;
    }
    return reader->finding(reader->baton, &finding);
}

apr_status_t import_read_sarif(import_reader_t *reader)
{
    static const json_format_t first = { .rules = survey_rules, .survey = 1, .record = survey };
    static const json_format_t second = { .rules = rules, .record = on_record };
    sarif_t sarif = { .reader = reader, .rules = apr_hash_make(reader->pool), .artifacts = apr_hash_make(reader->pool),
                      .times = apr_hash_make(reader->pool) };
    apr_status_t rv;

    apr_pool_create(&sarif.scratch, reader->pool);
    if ((rv = import_walk_json(reader, &first, &sarif)) != APR_SUCCESS) {
        return rv;
    }
    reader->rewind(reader->baton);
    return import_walk_json(reader, &second, &sarif);
}
