/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl user, token and org: what an operator needs before anybody can log in, under the rules of the API.
 */
#include "saasctl.h"

#include "core/id.h"
#include "core/password.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "core/token.h"

#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 200
#define SLUG_MAX 50
#define HINT_LENGTH 12

/* An option that must be there. */
static int need(const ctl_t *ctl, const char *name, const char **value)
{
    *value = ctl_option(ctl, name);
    return *value && **value ? CTL_OK : ctl_say(CTL_USAGE, "--%s is missing", name);
}

static int clean_name(ctl_t *ctl, const char *option, const char **name)
{
    const char *text, *why = "is no name";
    int code = need(ctl, option, &text);
    if (code == CTL_OK && saas_name_clean(ctl->p, text, NAME_MAX_LENGTH, name, &why) != APR_SUCCESS) {
        code = ctl_say(CTL_USAGE, "--%s: %s", option, why);
    }
    return code;
}

/* The user an option names by address: *id, or a refusal. */
static int find_user(ctl_t *ctl, const char *option, const char **id)
{
    const char *text, *email;
    saas_driver_rows_t *rows;
    apr_status_t rv;
    int code = need(ctl, option, &text);
    if (code != CTL_OK) {
        return code;
    }
    if (saas_email_parse(ctl->p, text, &email) != APR_SUCCESS) {
        return ctl_say(CTL_USAGE, "--%s: \"%s\" is no e-mail address", option, text);
    }
    rv = ctl_query(ctl, CTL_USER_BY_EMAIL, &rows, CTL_ARGS(saas_email_fold(ctl->p, email)));
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot look up the user", rv);
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no user %s: see saasctl user list, or create it with saasctl user create", email);
    }
    *id = ctl_cell(rows, 0, 0);
    return CTL_OK;
}

/* ---------------------------------------------------------------- user -- */

/* The password from --password or the first line of stdin; NULL when none is given. */
static int read_password(ctl_t *ctl, const char *email, const char **hash)
{
    const char *password = ctl_option(ctl, "password"), *why;
    char line[1024];
    *hash = NULL;
    if (ctl_option(ctl, "password-stdin")) {
        if (password) {
            return ctl_say(CTL_USAGE, "give either --password or --password-stdin");
        }
        if (!fgets(line, sizeof(line), stdin)) {
            return ctl_say(CTL_USAGE, "--password-stdin: there is no line on standard input");
        }
        line[strcspn(line, "\r\n")] = '\0';
        password = line;
    }
    if (!password) {
        return CTL_OK;
    }
    if (saas_password_check(password, email, &why) != APR_SUCCESS) {
        return ctl_say(CTL_REFUSED, "this password is not accepted: %s", why);
    }
    return saas_password_hash(ctl->p, password, hash) == APR_SUCCESS
               ? CTL_OK : ctl_say(CTL_REFUSED, "cannot hash the password: look for exhausted memory");
}

int ctl_user_create(ctl_t *ctl)
{
    const char *text, *email, *name = "", *hash;
    char id[SAAS_UUID_LEN + 1];
    apr_status_t rv;
    int code = need(ctl, "email", &text);

    if (code != CTL_OK) {
        return code;
    }
    if (saas_email_parse(ctl->p, text, &email) != APR_SUCCESS) {
        return ctl_say(CTL_USAGE, "--email: \"%s\" is no e-mail address", text);
    }
    if ((ctl_option(ctl, "name") && (code = clean_name(ctl, "name", &name)) != CTL_OK)
        || (code = read_password(ctl, email, &hash)) != CTL_OK) {
        return code;
    }
    if (saas_uuid7(id) != APR_SUCCESS) {
        return ctl_say(CTL_REFUSED, "there are no random numbers");
    }
    rv = ctl_query(ctl, CTL_USER_ADD, NULL, CTL_ARGS(id, email, saas_email_fold(ctl->p, email), name, hash));
    if (rv == SAAS_EUNIQUE) {
        return ctl_say(CTL_REFUSED, "there is a user %s already", email);
    }
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot create the user", rv);
    }
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", id, "email", email, "name", name), "id");
    return CTL_OK;
}

