/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file commands.h
 * The functions behind the table of commands, each in the file of its object.
 */
#ifndef SAASCTL_COMMANDS_H
#define SAASCTL_COMMANDS_H

#include "saasctl.h"

int ctl_migrate(ctl_t *ctl);
int ctl_import_django(ctl_t *ctl);
int ctl_backup(ctl_t *ctl);
int ctl_restore(ctl_t *ctl);

int ctl_user_list(ctl_t *ctl);
int ctl_user_show(ctl_t *ctl);
int ctl_user_create(ctl_t *ctl);
int ctl_user_password(ctl_t *ctl);
int ctl_user_disable(ctl_t *ctl);
int ctl_user_enable(ctl_t *ctl);
int ctl_user_delete(ctl_t *ctl);
int ctl_user_verify(ctl_t *ctl);
int ctl_user_unverify(ctl_t *ctl);
int ctl_user_duplicates(ctl_t *ctl);

/** After the migrations: gives addresses the keys that their domains have in every spelling, but for those of a mailbox that
 *  several users share, of which it tells. */
int ctl_settle_addresses(ctl_t *ctl);

int ctl_org_list(ctl_t *ctl);
int ctl_org_show(ctl_t *ctl);
int ctl_org_create(ctl_t *ctl);
int ctl_org_delete(ctl_t *ctl);
int ctl_org_restore(ctl_t *ctl);
int ctl_org_trial(ctl_t *ctl);

int ctl_member_list(ctl_t *ctl);
int ctl_member_add(ctl_t *ctl);
int ctl_member_role(ctl_t *ctl);
int ctl_member_remove(ctl_t *ctl);

int ctl_token_list(ctl_t *ctl);
int ctl_token_create(ctl_t *ctl);
int ctl_token_revoke(ctl_t *ctl);

int ctl_invite_list(ctl_t *ctl);
int ctl_invite_revoke(ctl_t *ctl);

int ctl_session_list(ctl_t *ctl);
int ctl_session_revoke(ctl_t *ctl);

int ctl_job_list(ctl_t *ctl);
int ctl_job_show(ctl_t *ctl);
int ctl_job_retry(ctl_t *ctl);
int ctl_job_remove(ctl_t *ctl);
int ctl_mail_queue(ctl_t *ctl);

int ctl_activity_list(ctl_t *ctl);

int ctl_stripe_events(ctl_t *ctl);
int ctl_stripe_reconcile(ctl_t *ctl);
int ctl_stripe_replay(ctl_t *ctl);

int ctl_audit_import(ctl_t *ctl);

int ctl_why(ctl_t *ctl);
int ctl_doctor(ctl_t *ctl);

/** Refuses when the user, who is ADMIN, is the only one.  The organization must be locked. */
int ctl_member_keeps_admin(ctl_t *ctl, const ctl_org_t *org, const ctl_user_t *user, const char *doing);
/** Takes an organization, which is locked, out of sight; purge: its rows go, too, and its subscription is canceled. */
int ctl_org_soft_delete(ctl_t *ctl, const ctl_org_t *org, int purge);

#endif
