#ifndef SAAS_CORE_WARM_H
#define SAAS_CORE_WARM_H

/*
 * The way of a request that is let in out of memory. What it costs is less the work than the memory that it is spread
 * over, which is cold when a request comes: so its functions lie side by side (the compiler puts them into a section
 * of their own), and what it does not do is kept out of them.
 */

/** A function that every such request passes. */
#define SAAS_WARM __attribute__((hot))

/** One that it does not: a branch that calls it is unlikely, and lies elsewhere. */
#define SAAS_COLD __attribute__((cold, noinline))

#endif