static int list(ctl_t *ctl, int statement, const char *doing, const char *const *names, const char *types)
{
    saas_driver_rows_t *rows;
    apr_status_t rv = ctl_query(ctl, statement, &rows, CTL_NO_ARGS);
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, doing, rv);
    }
    ctl_print_rows(ctl, rows, names, types);
    return CTL_OK;
}

int ctl_user_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "email", "name", "is_active", "created_at", "last_login_at" };
    return list(ctl, CTL_USER_LIST, "cannot list users", names, "sssbtt");
}

/* --------------------------------------------------------------- token -- */

/* --org, --role, --expires, each of which may be absent. */
static int read_limits(ctl_t *ctl, const char *user, const char **org, const char **role, const char **expires)
{
    const char *text = ctl_option(ctl, "org");
    saas_driver_rows_t *rows;
    apr_status_t rv;
    apr_time_t t;

    *org = *expires = NULL;
    *role = ctl_option(ctl, "role");
    if (*role && strcmp(*role, "ADMIN") && strcmp(*role, "MEMBER") && strcmp(*role, "VIEWER")) {
        return ctl_say(CTL_USAGE, "--role: \"%s\" is none of ADMIN, MEMBER and VIEWER", *role);
    }
    if (ctl_option(ctl, "expires")) {
        char *iso = apr_palloc(ctl->p, SAAS_TIME_ISO_SIZE);
        if (saas_time_parse(ctl_option(ctl, "expires"), &t) != APR_SUCCESS || saas_time_iso(iso, t) != APR_SUCCESS) {
            return ctl_say(CTL_USAGE, "--expires: give a time like 2027-01-31T12:00:00Z");
        }
        if (t <= apr_time_now()) {
            return ctl_say(CTL_REFUSED, "--expires: %s is in the past", iso);
        }
        *expires = iso;
    }
    if (!text) {
        return CTL_OK;
    }
    rv = ctl_query(ctl, CTL_ORG_FIND, &rows, CTL_ARGS(text));
    if (rv == APR_SUCCESS && !rows->count) {
        return ctl_say(CTL_REFUSED, "there is no organization %s: see saasctl org list", text);
    }
    if (rv == APR_SUCCESS) {
        *org = ctl_cell(rows, 0, 0);
        rv = ctl_query(ctl, CTL_ORG_ROLE, &rows, CTL_ARGS(*org, user));
    }
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot look up the organization", rv);
    }
    return rows->count ? CTL_OK : ctl_say(CTL_REFUSED, "the user is no member of %s: a token for it would open nothing", text);
}

int ctl_token_create(ctl_t *ctl)
{
    const char *user, *name, *org, *role, *expires, *token;
    char id[SAAS_UUID_LEN + 1], hash[SAAS_HASH_LEN + 1];
    apr_status_t rv;
    int code;

    if ((code = find_user(ctl, "user", &user)) != CTL_OK || (code = clean_name(ctl, "name", &name)) != CTL_OK
        || (code = read_limits(ctl, user, &org, &role, &expires)) != CTL_OK) {
        return code;
    }
    if (saas_uuid7(id) != APR_SUCCESS || saas_token_make(ctl->p, "saas_", &token) != APR_SUCCESS
        || saas_token_hash(hash, token) != APR_SUCCESS) {
        return ctl_say(CTL_REFUSED, "there are no random numbers");
    }
    rv = ctl_query(ctl, CTL_TOKEN_ADD, NULL,
                   CTL_ARGS(id, user, org, role, name, apr_pstrndup(ctl->p, token, HINT_LENGTH), hash, expires));
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot create the token", rv);
    }
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?}", "token", token, "id", id, "name", name, "organization",
                                    org, "role", role, "expires_at", expires), "token");
    return CTL_OK;
}

