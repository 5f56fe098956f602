/* The host's address guard, as the tests of the web engine hand it to the engine. */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "unit.h"

#include "core/guard.h"
#include "plugins/engines/web/address.h"

static inline saas_web_admission_e web_guard_ask(const void *rule, const struct sockaddr *sa)
{
    static const saas_web_admission_e admissions[] = {
        [SAAS_GUARD_ADMITTED] = SAAS_WEB_ADMITTED,
        [SAAS_GUARD_LISTED] = SAAS_WEB_ADMITTED_LISTED,
        [SAAS_GUARD_REFUSED_ADDRESS] = SAAS_WEB_REFUSED_ADDRESS,
        [SAAS_GUARD_REFUSED_PORT] = SAAS_WEB_REFUSED_PORT,
    };
    return admissions[saas_guard_ask(rule, sa)];
}

static inline int web_guard_port(const void *rule, int port)
{
    return saas_guard_port(rule, port);
}

/** In the test's pool; allow: a range, or NULL. */
static inline const saas_web_guard_t *web_guard(const char *allow)
{
    saas_guard_t *rule = saas_guard_create(unit_pool);
    saas_web_guard_t *g = apr_palloc(unit_pool, sizeof(*g));

    if (allow) {
        ck_assert_ptr_null(saas_guard_allow(rule, unit_pool, allow));
    }
    *g = (saas_web_guard_t){ web_guard_ask, web_guard_port, rule, saas_guard_ports(unit_pool, rule) };
    return g;
}

#endif
