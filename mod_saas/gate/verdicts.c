/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Requests by gate and verdict, counted so that an operator can read "who refuses, and why" off them: a gate that
 * refused inside a <RequireAny>, or under "not", has refused nobody when the section lets the request in.
 */
#include "verdicts.h"

/* What one gate has said of a request: bits, and below them the most telling refusal. */
#define ASKED 0x80
#define GRANTED 0x40
#define REFUSAL 0x3f

SAAS_WARM saas_said_e saas_verdicts_said(saas_verdict_e verdict, const saas_context_t *ctx)
{
    static const saas_said_e said[] = {
        [SAAS_GRANTED] = SAAS_SAID_GRANTED,
        [SAAS_UNAVAILABLE] = SAAS_SAID_UNAVAILABLE,
        [SAAS_NO_USER] = SAAS_SAID_NOT_AUTHENTICATED,
        [SAAS_CHOOSE_ORGANIZATION] = SAAS_SAID_ORGANIZATION_REQUIRED,
        [SAAS_OUTSIDER] = SAAS_SAID_NOT_FOUND,
        [SAAS_WRONG_ROLE] = SAAS_SAID_PERMISSION_DENIED,
        [SAAS_NO_SUBSCRIPTION] = SAAS_SAID_SUBSCRIPTION_REQUIRED,
        [SAAS_UNVERIFIED] = SAAS_SAID_EMAIL_NOT_VERIFIED,
        [SAAS_NO_FEATURE] = SAAS_SAID_FEATURE_REQUIRED,
        [SAAS_NO_PLAN] = SAAS_SAID_PLAN_REQUIRED,
    };
    return verdict == SAAS_NO_USER && ctx && ctx->authentication_failed ? SAAS_SAID_AUTHENTICATION_FAILED
                                                                        : said[verdict];
}

SAAS_WARM static void count(int gate, saas_said_e said)
{
    saas_counters_add(SAAS_COUNT_REQUESTS, gate, said, 1);
}

/* -------------------------------------------------------- Require lines -- */

void saas_verdicts_asked(request_rec *r, const saas_gate_use_t *use)
{
    saas_state_t *state = saas_state_get(r);
    state->asked = 1;
    if (!state->first) {
        state->first = use;
    }
    state->gates[use->number] |= ASKED;
}

SAAS_WARM void saas_verdicts_noted(request_rec *r, const saas_gate_use_t *use, saas_verdict_e verdict)
{
    saas_state_t *state = saas_state_get(r);
    apr_byte_t *gate = &state->gates[use->number];
    apr_byte_t before = *gate & REFUSAL;
    state->asked = 1;
    if (verdict == SAAS_GRANTED) {
        *gate |= GRANTED;
    }
    else if (!before || (apr_byte_t)verdict < before) {
        *gate = (apr_byte_t)((*gate & ~REFUSAL) | verdict);
    }
}

SAAS_WARM void saas_verdicts_settle(request_rec *r, const saas_context_t *ctx, int let_in)
{
    saas_state_t *state = saas_state_find(r);
    int i, n = saas_gates_count();
    for (i = 0; state && i < n; i++) {
        int refusal = state->gates[i] & REFUSAL, granted = state->gates[i] & GRANTED;
        if (granted && (let_in || !refusal)) {
            count(i, SAAS_SAID_GRANTED);
        }
        else if (refusal) {
            count(i, let_in ? SAAS_SAID_OVERRULED : saas_verdicts_said((saas_verdict_e)refusal, ctx));
        }
        state->gates[i] = 0;
    }
}

void saas_verdicts_refused(request_rec *r, saas_said_e said)
{
    saas_state_t *state = saas_state_find(r);
    int i, n = saas_gates_count();
    for (i = 0; state && i < n; i++) {
        if (state->gates[i]) {
            count(i, said);
            state->gates[i] = 0;
        }
    }
}

SAAS_WARM void saas_verdicts_drop(request_rec *r)
{
    saas_state_t *state = saas_state_find(r);
    if (state) {
        memset(state->gates, 0, (apr_size_t)saas_gates_count());
    }
}

SAAS_WARM void saas_verdicts_log(request_rec *r)
{
    for (; r; r = r->next) {
        if (r->status == HTTP_UNAUTHORIZED) {
            saas_verdicts_refused(r, SAAS_SAID_NOT_AUTHENTICATED);
        }
    }
}

/* --------------------------------------------------------------- routes -- */

/* True for the first of a route's lines that are of the same gate. */
static int is_first(const saas_gate_use_t *gates, int i)
{
    int k;
    for (k = 0; k < i && gates[k].number != gates[i].number; k++) {
    }
    return k == i;
}

void saas_verdicts_route(const saas_gate_use_t *gates, int n, const saas_context_t *ctx, const saas_verdict_e *verdicts)
{
    int i, k;
    for (i = 0; i < n; i++) {
        saas_verdict_e worst = verdicts[i];
        for (k = i + 1; k < n; k++) {
            if (gates[k].number == gates[i].number && verdicts[k] != SAAS_GRANTED
                && (worst == SAAS_GRANTED || verdicts[k] < worst)) {
                worst = verdicts[k];
            }
        }
        if (is_first(gates, i)) {
            count(gates[i].number, saas_verdicts_said(worst, ctx));
        }
    }
}

void saas_verdicts_route_refused(const saas_gate_use_t *gates, int n, saas_said_e said)
{
    int i;
    for (i = 0; i < n; i++) {
        if (is_first(gates, i)) {
            count(gates[i].number, said);
        }
    }
}
