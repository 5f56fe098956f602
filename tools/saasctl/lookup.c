/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * From what an operator types to rows of the database.  Whoever is named and not there is a refusal that says where to
 * look; nothing here changes anything.
 */
#include "saasctl.h"
#include "statements.h"

#include "core/id.h"
#include "core/text.h"
#include "core/timefmt.h"

#include <apr_strings.h>

#include <string.h>

const char *ctl_option(const ctl_t *ctl, const char *name)
{
    return apr_table_get(ctl->options, name);
}

int ctl_need(const ctl_t *ctl, const char *name, const char **value)
{
    *value = ctl_option(ctl, name);
    return *value && **value ? CTL_OK : ctl_say(CTL_USAGE, "--%s is missing", name);
}

int ctl_name(ctl_t *ctl, const char *option, const char **name)
{
    const char *text, *why = "is no name";
    int code = ctl_need(ctl, option, &text);
    if (code == CTL_OK && saas_name_clean(ctl->p, text, CTL_NAME_MAX, name, &why) != APR_SUCCESS) {
        code = ctl_say(CTL_USAGE, "--%s: %s", option, why);
    }
    return code;
}

int ctl_word(ctl_t *ctl, const char *option, const char *const *words, const char **word)
{
    const char *list = NULL;
    int i;
    *word = ctl_option(ctl, option);
    for (i = 0; words[i]; i++) {
        if (!*word || !strcmp(*word, words[i])) {
            return CTL_OK;
        }
        list = list ? apr_pstrcat(ctl->p, list, words[i + 1] ? ", " : " and ", words[i], NULL) : words[i];
    }
    return ctl_say(CTL_USAGE, "--%s: \"%s\" is none of %s", option, *word, list);
}

int ctl_time(ctl_t *ctl, const char *option, const char **iso)
{
    char *text = apr_palloc(ctl->p, SAAS_TIME_ISO_SIZE);
    apr_time_t t;
    *iso = text;
    return saas_time_parse(ctl_option(ctl, option), &t) == APR_SUCCESS && saas_time_iso(text, t) == APR_SUCCESS
               ? CTL_OK : ctl_say(CTL_USAGE, "--%s: give a time like 2027-01-31T12:00:00Z", option);
}

int ctl_role(ctl_t *ctl, const char *option, const char **role)
{
    static const char *const roles[] = { "ADMIN", "MEMBER", "VIEWER", NULL };
    return ctl_word(ctl, option, roles, role);
}

int ctl_user(ctl_t *ctl, const char *text, ctl_user_t *user)
{
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_USER_FIND, &rows, CTL_ARGS(saas_email_fold(ctl->p, text), saas_email_spelled(ctl->p, text)));
    if (code != CTL_OK) {
        return code;
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no user %s: see saasctl user list, or create it with saasctl user create", text);
    }
    user->id = ctl_cell(rows, 0, 0);
    user->email = ctl_cell(rows, 0, 1);
    user->name = ctl_cell(rows, 0, 2);
    user->active = ctl_cell_true(rows, 0, 3);
    user->verified = ctl_cell_true(rows, 0, 4);
    return CTL_OK;
}

int ctl_org(ctl_t *ctl, const char *text, int deleted_too, ctl_org_t *org)
{
    saas_driver_rows_t *rows;
    const char *folded = saas_email_fold(ctl->p, text);
    int code = ctl_ask(ctl, CTL_ORG_FIND, &rows, CTL_ARGS(folded));
    if (code == CTL_OK && !rows->count) {
        code = ctl_ask(ctl, CTL_ORG_FIND_DELETED, &rows, CTL_ARGS(folded));
    }
    if (code != CTL_OK) {
        return code;
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no organization %s: see saasctl org list", text);
    }
    org->id = ctl_cell(rows, 0, 0);
    org->slug = ctl_cell(rows, 0, 1);
    org->name = ctl_cell(rows, 0, 2);
    org->deleted = ctl_cell_true(rows, 0, 3);
    if (org->deleted && !deleted_too) {
        return ctl_say(CTL_REFUSED, "the organization %s is deleted: see saasctl org restore", text);
    }
    return CTL_OK;
}

int ctl_id(ctl_t *ctl, const char *text, const char **id)
{
    char *canonical = apr_palloc(ctl->p, SAAS_UUID_LEN + 1);
    if (saas_uuid_canonical(canonical, text) != APR_SUCCESS) {
        return ctl_say(CTL_USAGE, "\"%s\" is no id: ids look like 0196f0c2-7f3a-7c51-8b7e-2f1d4c6a9b10", text);
    }
    *id = canonical;
    return CTL_OK;
}

int ctl_user_option(ctl_t *ctl, const char *option, const char **id)
{
    const char *text = ctl_option(ctl, option);
    ctl_user_t user = { NULL };
    int code = text ? ctl_user(ctl, text, &user) : CTL_OK;
    *id = user.id;
    return code;
}

int ctl_org_option(ctl_t *ctl, const char *option, const char **id)
{
    const char *text = ctl_option(ctl, option);
    ctl_org_t org = { NULL };
    int code = text ? ctl_org(ctl, text, 1, &org) : CTL_OK;
    *id = org.id;
    return code;
}

int ctl_new_id(ctl_t *ctl, const char **id)
{
    char *made = apr_palloc(ctl->p, SAAS_UUID_LEN + 1);
    *id = made;
    return saas_uuid7(made) == APR_SUCCESS ? CTL_OK : ctl_say(CTL_REFUSED, "there are no random numbers");
}

int ctl_slug_fits(const char *slug)
{
    size_t len = strlen(slug);
    return len >= CTL_SLUG_MIN && len <= CTL_SLUG_MAX && saas_slug_is(slug);
}

int ctl_org_lock(ctl_t *ctl, const char *org_id)
{
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_ORG_LOCK, &rows, CTL_ARGS(org_id));
    return code == CTL_OK && !rows->count ? ctl_say(CTL_REFUSED, "the organization is gone") : code;
}
