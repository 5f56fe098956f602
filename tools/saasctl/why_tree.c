/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Require lines as mod_authz_core and the host's gates decide them: containers end at the child that settles them,
 * "not" turns a grant into a refusal and a refusal into nothing, and what a gate cannot tell is never turned round.
 *
 * Lines that are none of the host's gates depend on the request.  All ways in which they could turn out are tried: only
 * when all of them end alike is that the answer.
 */
#include "why.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

/* So many lines that depend on the request are tried out: two to the power of it. */
#define UNKNOWN_MAX 10

typedef enum { GRANTED, DENIED, NEUTRAL, ENDED } result_e;

typedef struct run_t {
    ctl_why_t *why;
    unsigned world; /* a bit for each line that depends: does it grant? */
    int seen;       /* of such lines */
    saas_decision_e decision;
    int turned;
    const json_t *line;
} run_t;

json_t *ctl_why_line(const char *text)
{
    return json_pack("{s:s}", "require", text);
}

/* ------------------------------------------------------------------ a line -- */

/* Behind "Require" and "not". */
static const char *skip_not(const char *text, int *negated)
{
    if (!strncasecmp(text, "Require ", 8)) {
        text += 8;
    }
    *negated = !strncasecmp(text, "not ", 4);
    text += *negated ? 4 : 0;
    return text + strspn(text, " \t");
}

/* The gate and its arguments; NULL: it is no gate of the host's. */
static const saas_decider_t *read_gate(apr_pool_t *p, const char *text, int *argc, char ***argv)
{
    const saas_decider_t *gate;
    if (strncmp(text, "saas-", 5) || apr_tokenize_to_argv(text, argv, p) != APR_SUCCESS) {
        return NULL;
    }
    for (*argc = 0; (*argv)[*argc]; ++*argc) {
    }
    for (gate = saas_deciders; gate->name && strcmp(gate->name, (*argv)[0] + 5); gate++) {
    }
    --*argc;
    ++*argv;
    return gate->name ? gate : NULL;
}

int ctl_why_is_by_plan(const char *text)
{
    int negated;
    text = skip_not(text, &negated);
    return !strncmp(text, "saas-feature ", 13) || !strncmp(text, "saas-plan ", 10);
}

int ctl_why_check(ctl_t *ctl, const char *text)
{
    const saas_decider_t *gate;
    int negated, argc, i;
    char **argv;
    const char *wrong;
    text = skip_not(text, &negated);
    if (!(gate = read_gate(ctl->p, text, &argc, &argv))) {
        return ctl_say(CTL_USAGE,
                       "\"%s\" is neither a path or URL nor a gate of the host: those are saas-user, saas-member,"
                       " saas-role ROLE..., saas-subscription STATUS..., saas-feature FEATURE...,"
                       " saas-plan PLAN... and saas-trial",
                       text);
    }
    if (argc < gate->min_args) {
        return ctl_say(CTL_USAGE, "saas-%s takes at least %d argument(s)", gate->name, gate->min_args);
    }
    for (i = 0; i < argc; i++) {
        if (gate->check_arg && !strstr(argv[i], "%{") && (wrong = gate->check_arg(ctl->p, argv[i]))) {
            return ctl_say(CTL_USAGE, "saas-%s: %s", gate->name, wrong);
        }
    }
    return CTL_OK;
}

static int has_expression(int argc, char **argv)
{
    int i;
    for (i = 0; i < argc && !strstr(argv[i], "%{"); i++) {
    }
    return i < argc;
}

/* Another module's line, where that is certain. */
static int is_plain(const ctl_why_t *why, const char *text, result_e *result)
{
    static const struct {
        const char *text;
        result_e result;
    } plain[] = { { "all granted", GRANTED }, { "all denied", DENIED }, { "valid-user", GRANTED } };
    size_t i;
    for (i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        if (!strcasecmp(text, plain[i].text)) {
            *result = why->nobody && !strcmp(plain[i].text, "valid-user") ? DENIED : plain[i].result;
            return 1;
        }
    }
    return 0;
}

static result_e turn(result_e result, int negated)
{
    return !negated ? result : result == GRANTED ? DENIED : NEUTRAL;
}

