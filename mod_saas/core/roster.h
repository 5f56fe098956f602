#ifndef SAAS_CORE_ROSTER_H
#define SAAS_CORE_ROSTER_H

/*
 * Counts by name in shared memory, for names that only turn up while the server runs: a bounded number of them, then
 * everything new is counted as "other". For what happens rarely; hot paths have core/tally.h. Lock-free: a process
 * that is killed while it enters a name loses that place, nothing else.
 */

#include <stddef.h>
#include <stdint.h>

/** Names that are told apart, the longest of them, and what the rest is counted as. */
#define SAAS_ROSTER_NAMES 32
#define SAAS_ROSTER_NAME_MAX 47
#define SAAS_ROSTER_OTHER "other"

typedef struct saas_roster_t saas_roster_t;

size_t saas_roster_size(void);

/** An empty one in memory of saas_roster_size() bytes, aligned to 64; once, before it is shared. */
saas_roster_t *saas_roster_init(void *memory);

/** Adds one to a name. Names are of [a-z0-9_-], 1 to SAAS_ROSTER_NAME_MAX characters; any other is "other". */
void saas_roster_add(saas_roster_t *roster, const char *name);

/** Calls each() once for every name that has been counted, in no special order. */
void saas_roster_each(const saas_roster_t *roster, void (*each)(void *baton, const char *name, uint64_t count),
                      void *baton);

#endif
