/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The gates: what they are called, what arguments they take, what they say.
 * One set with two faces: a route table names them in text that is parsed by
 * the same function as a Require line, and both are decided by the same
 * functions, on the principal alone.  How httpd is made to ask is in
 * authz.c, what a client is told in refusals.c.
 */
#include "registry.h"
#include "core/decide.h"

#include <apr_strings.h>

/* ------------------------------------------------------ the host's own -- */

/* The rules are in core/decide.h: they want no httpd, and saasctl has them as well. */
_Static_assert((int)SAAS_GRANTED == SAAS_DECIDED_GRANTED && (int)SAAS_UNAVAILABLE == SAAS_DECIDED_UNAVAILABLE
                   && (int)SAAS_NO_USER == SAAS_DECIDED_NO_USER
                   && (int)SAAS_CHOOSE_ORGANIZATION == SAAS_DECIDED_CHOOSE_ORGANIZATION
                   && (int)SAAS_OUTSIDER == SAAS_DECIDED_OUTSIDER && (int)SAAS_WRONG_ROLE == SAAS_DECIDED_WRONG_ROLE
                   && (int)SAAS_NO_SUBSCRIPTION == SAAS_DECIDED_NO_SUBSCRIPTION
                   && (int)SAAS_UNVERIFIED == SAAS_DECIDED_UNVERIFIED && (int)SAAS_NO_FEATURE == SAAS_DECIDED_NO_FEATURE
                   && (int)SAAS_NO_PLAN == SAAS_DECIDED_NO_PLAN,
               "verdicts and decisions have the same numbers");

SAAS_WARM static inline saas_facts_t facts_of(const saas_principal_t *who)
{
    const saas_facts_t facts = { who->email, who->org_id, who->org_slug, saas_role_text(who->role), who->subscription,
                                 who->has_active_subscription, who->email_verified, who->price, who->entitled,
                                 saas_config_plans(), who->in_trial };
    return facts;
}

#define DECIDER(name) \
    SAAS_WARM static saas_verdict_e decide_##name(const saas_principal_t *who, int argc, const char *const *argv) \
    { \
        const saas_facts_t facts = facts_of(who); \
        return (saas_verdict_e)saas_decide_##name(&facts, argc, argv); \
    }

DECIDER(user)
DECIDER(member)
DECIDER(role)
DECIDER(subscription)
DECIDER(account)
DECIDER(verified)
DECIDER(feature)
DECIDER(plan)
DECIDER(trial)

enum { GATE_USER, GATE_MEMBER, GATE_ROLE, GATE_SUBSCRIPTION, GATE_ACCOUNT, GATE_VERIFIED, GATE_FEATURE, GATE_PLAN, GATE_TRIAL };

const saas_gate_t saas_host_gates[] = {
    [GATE_USER] = { "user", NULL, 0, -1, decide_user },
    [GATE_MEMBER] = { "member", saas_decide_check_organization, 0, -1, decide_member },
    [GATE_ROLE] = { "role", saas_decide_check_role, 1, -1, decide_role },
    [GATE_SUBSCRIPTION] = { "subscription", saas_decide_check_subscription, 1, -1, decide_subscription },
    [GATE_ACCOUNT] = { "account", NULL, 0, 0, decide_account },
    [GATE_VERIFIED] = { "verified", NULL, 0, 0, decide_verified },
    [GATE_FEATURE] = { "feature", saas_plan_check_name, 1, -1, decide_feature },
    [GATE_PLAN] = { "plan", saas_plan_check_name, 1, -1, decide_plan },
    [GATE_TRIAL] = { "trial", NULL, 0, 0, decide_trial },
    { 0 }
};

/* ------------------------------------------------------------ parsing -- */

