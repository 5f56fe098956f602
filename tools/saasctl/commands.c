/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The table of commands, and the help that is made from it.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#define LIST "limit"

const ctl_command_t ctl_commands[] = {
    { "migrate", NULL, ctl_migrate, { NULL }, { "!status", "!plan", "to" },
      "[--to N] [--plan] | --status",
      "Applies the migrations that are missing; --plan says what that would mean for those who work meanwhile; --status lists "
      "all.", CTL_CREATES },
    { "backup", NULL, ctl_backup, { "FILE" }, { NULL }, "FILE",
      "Writes a checked copy of a SQLite database, of one moment, while httpd goes on.", CTL_BY_ITSELF },
    { "restore", NULL, ctl_restore, { "FILE" }, { "!replace" }, "FILE [--replace]",
      "Puts such a copy in the place of the SQLite database, whole or not at all, while httpd goes on.", CTL_BY_ITSELF },
    { "import-django", NULL, ctl_import_django, { "FILE" }, { "*ignore", "*as", "!skip-users-without-email", "!assume-utc",
      "!dry-run" }, "FILE [--ignore APP.MODEL]... [--as APP.MODEL=KIND]... [--skip-users-without-email] [--assume-utc] [--dry-run]",
      "Imports what Django's dumpdata has written into a database without users, all or nothing; - is standard input.", 0 },

    { "user", "list", ctl_user_list, { NULL }, { LIST }, "[--limit N]", "Lists the users by address.", 0 },
    { "user", "show", ctl_user_show, { "USER" }, { NULL }, "USER", "Shows a user (e-mail address or id) and its organizations.", 0 },
    { "user", "create", ctl_user_create, { NULL }, { "email", "name", "password", "!password-stdin" },
      "--email E [--name N] [--password P | --password-stdin]", "Creates a user; without a password nobody can log in as it.", 0 },
    { "user", "password", ctl_user_password, { "USER" }, { "password", "!password-stdin" },
      "USER --password P | --password-stdin", "Sets a password, and ends the user's sessions and password resets.", 0 },
    { "user", "disable", ctl_user_disable, { "USER" }, { NULL }, "USER",
      "Locks a user out from the next request on and ends its sessions; tokens sleep.", 0 },
    { "user", "enable", ctl_user_enable, { "USER" }, { NULL }, "USER", "Lets a disabled user in again.", 0 },
    { "user", "delete", ctl_user_delete, { "USER" }, { "!with-organizations" }, "USER [--with-organizations]",
      "Deletes a user for good; with --with-organizations also those in which nobody else is.", 0 },

    { "user", "verify", ctl_user_verify, { "USER" }, { NULL }, "USER", "Marks a user's address as proven to be theirs.", 0 },
    { "user", "unverify", ctl_user_unverify, { "USER" }, { NULL }, "USER",
      "Makes a user's address a claim again, which its owner has to prove.", 0 },
    { "user", "duplicates", ctl_user_duplicates, { NULL }, { NULL }, "",
      "Lists users that share a mailbox, whose domain they spell differently; exit status 1 when there are any.", 0 },

    { "org", "list", ctl_org_list, { NULL }, { LIST, "!deleted" }, "[--deleted] [--limit N]",
      "Lists the organizations; --deleted those that are deleted.", 0 },
    { "org", "show", ctl_org_show, { "ORG" }, { NULL }, "ORG", "Shows an organization (slug or id).", 0 },
    { "org", "create", ctl_org_create, { NULL }, { "name", "owner", "slug" }, "--name N --owner USER [--slug S]",
      "Creates an organization with the owner as its ADMIN.", 0 },
    { "org", "delete", ctl_org_delete, { "ORG" }, { "!purge", "!keep-subscription" },
      "ORG [--purge | --keep-subscription]",
      "Takes an organization from everybody at once; its rows stay, or are removed by a job with --purge.", 0 },
    { "org", "restore", ctl_org_restore, { "ORG" }, { "slug" }, "ORG [--slug S]",
      "Brings back an organization that is deleted and not purged.", 0 },
    { "org", "trial", ctl_org_trial, { "ORG", "?TIME" }, { "!end", "!again" }, "ORG TIME [--again] | ORG --end",
      "Gives an organization access for a time (14d, 36h), once unless --again is given; --end ends that now.", 0 },

    { "member", "list", ctl_member_list, { "ORG" }, { LIST }, "ORG [--limit N]", "Lists who is in an organization.", 0 },
    { "member", "add", ctl_member_add, { "ORG", "USER" }, { "role" }, "ORG USER [--role ADMIN|MEMBER|VIEWER]",
      "Makes a user a member (MEMBER unless said otherwise).", 0 },
    { "member", "role", ctl_member_role, { "ORG", "USER" }, { "role" }, "ORG USER --role ADMIN|MEMBER|VIEWER",
      "Changes a member's role; never the last ADMIN's.", 0 },
    { "member", "remove", ctl_member_remove, { "ORG", "USER" }, { NULL }, "ORG USER",
      "Removes a member, its tokens for the organization and the invites it sent; never the last ADMIN.", 0 },

    { "token", "list", ctl_token_list, { NULL }, { "user", "org", LIST }, "[--user USER] [--org ORG] [--limit N]",
      "Lists API tokens, revoked ones included.", 0 },
    { "token", "create", ctl_token_create, { NULL }, { "user", "name", "org", "role", "expires" },
      "--user USER --name N [--org ORG] [--role ADMIN|MEMBER|VIEWER] [--expires ISO]", "Creates an API token and prints it, this once.", 0 },
    { "token", "revoke", ctl_token_revoke, { "ID" }, { NULL }, "ID", "Ends a token for good.", 0 },

    { "invite", "list", ctl_invite_list, { NULL }, { "org", "state", LIST },
      "[--org ORG] [--state pending|accepted|revoked|expired] [--limit N]", "Lists invites.", 0 },
    { "invite", "revoke", ctl_invite_revoke, { "ID" }, { NULL }, "ID", "Revokes a pending invite.", 0 },

    { "session", "list", ctl_session_list, { NULL }, { "user", LIST }, "[--user USER] [--limit N]", "Lists sessions.", 0 },
    { "session", "revoke", ctl_session_revoke, { "?ID" }, { "user" }, "ID | --user USER",
      "Ends a session, or all of a user's.", 0 },

    { "job", "list", ctl_job_list, { NULL }, { "kind", "state", "org", LIST },
      "[--kind K] [--state queued|running|dead] [--org ORG] [--limit N]", "Lists background jobs, dead ones included.", 0 },
    { "job", "show", ctl_job_show, { "ID" }, { NULL }, "ID", "Shows a job; of a mail only the template and the address.", 0 },
    { "job", "retry", ctl_job_retry, { "?ID" }, { "kind", "!dead" }, "ID | --dead [--kind K]",
      "Puts a dead job, or all of them, into the queue anew; makes a waiting one due.", 0 },
    { "job", "remove", ctl_job_remove, { "ID" }, { NULL }, "ID", "Removes a job; a running one is asked to stop.", 0 },
    { "mail", "queue", ctl_mail_queue, { NULL }, { "state", "org", LIST }, "[--state queued|running|dead] [--org ORG] [--limit N]",
      "The same as job list --kind mail.", 0 },

    { "stripe", "events", ctl_stripe_events, { NULL }, { "verdict", "type", "org", "since", LIST },
      "[--verdict V] [--type T] [--org ORG] [--since ISO] [--limit N]",
      "Lists what Stripe has sent, newest first; --verdict refused takes all that begin so.", 0 },
    { "stripe", "reconcile", ctl_stripe_reconcile, { "?ORG" }, { "wait" }, "[ORG] [--wait SECONDS]",
      "Has Stripe asked for all subscriptions, or an organization's, and prints what differed from what its events told.", 0 },
    { "stripe", "replay", ctl_stripe_replay, { "EVENT" }, { "wait" }, "EVENT [--wait SECONDS]",
      "Has a stored event applied again, and prints its new verdict.", 0 },

    { "audit", "import", ctl_audit_import, { "FILE" }, { "org", "format", "name", "audit", "wait" },
      "FILE --org ORG --format generic|ocsf|prowler-csv|sarif|trivy [--name N] [--audit ID] [--wait SECONDS]",
      "Makes an audit of a file of another scanner's findings, or adds them to one, and prints what became of it.", 0 },

    { "activity", "list", ctl_activity_list, { NULL }, { "org", "action", "actor", "since", LIST },
      "[--org ORG] [--action A] [--actor ID|EMAIL] [--since ISO] [--limit N]", "Lists the activity trail, newest first.", 0 },

    { "doctor", NULL, ctl_doctor, { NULL }, { "httpd", "config", "!database-only", "!strict" },
      "[--config FILE] [--httpd PROGRAM] [--database-only] [--strict]",
      "Looks at all that a deployment depends on and says first what is wrong, with the way out; exit status 1 when anything "
      "is, with --strict also when anything is doubtful.", CTL_BY_ITSELF },
    { "why", NULL, ctl_why, { "USER", "GATE-or-URL", "?GATE-or-URL" }, { "httpd", "config", "method", "token" },
      "USER [ORG] GATE-or-URL [--token ID] [--method M] [--config FILE] [--httpd PROGRAM]",
      "Says whether a gate (\"saas-role ADMIN\"), or those before a path or URL, let a user in now, and why not.", 0 },
    { 0 }
};

