/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file verdicts.h
 * Requests counted by gate and verdict.
 */
#ifndef SAAS_GATE_VERDICTS_H
#define SAAS_GATE_VERDICTS_H

#include "gate.h"

/** The gates of Require lines are asked one by one, twice, and stand in trees that may ask no further or turn their
 *  answer round.  So what they say is noted, and counted when it is known what became of the request. */

/** A Require line has been asked before anybody is known. */
void saas_verdicts_asked(request_rec *r, const saas_gate_use_t *use);
/** A Require line has decided. */
void saas_verdicts_noted(request_rec *r, const saas_gate_use_t *use, saas_verdict_e verdict);
/** All lines have been asked: counts what the gates have said. */
void saas_verdicts_settle(request_rec *r, const saas_context_t *ctx, int let_in);
/** The request is refused before the gates could decide: counts that for each that was asked. */
void saas_verdicts_refused(request_rec *r, saas_said_e said);
/** The request was let in past gates that were asked while nobody was known: they are not counted. */
void saas_verdicts_drop(request_rec *r);
/** What a verdict is counted as. */
saas_said_e saas_verdicts_said(saas_verdict_e verdict, const saas_context_t *ctx);

#endif
