/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The dump as a stream: one array of {"model", "pk", "fields"}, of which one entry at a time is in memory.
 *
 * jansson reads a value and stops behind it when it need not see the end of the file; what stands between the values
 * is read here.
 */
#include "django.h"

#include <apr_strings.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const django_kinds[DJANGO_KINDS] = { "user", "organization", "membership", "invite", "audit", "evidence" };
const char *const django_tables[DJANGO_KINDS] = { "users", "organizations", "memberships", "invites", "audits", "evidence" };

/* Models by the names that applications give them: a word before the dot and one behind it, both of one kind's lists. */
static const struct {
    django_kind_e kind;
    const char *apps[12];
    const char *models[8];
} known[] = {
    { DJANGO_USER, { "auth", "accounts", "account", "users", "user", "core", "authentication", "custom_auth", "identity" },
      { "user", "customuser", "account", "appuser" } },
    { DJANGO_ORG, { "organizations", "organization", "orgs", "accounts", "core", "teams", "tenants", "companies", "customers" },
      { "organization", "organisation", "org", "team", "tenant", "company" } },
    { DJANGO_MEMBER, { "organizations", "organization", "orgs", "accounts", "core", "teams", "tenants", "memberships", "companies" },
      { "membership", "member", "organizationmembership", "organizationmember", "organizationuser", "teammember", "orgmember",
        "teammembership" } },
    { DJANGO_INVITE, { "organizations", "organization", "orgs", "accounts", "core", "teams", "tenants", "invites", "invitations" },
      { "invite", "invitation", "organizationinvite", "organizationinvitation", "teaminvite", "teaminvitation" } },
    { DJANGO_AUDIT, { "audits", "audit", "core", "scans", "compliance", "security" },
      { "audit", "scan", "securityaudit", "auditrun" } },
    { DJANGO_EVIDENCE, { "audits", "audit", "evidence", "core", "scans", "compliance", "security" },
      { "evidence", "auditevidence", "evidenceitem", "finding", "auditfinding", "checkresult" } },
};

/* What Django keeps for itself, in every dump of a whole database: there is nothing here that it would mean. */
static const char *const djangos_own[] = { "contenttypes.contenttype", "auth.permission", "auth.group", "sessions.session",
                                           "admin.logentry" };

static int listed(const char *const *list, int room, const char *word, size_t len)
{
    int i;
    for (i = 0; i < room && list[i]; i++) {
        if (strlen(list[i]) == len && !strncmp(list[i], word, len)) {
            return 1;
        }
    }
    return 0;
}

static django_kind_e kind_by_name(const char *name)
{
    const char *dot = strchr(name, '.');
    unsigned i;
    for (i = 0; i < sizeof(djangos_own) / sizeof(djangos_own[0]); i++) {
        if (!strcmp(name, djangos_own[i])) {
            return DJANGO_IGNORED;
        }
    }
    for (i = 0; dot && i < sizeof(known) / sizeof(known[0]); i++) {
        if (listed(known[i].apps, 12, name, (size_t)(dot - name)) && listed(known[i].models, 8, dot + 1, strlen(dot + 1))) {
            return known[i].kind;
        }
    }
    return DJANGO_UNKNOWN;
}

static django_model_t *add_model(django_dump_t *dump, const char *name, django_kind_e kind)
{
    django_model_t *model = apr_pcalloc(dump->p, sizeof(*model));
    model->name = apr_pstrdup(dump->p, name);
    model->kind = kind;
    apr_hash_set(dump->models, model->name, APR_HASH_KEY_STRING, model);
    return model;
}

django_model_t *django_model(django_dump_t *dump, const char *name)
{
    django_model_t *model = apr_hash_get(dump->models, name, APR_HASH_KEY_STRING);
    return model ? model : add_model(dump, name, kind_by_name(name));
}

/* ------------------------------------------------------------- options -- */

static int is_model_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot && dot != name && dot[1] && !strchr(dot + 1, '.');
}

