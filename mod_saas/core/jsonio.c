/*
 * Strict JSON in, compact JSON out, typed fields. Must never spend memory on a body before its depth and number
 * of values are known to be sane, and never repeat parts of a broken body in an error.
 */

#include "jsonio.h"

#include "id.h"
#include "text.h"
#include "timefmt.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

static apr_status_t drop(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

json_t *saas_json_own(apr_pool_t *p, json_t *json)
{
    if (json != NULL) {
        apr_pool_cleanup_register(p, json, drop, apr_pool_cleanup_null);
    }
    return json;
}

/* What is wrong with the size of the text, or NULL. Looks at structure only; the parser judges the rest. */
static const char *measure(const char *data, size_t len, unsigned max_depth)
{
    unsigned depth = 0, values = 0;
    int in_string = 0;

    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        if (c == '{' || c == '[') {
            if (++depth > max_depth) {
                return "nested too deeply";
            }
            values++;
        }
        else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
        values += c == ',';
        if (values > SAAS_JSON_VALUES) {
            return "too many values";
        }
    }
    return NULL;
}

static const char *reason(enum json_error_code code)
{
    static const struct {
        enum json_error_code code;
        const char *text;
    } reasons[] = {
        { json_error_invalid_utf8, "not valid UTF-8" },
        { json_error_premature_end_of_input, "unexpected end" },
        { json_error_end_of_input_expected, "more after the end" },
        { json_error_duplicate_key, "duplicate key" },
        { json_error_null_character, "null characters are not allowed" },
        { json_error_null_byte_in_key, "null characters are not allowed" },
        { json_error_numeric_overflow, "number out of range" },
        { json_error_stack_overflow, "nested too deeply" },
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == code) {
            return reasons[i].text;
        }
    }
    return "invalid syntax";
}

apr_status_t saas_json_load(apr_pool_t *p, const char *data, size_t len, unsigned depth, json_t **json,
                            const char **why)
{
    json_error_t error;
    const char *ignored;

    why = why ? why : &ignored;
    *why = NULL;
    *json = NULL;
    const char *size = measure(data, len, depth);
    if (size != NULL) {
        *why = apr_psprintf(p, "JSON parse error - %s", size);
        return APR_EINVAL;
    }
    json_t *loaded = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
    if (loaded == NULL) {
        enum json_error_code code = json_error_code(&error);
        *why = apr_psprintf(p, "JSON parse error - %s: line %d column %d", reason(code), error.line, error.column);
        return code == json_error_out_of_memory ? APR_ENOMEM : APR_EINVAL;
    }
    *json = saas_json_own(p, loaded);
    return APR_SUCCESS;
}

const char *saas_json_dump(apr_pool_t *p, const json_t *json, size_t *len)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    char first[4096];

    if (len != NULL) {
        *len = 0;
    }
    /* Most replies fit the first buffer; the others are written again into one of the right size. */
    size_t size = json ? json_dumpb(json, first, sizeof(first), flags) : 0;
    if (size == 0) {
        return NULL;
    }
    char *out = apr_palloc(p, size + 1);
    if (size <= sizeof(first)) {
        memcpy(out, first, size);
    }
    else if (json_dumpb(json, out, size, flags) != size) {
        return NULL;
    }
    out[size] = '\0';
    if (len != NULL) {
        *len = size;
    }
    return out;
}

/* DRF's (Python's) names of JSON types, by jansson's numbers. */
static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "dict", [JSON_ARRAY] = "list", [JSON_STRING] = "str", [JSON_INTEGER] = "int",
        [JSON_REAL] = "float",  [JSON_TRUE] = "bool",  [JSON_FALSE] = "bool", [JSON_NULL] = "NoneType",
    };
    return value ? names[json_typeof(value)] : "NoneType";
}

void saas_fields_init(saas_fields_t *fields, apr_pool_t *p, const json_t *body, int partial)
{
    fields->pool = p;
    fields->body = body;
    fields->partial = partial;
    fields->errors = saas_json_own(p, json_object());
    if (!json_is_object(body)) {
        saas_field_error(fields, NULL, "Invalid data. Expected a dictionary, but got %s.", type_name(body));
    }
}