int ctl_token_list(ctl_t *ctl)
{
    static const char *const names[] = {
        "id", "user", "organization", "role", "name", "hint", "created_at", "expires_at", "last_used_at", "revoked_at"
    };
    return list(ctl, CTL_TOKEN_LIST, "cannot list tokens", names, "sssssstttt");
}

/* ----------------------------------------------------------------- org -- */

/* The organization, its ADMIN and the entry in its trail, all or nothing. */
static apr_status_t add_organization(ctl_t *ctl, const char *id, const char *name, const char *slug, const char *owner)
{
    const saas_driver_t *driver = ctl->c->driver;
    char activity[SAAS_UUID_LEN + 1];
    json_t *value = json_pack("{s:s, s:s}", "name", name, "slug", slug);
    char *text = json_dumps(value, JSON_COMPACT);
    apr_status_t rv = text && saas_uuid7(activity) == APR_SUCCESS ? driver->begin(ctl->c, 1) : APR_EGENERAL;

    if (rv == APR_SUCCESS) {
        if ((rv = ctl_query(ctl, CTL_ORG_ADD, NULL, CTL_ARGS(id, name, slug))) == APR_SUCCESS
            && (rv = ctl_query(ctl, CTL_ORG_MEMBER, NULL, CTL_ARGS(id, owner))) == APR_SUCCESS
            && (rv = ctl_query(ctl, CTL_USER_DEFAULT, NULL, CTL_ARGS(owner, id))) == APR_SUCCESS
            && (rv = ctl_query(ctl, CTL_ORG_ACTIVITY, NULL, CTL_ARGS(id, activity, name, text))) == APR_SUCCESS) {
            rv = driver->commit(ctl->c);
        }
        else {
            driver->rollback(ctl->c);
        }
    }
    free(text);
    json_decref(value);
    return rv;
}

int ctl_org_create(ctl_t *ctl)
{
    const char *name, *owner, *slug = ctl_option(ctl, "slug");
    char id[SAAS_UUID_LEN + 1], random[7];
    apr_status_t rv;
    int code, given = slug != NULL, tries = 5;

    if ((code = clean_name(ctl, "name", &name)) != CTL_OK || (code = find_user(ctl, "owner", &owner)) != CTL_OK) {
        return code;
    }
    if (given && (strlen(slug) > SLUG_MAX || !saas_slug_is(slug))) {
        return ctl_say(CTL_USAGE, "--slug: up to %d lower-case letters and digits, in words joined by dashes", SLUG_MAX);
    }
    if (!given) {
        slug = saas_slugify(ctl->p, name, SLUG_MAX - sizeof(random));
    }
    do {
        if (saas_uuid7(id) != APR_SUCCESS) {
            return ctl_say(CTL_REFUSED, "there are no random numbers");
        }
        if (!given && !saas_slug_is(slug)) {
            slug = "organization";
        }
        rv = add_organization(ctl, id, name, slug, owner);
        if (rv == SAAS_EUNIQUE && given) {
            return ctl_say(CTL_REFUSED, "there is an organization %s already: choose another --slug", slug);
        }
        if (rv == SAAS_EUNIQUE) {
            apr_cpystrn(random, id + SAAS_UUID_LEN - 6, sizeof(random));
            slug = apr_pstrcat(ctl->p, saas_slugify(ctl->p, name, SLUG_MAX - sizeof(random)), "-", random, NULL);
            slug += *slug == '-';
        }
    } while (rv == SAAS_EUNIQUE && --tries);
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot create the organization", rv);
    }
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", id, "slug", slug, "name", name), "id");
    return CTL_OK;
}

int ctl_org_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "slug", "name", "subscription", "created_at", "members" };
    return list(ctl, CTL_ORG_LIST, "cannot list organizations", names, "ssssti");
}
