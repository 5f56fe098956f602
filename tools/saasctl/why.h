/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file why.h
 * What the files of saasctl why share: why.c (a user of now, and the answer), why_tree.c (Require lines), why_place.c
 * (what stands before a URL).
 */
#ifndef SAASCTL_WHY_H
#define SAASCTL_WHY_H

#include "saasctl.h"
#include "core/why.h"

/** What of a tree of Require lines is known, and what of it decided. */
typedef enum { WHY_GRANTED, WHY_REFUSED, WHY_DEPENDS } ctl_why_e;

typedef struct ctl_why_t {
    apr_pool_t *p;
    const saas_facts_t *who;
    int nobody;      /**< the user is disabled */
    int several;     /**< organizations to choose from */
    int proof;       /**< the server requires addresses to be proven */
    int own_words;   /**< the route has words of its own for who has to buy something */
    json_t *unknown; /**< what only a request can tell, a list of texts */
    /* the answer */
    saas_decision_e decision; /**< of a refusal */
    int turned;               /**< by "not" */
    const json_t *line;       /**< that decided; NULL: none of ours */
} ctl_why_t;

/** A Require line, as JSON: {"require": text}, with "at" and "section" where they are known. */
json_t *ctl_why_line(const char *text);
/** Is a line a gate of ours, well written?  CTL_OK, or says what is wrong. */
int ctl_why_check(ctl_t *ctl, const char *text);
/** Does it ask for a plan or a feature? */
int ctl_why_is_by_plan(const char *text);
/** Decides a tree of Require lines as mod_authz_core does. */
ctl_why_e ctl_why_tree(ctl_why_t *why, json_t *tree);
/** Decides the gates of a route, which are a list. */
ctl_why_e ctl_why_route(ctl_why_t *why, const json_t *gates);

/** Has httpd say what stands before a URL: a new reference, or says what is wrong. */
int ctl_why_place(ctl_t *ctl, const char *url, json_t **place);

#endif