int saas_fields_ok(const saas_fields_t *fields)
{
    return fields->errors != NULL && json_object_size(fields->errors) == 0;
}

void saas_field_error(saas_fields_t *fields, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = apr_pvsprintf(fields->pool, format, args);
    va_end(args);

    name = name ? name : "non_field_errors";
    json_t *list = json_object_get(fields->errors, name);
    if (list == NULL) {
        list = json_array();
        if (json_object_set_new(fields->errors, name, list) != 0) {
            return;
        }
    }
    json_t *text = json_string(message);
    json_array_append_new(list, text ? text : json_string("Invalid value."));
}

/* The steps that all kinds share: SAAS_FIELD_OK means there is a value to look at. */
static saas_field_e look_up(saas_fields_t *fields, const char *name, unsigned flags, const json_t **value)
{
    if (!json_is_object(fields->body)) {
        return SAAS_FIELD_BAD;
    }
    *value = json_object_get(fields->body, name);
    if (*value == NULL) {
        if ((flags & SAAS_REQUIRED) && !fields->partial) {
            saas_field_error(fields, name, "This field is required.");
        }
        return SAAS_FIELD_ABSENT;
    }
    if (json_is_null(*value)) {
        if (flags & SAAS_NULLABLE) {
            return SAAS_FIELD_NULL;
        }
        saas_field_error(fields, name, "This field may not be null.");
        return SAAS_FIELD_BAD;
    }
    return SAAS_FIELD_OK;
}

static const char *string_in(apr_pool_t *p, const json_t *value, unsigned flags)
{
    const char *s = json_string_value(value);
    size_t len = json_string_length(value);
    if (!(flags & SAAS_VERBATIM)) {
        while (len > 0 && strchr(" \t\r\n\v\f", s[len - 1])) {
            len--;
        }
        size_t lead = strspn(s, " \t\r\n\v\f");
        lead = lead < len ? lead : len;
        s += lead;
        len -= lead;
    }
    return apr_pstrmemdup(p, s, len);
}

/* What is wrong with a string's length, or NULL. */
static const char *length_error(apr_pool_t *p, const char *s, unsigned flags, size_t max)
{
    size_t count;
    if (*s == '\0') {
        return flags & SAAS_BLANK ? NULL : "This field may not be blank.";
    }
    if (saas_utf8_length(s, strlen(s), &count) != APR_SUCCESS) {
        return "Not a valid string.";
    }
    if (max > 0 && count > max) {
        return apr_psprintf(p, "Ensure this field has no more than %" APR_SIZE_T_FMT " characters.", max);
    }
    return NULL;
}

saas_field_e saas_field_string(saas_fields_t *fields, const char *name, unsigned flags, size_t max,
                               const char **value)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    if (!json_is_string(json)) {
        saas_field_error(fields, name, "Not a valid string.");
        return SAAS_FIELD_BAD;
    }
    const char *s = string_in(fields->pool, json, flags);
    const char *error = length_error(fields->pool, s, flags, max);
    if (error != NULL) {
        saas_field_error(fields, name, "%s", error);
        return SAAS_FIELD_BAD;
    }
    *value = s;
    return SAAS_FIELD_OK;
}

/* A value as an error message shows it: at most 60 code points of it. */
static const char *shown(apr_pool_t *p, const json_t *json)
{
    const char *s = json_is_string(json) ? json_string_value(json) : saas_json_dump(p, json, NULL);
    size_t at = 0, points = 0;
    while (s != NULL && s[at] != '\0') {
        if (((unsigned char)s[at] & 0xc0) != 0x80 && points++ == 60) {
            return apr_pstrcat(p, apr_pstrmemdup(p, s, at), "...", NULL);
        }
        at++;
    }
    return s ? s : "";
}

