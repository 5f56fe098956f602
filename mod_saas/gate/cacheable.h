/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file cacheable.h
 * What a gate has let in is for whom it was let in: caches between are told so.
 */
#ifndef SAAS_GATE_CACHEABLE_H
#define SAAS_GATE_CACHEABLE_H

#include "gate.h"

/** In fixups of a request that has passed its gates, or that comes of another: DECLINED, or the status that refuses a
 *  subrequest whose page has already left as one for everybody. */
int saas_cacheable_fixups(request_rec *r);

/** A request is refused: a page that it was to be a part of is as little for everybody as one with that part. */
void saas_cacheable_refused(request_rec *r);

/** Is it for what a browser will show as a page? */
int saas_cacheable_is_navigation(request_rec *r);

/** In pre_config, when all modules are known. */
void saas_cacheable_pre_config(void);

void saas_cacheable_hooks(void);

#endif