static const char *lower(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text), *c;
    for (c = copy; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

/* --ignore app.model[,app.model], --as app.model=kind */
static int read_model_option(void *baton, const char *option, const char *value)
{
    django_dump_t *dump = baton;
    int ignore = !strcmp(option, "ignore");
    char *copy, *word, *equals, *state = NULL;
    int kind;

    if (!ignore && strcmp(option, "as")) {
        return 1;
    }
    copy = apr_pstrdup(dump->p, lower(dump->p, value));
    for (word = apr_strtok(copy, ", ", &state); word; word = apr_strtok(NULL, ", ", &state)) {
        kind = DJANGO_IGNORED;
        if (!ignore) {
            equals = strchr(word, '=');
            for (kind = 0; equals && kind < DJANGO_KINDS && strcmp(equals + 1, django_kinds[kind]); kind++) {
                ;
            }
            if (!equals || kind == DJANGO_KINDS) {
                ctl_say(CTL_USAGE, "--as: \"%s\" is no APP.MODEL=KIND; kinds are user, organization, membership, invite, audit"
                        " and evidence", word);
                return 0;
            }
            *equals = '\0';
        }
        if (!is_model_name(word)) {
            ctl_say(CTL_USAGE, "--%s: \"%s\" is no APP.MODEL, such as authtoken.token", option, word);
            return 0;
        }
        add_model(dump, word, (django_kind_e)kind);
    }
    return 1;
}

int django_models_init(django_dump_t *dump)
{
    dump->models = apr_hash_make(dump->p);
    return apr_table_do(read_model_option, dump, dump->ctl->options, NULL) ? CTL_OK : CTL_USAGE;
}

/* -------------------------------------------------------------- stream -- */

static int copy_to(FILE *from, FILE *to)
{
    char buffer[65536];
    size_t n;
    while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0) {
        if (fwrite(buffer, 1, n, to) != n) {
            return 0;
        }
    }
    return !ferror(from) && !fflush(to);
}

int django_open(django_dump_t *dump, const char *path)
{
    int standard = !strcmp(path, "-");
    FILE *in = standard ? stdin : fopen(path, "rb");
    struct stat info;

    if (!in || fstat(fileno(in), &info) != 0 || S_ISDIR(info.st_mode)) {
        if (in && !standard) {
            fclose(in);
        }
        return ctl_say(CTL_REFUSED, "cannot read %s: give the file that manage.py dumpdata has written", path);
    }
    dump->file = in;
    if (!S_ISREG(info.st_mode)) {
        dump->file = tmpfile();
        if (!dump->file || !copy_to(in, dump->file)) {
            return ctl_say(CTL_REFUSED, "cannot keep the input in a temporary file: write it to a file, and give that");
        }
        if (!standard) {
            fclose(in);
        }
    }
    return CTL_OK;
}

static int next_character(FILE *file)
{
    int c;
    do {
        c = getc(file);
    } while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
    return c;
}

/* One entry whose '{' has been put back. */
static int read_entry(django_dump_t *dump, apr_pool_t *p, int place, int (*each)(django_row_t *, django_kind_e, int))
{
    django_row_t row = { .dump = dump, .p = p };
    const json_t *model, *pk;
    json_error_t error;
    json_t *entry = json_loadf(dump->file, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    django_model_t *known_model;
    int code = CTL_REFUSED;

    if (!entry) {
        return ctl_say(CTL_REFUSED, "entry %d of the dump, line %d of it: %s", place, error.line, error.text);
    }
    model = json_object_get(entry, "model");
    row.fields = json_object_get(entry, "fields");
    if (!json_is_string(model) || !json_is_object(row.fields)) {
        ctl_say(CTL_REFUSED, "entry %d is no row of dumpdata: it has no \"model\" or no \"fields\"", place);
    }
    else {
        known_model = django_model(dump, json_string_value(model));
        pk = json_object_get(entry, "pk");
        row.model = known_model->name;
        row.key = pk ? django_key(p, pk) : NULL;
        row.pk = row.key ? row.key : apr_psprintf(p, "entry %d", place);
        code = each(&row, known_model->kind, place);
    }
    json_decref(entry);
    return code;
}

int django_each(django_dump_t *dump, int (*each)(django_row_t *row, django_kind_e kind, int place))
{
    apr_pool_t *p;
    int c, place = 0, code = CTL_OK;

    rewind(dump->file);
    if (dump->file != stdin) {
        setvbuf(dump->file, NULL, _IOFBF, 1 << 16);
    }
    if ((c = next_character(dump->file)) == 0xEF) { /* a byte order mark */
        c = getc(dump->file) == 0xBB && getc(dump->file) == 0xBF ? next_character(dump->file) : 0;
    }
    if (c != '[') {
        return ctl_say(CTL_REFUSED, "this is no JSON array: give what manage.py dumpdata --format json has written");
    }
    apr_pool_create(&p, dump->p);
    c = next_character(dump->file);
    while (code == CTL_OK && c == '{') {
        ungetc(c, dump->file);
        code = read_entry(dump, p, ++place, each);
        apr_pool_clear(p);
        if (code == CTL_OK && (c = next_character(dump->file)) == ',') {
            c = next_character(dump->file);
            c = c == ']' ? ',' : c; /* no entry behind the comma */
        }
    }
    apr_pool_destroy(p);
    if (code == CTL_OK && (c != ']' || (c = next_character(dump->file)) != EOF)) {
        code = ctl_say(CTL_REFUSED, c == EOF ? "the dump ends behind entry %d, inside the array: it is not whole"
                                             : "what stands behind entry %d of the dump is no JSON of dumpdata", place);
    }
    return code;
}
