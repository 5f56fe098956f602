/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What stands before a URL: httpd says it out of its configuration (watch/places.c of the host); no database is asked.
 */
#include "why.h"
#include "httpd.h"

#include <apr_strings.h>

int ctl_why_place(ctl_t *ctl, const char *url, json_t **place)
{
    const char *method = ctl_option(ctl, "method");
    const char *words[] = { "DUMP_SAAS_GATES", apr_pstrcat(ctl->p, "SAAS_METHOD=", method ? method : "GET", NULL),
                            apr_pstrcat(ctl->p, "SAAS_URL=", url, NULL), NULL };
    ctl_httpd_t said;
    const char **last;
    int code = ctl_httpd_ask(ctl, words, &said);
    if (code != CTL_OK) {
        return code;
    }
    *place = said.json;
    last = apr_array_pop(said.complaints);
    return said.json ? CTL_OK
                     : ctl_say(CTL_USAGE,
                               "httpd does not say what stands before %s: %s (is it the right --config, and mod_saas.so of "
                               "this version loaded?)",
                               url, last ? *last : "it said nothing");
}