#define USAGE "saasctl --db 'pgsql:CONNINFO' | --db sqlite:PATH [--sql FOLDER] [--json] COMMAND"

const ctl_command_t *ctl_command_find(const char *object, const char *verb)
{
    const ctl_command_t *command;
    for (command = ctl_commands; command->object; command++) {
        if (!strcmp(command->object, object) && (!command->verb || (verb && !strcmp(command->verb, verb)))) {
            return command;
        }
    }
    return NULL;
}

static int is_object(const char *object)
{
    const ctl_command_t *command;
    for (command = ctl_commands; object && command->object; command++) {
        if (!strcmp(command->object, object)) {
            return 1;
        }
    }
    return 0;
}

static void print(const ctl_command_t *command, int explain)
{
    printf("  %s%s%s %s\n", command->object, command->verb ? " " : "", command->verb ? command->verb : "", command->synopsis);
    if (explain) {
        printf("      %s\n", command->help);
    }
}

void ctl_command_help(const char *object, const char *verb)
{
    const ctl_command_t *command, *one = object ? ctl_command_find(object, verb) : NULL;
    int all = !is_object(object);

    fputs("usage: " USAGE "\n\n", stdout);
    for (command = ctl_commands; command->object; command++) {
        if (all || command == one || (!one && !strcmp(command->object, object))) {
            print(command, !all);
        }
    }
    fputs(all ? "\nsaasctl COMMAND --help says more of one.  USER is an e-mail address or an id, ORG a slug or an id.\n"
                "Connect as the owner of the schema.  SAASCTL_DB and SAASCTL_SQL stand for --db and --sql.\n"
                "Exit codes: 0 done, 1 refused, not found or wrong (doctor), 2 wrong use, 3 database, 4 it depends on the request (why).\n"
              : "", stdout);
}

int ctl_command_unknown(const char *object, const char *verb)
{
    char known[256] = "";
    const ctl_command_t *command;

    if (!is_object(object)) {
        return ctl_say(CTL_USAGE, "there is no command %s: see saasctl --help", object);
    }
    for (command = ctl_commands; command->object; command++) {
        if (!strcmp(command->object, object)) {
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", *known ? ", " : "", command->verb);
        }
    }
    return verb ? ctl_say(CTL_USAGE, "there is no command %s %s: %s takes %s", object, verb, object, known)
                : ctl_say(CTL_USAGE, "%s what? It takes %s", object, known);
}