saas_field_e saas_field_choice(saas_fields_t *fields, const char *name, unsigned flags, const char *const *choices,
                               const char **value)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    for (; json_is_string(json) && *choices != NULL; choices++) {
        if (strcmp(*choices, json_string_value(json)) == 0) {
            *value = *choices;
            return SAAS_FIELD_OK;
        }
    }
    saas_field_error(fields, name, "\"%s\" is not a valid choice.", shown(fields->pool, json));
    return SAAS_FIELD_BAD;
}

saas_field_e saas_field_bool(saas_fields_t *fields, const char *name, unsigned flags, int *value)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    if (!json_is_boolean(json)) {
        saas_field_error(fields, name, "Must be a valid boolean.");
        return SAAS_FIELD_BAD;
    }
    *value = json_is_true(json);
    return SAAS_FIELD_OK;
}

saas_field_e saas_field_int(saas_fields_t *fields, const char *name, unsigned flags, json_int_t min, json_int_t max,
                            json_int_t *value)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    json_int_t n = json_integer_value(json);
    if (!json_is_integer(json)) {
        saas_field_error(fields, name, "A valid integer is required.");
    }
    else if (n > max) {
        saas_field_error(fields, name, "Ensure this value is less than or equal to %lld.", (long long)max);
    }
    else if (n < min) {
        saas_field_error(fields, name, "Ensure this value is greater than or equal to %lld.", (long long)min);
    }
    else {
        *value = n;
        return SAAS_FIELD_OK;
    }
    return SAAS_FIELD_BAD;
}

saas_field_e saas_field_time(saas_fields_t *fields, const char *name, unsigned flags, apr_time_t *value)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    if (!json_is_string(json) || saas_time_parse(json_string_value(json), value) != APR_SUCCESS) {
        saas_field_error(fields, name,
                         "Datetime has wrong format. Use one of these formats instead: "
                         "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].");
        return SAAS_FIELD_BAD;
    }
    return SAAS_FIELD_OK;
}

saas_field_e saas_field_uuid(saas_fields_t *fields, const char *name, unsigned flags, const char **value)
{
    char id[SAAS_UUID_LEN + 1];
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    if (saas_uuid_canonical(id, json_string_value(json)) != APR_SUCCESS) {
        saas_field_error(fields, name, "Must be a valid UUID.");
        return SAAS_FIELD_BAD;
    }
    *value = apr_pstrdup(fields->pool, id);
    return SAAS_FIELD_OK;
}

saas_field_e saas_field_strings(saas_fields_t *fields, const char *name, unsigned flags, size_t max_items,
                                size_t max_len, const char *const **values, size_t *count)
{
    const json_t *json;
    saas_field_e found = look_up(fields, name, flags, &json);
    if (found != SAAS_FIELD_OK) {
        return found;
    }
    size_t n = json_array_size(json);
    if (!json_is_array(json)) {
        saas_field_error(fields, name, "Expected a list of items but got type \"%s\".", type_name(json));
        return SAAS_FIELD_BAD;
    }
    if (n == 0 && !(flags & SAAS_BLANK)) {
        saas_field_error(fields, name, "This list may not be empty.");
        return SAAS_FIELD_BAD;
    }
    if (n > max_items) {
        saas_field_error(fields, name, "Ensure this field has no more than %" APR_SIZE_T_FMT " elements.", max_items);
        return SAAS_FIELD_BAD;
    }
    const char **list = apr_pcalloc(fields->pool, (n + 1) * sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(json, i);
        const char *error = "Not a valid string.";
        if (json_is_string(item)) {
            list[i] = string_in(fields->pool, item, 0);
            error = length_error(fields->pool, list[i], 0, max_len);
        }
        if (error != NULL) {
            saas_field_error(fields, name, "Item %" APR_SIZE_T_FMT ": %s", i + 1, error);
            return SAAS_FIELD_BAD;
        }
    }
    *values = list;
    if (count != NULL) {
        *count = n;
    }
    return SAAS_FIELD_OK;
}