const char *saas_gate_parse(apr_pool_t *p, cmd_parms *cmd, const char *text, saas_gate_use_t *use)
{
    apr_array_header_t *words = apr_array_make(p, 4, sizeof(const char *));
    apr_array_header_t *expressions = apr_array_make(p, 4, sizeof(ap_expr_info_t *));
    const char *rest = text, *name = ap_getword_conf(p, &rest);
    int any = 0;
    use->text = text;
    use->gate = strncmp(name, "saas-", 5) ? NULL : saas_gate_find(name + 5);
    if (!use->gate) {
        return apr_psprintf(p, "there is no gate \"%s\"", name);
    }
    use->number = saas_gate_number(use->gate);
    while (*rest) {
        const char *word = ap_getword_conf(p, &rest);
        ap_expr_info_t *expression = NULL;
        const char *err = NULL;
        if (cmd && ap_strstr_c(word, "%{")) {
            expression = ap_expr_parse_cmd(cmd, word, AP_EXPR_FLAG_STRING_RESULT, &err, NULL);
            any = 1;
        }
        else if (use->gate->check_arg) {
            err = use->gate->check_arg(p, word);
        }
        if (err) {
            return apr_psprintf(p, "%s: %s", name, err);
        }
        if (cmd && !expression && (use->gate == &saas_host_gates[GATE_FEATURE] || use->gate == &saas_host_gates[GATE_PLAN])) {
            saas_config_plan_asked(word, cmd->directive, use->gate == &saas_host_gates[GATE_PLAN]);
        }
        *(const char **)apr_array_push(words) = word;
        *(ap_expr_info_t **)apr_array_push(expressions) = expression;
    }
    if (words->nelts < use->gate->min_args || (use->gate->max_args >= 0 && words->nelts > use->gate->max_args)) {
        return apr_psprintf(p, "%s: takes %s%d argument(s)", name,
                            words->nelts < use->gate->min_args ? "at least " : "at most ",
                            words->nelts < use->gate->min_args ? use->gate->min_args : use->gate->max_args);
    }
    use->argc = words->nelts;
    use->argv = (const char *const *)words->elts;
    use->expressions = any ? (ap_expr_info_t *const *)expressions->elts : NULL;
    return NULL;
}

/* ----------------------------------------------------------- deciding -- */

/* Evaluates arguments that are expressions; NULL when one fails.  *sound is set
 * to 0 by a result that configtest would have refused as a word. */
static const char *const *evaluate(request_rec *r, const saas_gate_use_t *use, int *sound)
{
    const char **argv = apr_palloc(r->pool, sizeof(*argv) * (apr_size_t)use->argc);
    int i;
    for (i = 0; i < use->argc; i++) {
        const char *err = NULL;
        argv[i] = use->argv[i];
        if (use->expressions[i]) {
            argv[i] = ap_expr_str_exec(r, use->expressions[i], &err);
        }
        if (err || !argv[i]) {
            SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1301", "Require %s: expression \"%s\" failed: %s; access is refused",
                      use->text, use->argv[i], err ? err : "no result");
            return NULL;
        }
        if (use->expressions[i] && use->gate->check_arg && (err = use->gate->check_arg(r->pool, argv[i]))) {
            /* What a client sends can be the cause, so it may not fill the log. */
            SAAS_RLOG(r, APLOG_INFO, 0, "SAAS1305", "Require %s: expression \"%s\": %s", use->text, use->argv[i], err);
            *sound = 0;
        }
    }
    return argv;
}

SAAS_WARM saas_verdict_e saas_gate_decide(request_rec *r, const saas_context_t *ctx, const saas_gate_use_t *use,
                                          int *certain)
{
    const char *const *argv = use->argv;
    saas_verdict_e verdict;
    int ignored, *sure = certain ? certain : &ignored;
    *sure = 0;
    if (ctx->loaded != SAAS_GRANTED) {
        return ctx->loaded;
    }
    /* Under "not" it is no grant: nothing was decided about what the gate is for. */
    if (!ctx->who.email_verified && use->gate != &saas_host_gates[GATE_ACCOUNT]
        && saas_config_verify_email(r->server) == SAAS_VERIFY_EMAIL_REQUIRED) {
        return SAAS_UNVERIFIED;
    }
    *sure = 1;
    if (use->expressions && !(argv = evaluate(r, use, sure))) {
        *sure = 0;
        return SAAS_WRONG_ROLE;
    }
    verdict = use->gate->decide(&ctx->who, use->argc, argv);
    if (verdict == SAAS_OUTSIDER && !ctx->who.org_id) {
        *sure = 0;
        return (saas_verdict_e)saas_decide_unchosen(ctx->several);
    }
    return verdict;
}