/* under: "not" or <RequireNone> turns it round, the container does so itself. */
static result_e decide_line(run_t *run, const json_t *line, int under)
{
    const char *text = json_string_value(json_object_get(line, "require"));
    const saas_facts_t *who = run->why->who;
    const saas_decider_t *gate;
    saas_decision_e decision;
    result_e result;
    int negated, argc = 0, certain = 1;
    char **argv = NULL;
    text = skip_not(text, &negated);
    gate = read_gate(run->why->p, text, &argc, &argv);
    if (run->why->nobody && !strncmp(text, "saas-", 5)) {
        decision = SAAS_DECIDED_NO_USER;
        certain = 0;
    }
    else if (!gate || has_expression(argc, argv)) {
        if (!is_plain(run->why, text, &result)) {
            result = run->world >> run->seen & 1 ? GRANTED : DENIED;
            run->seen += run->seen < UNKNOWN_MAX;
        }
        return turn(result, negated);
    }
    else if (run->why->proof && !who->email_verified && strcmp(gate->name, SAAS_DECIDE_WITHOUT_PROOF)) {
        decision = SAAS_DECIDED_UNVERIFIED;
        certain = 0;
    }
    else {
        decision = gate->decide(who, argc, (const char *const *)argv);
        if (decision == SAAS_DECIDED_OUTSIDER && !who->org_id) {
            decision = saas_decide_unchosen(run->why->several);
            certain = 0;
        }
    }
    if (decision == SAAS_DECIDED_GRANTED) {
        if ((negated || under) && !run->line) {
            run->turned = 1;
            run->line = line;
            run->decision = SAAS_DECIDED_WRONG_ROLE;
        }
        return turn(GRANTED, negated);
    }
    if (!run->line || run->turned || decision < run->decision) {
        run->turned = 0;
        run->line = line;
        run->decision = decision;
    }
    return decision == SAAS_DECIDED_CHOOSE_ORGANIZATION || ((negated || under) && !certain) ? ENDED
                                                                                            : turn(DENIED, negated);
}

/* ------------------------------------------------------------------ a tree -- */

static result_e decide(run_t *run, const json_t *node, int under);

/* all, or any of a list. */
static result_e decide_list(run_t *run, const json_t *list, int all, int under)
{
    result_e result = NEUTRAL, settles = all ? DENIED : GRANTED;
    size_t i;
    for (i = 0; i < json_array_size(list); i++) {
        result_e child = decide(run, json_array_get(list, i), under);
        if (child == ENDED || child == settles) {
            return child;
        }
        result = child != NEUTRAL && result == NEUTRAL ? child : result;
    }
    return result;
}

static result_e decide(run_t *run, const json_t *node, int under)
{
    const json_t *list;
    if ((list = json_object_get(node, "all"))) {
        return decide_list(run, list, 1, under);
    }
    if ((list = json_object_get(node, "any"))) {
        return decide_list(run, list, 0, under);
    }
    if ((list = json_object_get(node, "none"))) {
        result_e result = decide_list(run, list, 0, 1);
        return result == ENDED ? ENDED : turn(result, 1);
    }
    return decide_line(run, node, under);
}

/* Names the lines that depend on the request, and counts them. */
static int count_unknown(ctl_why_t *why, const json_t *node)
{
    static const char *const keys[] = { "all", "any", "none" };
    const char *text = json_string_value(json_object_get(node, "require")), *at;
    int i, n = 0, negated, argc = 0;
    char **argv = NULL;
    result_e ignored;
    size_t k;
    for (i = 0; i < 3; i++) {
        const json_t *list = json_object_get(node, keys[i]);
        for (k = 0; k < json_array_size(list); k++) {
            n += count_unknown(why, json_array_get(list, k));
        }
    }
    if (text) {
        const char *bare = skip_not(text, &negated);
        const saas_decider_t *gate = read_gate(why->p, bare, &argc, &argv);
        int ours = !strncmp(bare, "saas-", 5);
        if (!(ours && why->nobody) && (gate ? has_expression(argc, argv) : !is_plain(why, bare, &ignored))) {
            at = json_string_value(json_object_get(node, "at"));
            json_array_append_new(why->unknown,
                                  json_string(apr_psprintf(why->p, "Require %s (%s): %s", text, at ? at : "-",
                                                           gate   ? "depends on an expression"
                                                           : ours ? "a plugin's gate"
                                                                  : "depends on the request")));
            n++;
        }
    }
    return n;
}

ctl_why_e ctl_why_tree(ctl_why_t *why, json_t *tree)
{
    int unknown = count_unknown(why, tree), granted = 0, refused = 0;
    unsigned worlds, world;
    if (unknown > UNKNOWN_MAX) {
        return WHY_DEPENDS;
    }
    /* The last one is that in which all lines that depend grant: what then refuses is what is told. */
    for (worlds = 1u << unknown, world = 0; world < worlds; world++) {
        run_t run = { .why = why, .world = world, .decision = SAAS_DECIDED_WRONG_ROLE };
        result_e result = decide(&run, tree, 0);
        granted += result == GRANTED;
        refused += result != GRANTED;
        why->decision = run.decision;
        why->turned = run.turned;
        why->line = run.line;
    }
    why->line = granted ? NULL : why->line;
    return granted && refused ? WHY_DEPENDS : granted ? WHY_GRANTED : WHY_REFUSED;
}

ctl_why_e ctl_why_route(ctl_why_t *why, const json_t *gates)
{
    run_t run = { .why = why, .decision = SAAS_DECIDED_GRANTED };
    int depends = 0, refused = 0;
    size_t i;
    for (i = 0; i < json_array_size(gates); i++) {
        /* Every one of them is asked. */
        if (count_unknown(why, json_array_get(gates, i))) {
            depends = 1;
        }
        else {
            refused |= decide_line(&run, json_array_get(gates, i), 0) != GRANTED;
        }
    }
    why->decision = run.decision;
    why->turned = 0;
    why->line = run.line;
    return refused ? WHY_REFUSED : depends ? WHY_DEPENDS : WHY_GRANTED;
}
