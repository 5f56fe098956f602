/*
 * What the DNS and a domain's mail servers say of themselves. The first byte chooses: 'a' to 'f' a message of the DNS, read for
 * records of one type; else text, its lines as TXT records, the whole of it as a policy of MTA-STS and as the end of a script.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "plugins/engines/web/dns.h"
#include "plugins/engines/web/mail.h"
#include "plugins/engines/web/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int types[] = { SAAS_WEB_DNS_A,   SAAS_WEB_DNS_AAAA,  SAAS_WEB_DNS_MX,
                             SAAS_WEB_DNS_TXT, SAAS_WEB_DNS_HTTPS, SAAS_WEB_DNS_CAA };

static void want(int so)
{
    if (!so) {
        abort();
    }
}

/* Every text is one: it is read to its end. */
static void read_message(apr_pool_t *p, int type, const uint8_t *data, size_t size)
{
    const apr_array_header_t *records = saas_web_dns_read(p, type, data, size);
    size_t sum = 0;

    want(!records || records->nelts <= SAAS_WEB_DNS_RECORDS_MAX);
    for (int i = 0; records && i < records->nelts; i++) {
        if (type == SAAS_WEB_DNS_MX) {
            sum += strlen(APR_ARRAY_IDX(records, i, saas_web_mx_t).host);
        } else if (type == SAAS_WEB_DNS_TXT) {
            sum += strlen(APR_ARRAY_IDX(records, i, const char *));
        } else if (type == SAAS_WEB_DNS_HTTPS) {
            sum += strlen(APR_ARRAY_IDX(records, i, saas_web_https_t).target) + strlen(APR_ARRAY_IDX(records, i, saas_web_https_t).params);
        } else if (type == SAAS_WEB_DNS_CAA) {
            sum += strlen(APR_ARRAY_IDX(records, i, saas_web_caa_t).tag) + strlen(APR_ARRAY_IDX(records, i, saas_web_caa_t).value);
        }
    }
    want(sum < 1 << 24);
}

static void read_text(apr_pool_t *p, const char *text, size_t len)
{
    apr_array_header_t *lines = apr_array_make(p, 4, sizeof(const char *));
    saas_web_spf_t spf;
    saas_web_dmarc_t dmarc;
    saas_web_sts_record_t record;
    saas_web_sts_policy_t policy;
    const char *map;

    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        APR_ARRAY_PUSH(lines, const char *) = apr_pstrmemdup(p, line, strcspn(line, "\n"));
    }
    saas_web_spf_read(p, lines, &spf);
    want(spf.records <= lines->nelts && (spf.records > 0) == (spf.text != NULL) && spf.lookups >= 0);
    saas_web_dmarc_read(p, lines, &dmarc);
    want(dmarc.records <= lines->nelts && (dmarc.records > 0) == (dmarc.text != NULL));
    saas_web_sts_record_read(p, lines, &record);
    want(!record.id || (record.records > 0 && strlen(record.id) <= 32));
    saas_web_sts_policy_read(p, text, len, &policy);
    want(policy.problem || (policy.mode && policy.max_age >= 0 && policy.max_age <= SAAS_WEB_STS_MAX_AGE));
    want(policy.problem || policy.mx->nelts > 0 || !strcmp(policy.mode, "none"));
    (void)saas_web_sts_names(&policy, text);
    map = saas_web_map_of(p, text, len);
    want(!map || (*map && !strpbrk(map, " \t\r\n")));
    (void)saas_web_is_map(text, len);
    (void)saas_web_dns_is_special(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int begun;
    apr_pool_t *p;
    char *copy;

    if (!begun) {
        apr_initialize();
        begun = 1;
    }
    if (size == 0) {
        return 0;
    }
    apr_pool_create(&p, NULL);
    /* On the heap and of its own size, so that one byte too many is seen. */
    copy = malloc(size);
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = '\0';
    if (*data >= 'a' && *data <= 'f') {
        uint8_t *exact = malloc(size > 1 ? size - 1 : 1);

        memcpy(exact, data + 1, size - 1);
        read_message(p, types[*data - 'a'], exact, size - 1);
        free(exact);
    } else {
        read_text(p, copy, size - 1);
    }
    free(copy);
    apr_pool_destroy(p);
    return 0;
}
