/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * SARIF 2.1.0 (OASIS, with errata 01): an audit is a run, a row a result, a check a rule.
 *
 * A result that is no failure has no level (3.27.10), so what its severity is stands in its properties, with the number
 * that code scanning has agreed on.  Rules are known only when all rows have been seen: they come behind the results,
 * which the format allows, and no more of them are kept than RULES_MAX - a result names its rule by its id and does not
 * need it.
 *
 * Section numbers are those of the specification.
 */

#include "writer.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>

#define RULES_MAX 1000
#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* Within the ranges that readers cut by 9, 7 and 4. */
static const char *const numbers[SEVERITIES] = { "9.5", "8.0", "5.5", "2.0", "0.0" };
static const char *const levels[SEVERITIES] = { "error", "error", "warning", "note", "note" };
/* open: it could not be evaluated; review: a person has to (3.27.9). */
static const char *const kinds[STATUSES] = { "pass", "fail", "review", "open" };

typedef struct rules_t {
    apr_hash_t *by_name; /* name -> its most severe number */
    const char *names[RULES_MAX];
    int count;
} rules_t;

void export_sarif_begin(export_writer_t *writer)
{
    const export_audit_t *audit = writer->audit;
    export_out_t *out = &writer->out;
    rules_t *rules = apr_pcalloc(out->pool, sizeof(*rules));

    rules->by_name = apr_hash_make(out->pool);
    writer->state = rules;
    EXPORT_PUT(out,
               "{\"$schema\":\"" SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{\"automationDetails\":{\"id\":\"audits/");
    export_put_text(out, audit->id);
    EXPORT_PUT(out, "\"},\"invocations\":[{\"executionSuccessful\":");
    export_put_text(out, !strcmp(audit->status, "completed") ? "true" : "false");
    if (audit->started) {
        EXPORT_PUT(out, ",\"startTimeUtc\":");
        export_put_json_text(out, audit->started);
    }
    if (audit->finished) {
        EXPORT_PUT(out, ",\"endTimeUtc\":");
        export_put_json_text(out, audit->finished);
    }
    EXPORT_PUT(out, "}],\"properties\":{\"name\":");
    export_put_json_text(out, audit->name);
    EXPORT_PUT(out, ",\"engine\":");
    export_put_json_text(out, audit->engine);
    EXPORT_PUT(out, ",\"status\":");
    export_put_json_text(out, audit->status);
    EXPORT_PUT(out, ",\"score\":");
    export_put_text(out, audit->score ? audit->score : "null");
    EXPORT_PUT(out, ",\"filters\":");
    export_put_json_text(out, audit->filters);
    EXPORT_PUT(out, "},\"results\":[");
}

/** An artifact's location is a URI (3.4.3); of what is none, only the name of a logical location (3.33) is to be had.
 */
static int is_url(const char *text, apr_size_t len)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%";
    apr_size_t i;
    if (!(len > 8 && (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7)))) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (!text[i] || !strchr(allowed, text[i])) {
            return 0;
        }
    }
    return 1;
}

static void put_location(export_out_t *out, const char *resource, apr_size_t len)
{
    int url = is_url(resource, len);
    export_put_text(out, url ? "},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":"
                             : "},\"locations\":[{\"logicalLocations\":[{\"fullyQualifiedName\":");
    export_put_json(out, resource, len);
    export_put_text(out, url ? "}}}]" : ",\"kind\":\"resource\"}]}]");
}

static void note_rule(rules_t *rules, apr_pool_t *p, const char *check, apr_size_t len, int severity)
{
    int *most = apr_hash_get(rules->by_name, check, (apr_ssize_t)len);
    if (!most && rules->count < RULES_MAX) {
        const char *name = apr_pstrmemdup(p, check, len);
        most = apr_palloc(p, sizeof(*most));
        *most = severity;
        rules->names[rules->count++] = name;
        apr_hash_set(rules->by_name, name, (apr_ssize_t)len, most);
    }
    else if (most && severity < *most) {
        *most = severity;
    }
}

void export_sarif_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths)
{
    export_out_t *out = &writer->out;
    int status = export_word(export_statuses, cells[CELL_STATUS], lengths[CELL_STATUS]);
    int severity = export_word(export_severities, cells[CELL_SEVERITY], lengths[CELL_SEVERITY]);
    int text = lengths[CELL_COMMENT] ? CELL_COMMENT : CELL_CHECK;

    note_rule(writer->state, out->pool, cells[CELL_CHECK], lengths[CELL_CHECK], severity);
    export_put_text(out, writer->rows ? ",\n{\"ruleId\":" : "\n{\"ruleId\":");
    export_put_json(out, cells[CELL_CHECK], lengths[CELL_CHECK]);
    EXPORT_PUT(out, ",\"kind\":\"");
    export_put_text(out, kinds[status]);
    EXPORT_PUT(out, "\",\"level\":\"");
    export_put_text(out, status == FAIL ? levels[severity] : "none");
    EXPORT_PUT(out, "\",\"message\":{\"text\":");
    export_put_json(out, cells[text], lengths[text]);
    put_location(out, cells[CELL_RESOURCE], lengths[CELL_RESOURCE]);
    if (lengths[CELL_TIME]) {
        EXPORT_PUT(out, ",\"provenance\":{\"lastDetectionTimeUtc\":");
        export_put_json(out, cells[CELL_TIME], lengths[CELL_TIME]);
        EXPORT_PUT(out, "}");
    }
    EXPORT_PUT(out, ",\"properties\":{\"status\":\"");
    export_put_text(out, export_statuses[status]);
    EXPORT_PUT(out, "\",\"severity\":\"");
    export_put_text(out, export_severities[severity]);
    EXPORT_PUT(out, "\",\"security-severity\":\"");
    export_put_text(out, numbers[severity]);
    EXPORT_PUT(out, "\"}}");
}

void export_sarif_end(export_writer_t *writer)
{
    const rules_t *rules = writer->state;
    export_out_t *out = &writer->out;
    int i;

    EXPORT_PUT(out, "\n],\"tool\":{\"driver\":{\"name\":\"mod_saas\",\"rules\":[");
    for (i = 0; i < rules->count; i++) {
        const int *most = apr_hash_get(rules->by_name, rules->names[i], APR_HASH_KEY_STRING);
        export_put_text(out, i ? ",\n{\"id\":" : "\n{\"id\":");
        export_put_json_text(out, rules->names[i]);
        EXPORT_PUT(out, ",\"shortDescription\":{\"text\":");
        export_put_json_text(out, rules->names[i]);
        EXPORT_PUT(out, "},\"properties\":{\"security-severity\":\"");
        export_put_text(out, numbers[most ? *most : INFORMATIONAL]);
        EXPORT_PUT(out, "\"}}");
    }
    EXPORT_PUT(out, "\n]}}}]}\n");
}
