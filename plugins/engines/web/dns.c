/* See dns.h. This file must never take a message apart itself. */
#include "dns.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <ldns/ldns.h>
#include <libpsl.h>
#include <netinet/in.h>
#include <string.h>

static apr_array_header_t *make(apr_pool_t *p, int type)
{
    static const struct {
        int type;
        int size;
    } sizes[] = {
        { SAAS_WEB_DNS_A, sizeof(struct sockaddr_storage) },
        { SAAS_WEB_DNS_AAAA, sizeof(struct sockaddr_storage) },
        { SAAS_WEB_DNS_MX, sizeof(saas_web_mx_t) },
        { SAAS_WEB_DNS_TXT, sizeof(const char *) },
        { SAAS_WEB_DNS_HTTPS, sizeof(saas_web_https_t) },
        { SAAS_WEB_DNS_CAA, sizeof(saas_web_caa_t) },
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i].type == type) {
            return apr_array_make(p, 4, sizes[i].size);
        }
    }
    return apr_array_make(p, 1, sizeof(const char *)); /* a type of which nobody reads the records */
}

/* The bytes of a field as text that ends at the first NUL. */
static const char *bytes(apr_pool_t *p, const ldns_rdf *field, size_t skip)
{
    size_t len = ldns_rdf_size(field);

    return apr_pstrmemdup(p, (const char *)ldns_rdf_data(field) + (skip < len ? skip : len), skip < len ? len - skip : 0);
}

/* As in a zone file, without the dot at the end. */
static const char *shown(apr_pool_t *p, const ldns_rdf *field)
{
    char *text = ldns_rdf2str(field);
    size_t len = text ? strlen(text) : 0;
    char *copy;

    if (len > 0 && text[len - 1] == '.' && ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME) {
        len--;
    }
    copy = apr_pstrmemdup(p, text ? text : "", len);
    free(text);
    return copy;
}

static const char *name(apr_pool_t *p, const ldns_rdf *field)
{
    char *text = (char *)shown(p, field);

    for (char *c = text; *c; c++) {
        *c = apr_tolower(*c);
    }
    return text;
}

static void add_address(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to)
{
    const ldns_rdf *field = ldns_rr_rdf(rr, 0);
    struct sockaddr_storage *ss = apr_array_push(to);

    (void)p;
    memset(ss, 0, sizeof(*ss));
    if (ldns_rdf_size(field) == 4) {
        ss->ss_family = AF_INET;
        memcpy(&((struct sockaddr_in *)ss)->sin_addr, ldns_rdf_data(field), 4);
    }
    else {
        ss->ss_family = AF_INET6;
        memcpy(&((struct sockaddr_in6 *)ss)->sin6_addr, ldns_rdf_data(field), 16);
    }
}

static void add_text(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to)
{
    const char *text = "";

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        text = apr_pstrcat(p, text, bytes(p, ldns_rr_rdf(rr, i), 1), NULL); /* behind its length */
    }
    APR_ARRAY_PUSH(to, const char *) = text;
}

static void add_mx(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to)
{
    saas_web_mx_t *mx = apr_array_push(to);

    mx->preference = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
    mx->host = name(p, ldns_rr_rdf(rr, 1));
}

static void add_https(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to)
{
    saas_web_https_t *https = apr_array_push(to);

    https->priority = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
    https->target = name(p, ldns_rr_rdf(rr, 1));
    https->params = ldns_rr_rd_count(rr) > 2 ? shown(p, ldns_rr_rdf(rr, 2)) : "";
}

static void add_caa(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to)
{
    saas_web_caa_t *caa = apr_array_push(to);

    caa->critical = (ldns_rdf2native_int8(ldns_rr_rdf(rr, 0)) & 0x80) != 0;
    caa->tag = apr_pstrdup(p, bytes(p, ldns_rr_rdf(rr, 1), 1));
    for (char *c = (char *)caa->tag; *c; c++) {
        *c = apr_tolower(*c);
    }
    caa->value = bytes(p, ldns_rr_rdf(rr, 2), 0);
}

/* Of each type how many fields a whole record has, and how it is read. */
static const struct {
    int type;
    size_t fields;
    void (*add)(apr_pool_t *p, const ldns_rr *rr, apr_array_header_t *to);
} readers[] = {
    { SAAS_WEB_DNS_A, 1, add_address }, { SAAS_WEB_DNS_AAAA, 1, add_address }, { SAAS_WEB_DNS_MX, 2, add_mx },
    { SAAS_WEB_DNS_TXT, 1, add_text },  { SAAS_WEB_DNS_HTTPS, 2, add_https },  { SAAS_WEB_DNS_CAA, 3, add_caa },
};

apr_array_header_t *saas_web_dns_read(apr_pool_t *p, int type, const void *message, apr_size_t len)
{
    apr_array_header_t *records = make(p, type);
    ldns_pkt *packet = NULL;
    const ldns_rr_list *answer;

    if (ldns_wire2pkt(&packet, message, len) != LDNS_STATUS_OK || !packet) {
        return NULL;
    }
    answer = ldns_pkt_answer(packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer) && records->nelts < SAAS_WEB_DNS_RECORDS_MAX; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);

        for (size_t k = 0; k < sizeof(readers) / sizeof(readers[0]); k++) {
            if (readers[k].type == type && (int)ldns_rr_get_type(rr) == type
                && ldns_rr_rd_count(rr) >= readers[k].fields) {
                readers[k].add(p, rr, records);
            }
        }
    }
    ldns_pkt_free(packet);
    return records;
}

static apr_status_t free_suffixes(void *list)
{
    psl_free(list);
    return APR_SUCCESS;
}

const void *saas_web_suffixes(apr_pool_t *p)
{
    psl_ctx_t *list = psl_latest(NULL);

    if (list) {
        apr_pool_cleanup_register(p, list, free_suffixes, apr_pool_cleanup_null);
    }
    return list;
}

const char *saas_web_dns_domain(apr_pool_t *p, const void *list, const char *host)
{
    const char *domain = list ? psl_registrable_domain(list, host) : NULL;

    return domain ? apr_pstrdup(p, domain) : NULL;
}

int saas_web_dns_is_special(const char *host)
{
    static const char *const names[] = { "localhost", "local", "test", "invalid", "onion", "alt", "internal", "home.arpa" };
    size_t len = strlen(host);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);

        if (len >= n && strcasecmp(host + len - n, names[i]) == 0 && (len == n || host[len - n - 1] == '.')) {
            return 1;
        }
    }
    return strchr(host, '.') == NULL;
}
