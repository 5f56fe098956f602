/* See address.h. This file must never resolve a name or open a socket. */
#include "address.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

socklen_t saas_web_address_parse(const char *text, int port, struct sockaddr_storage *ss)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

    memset(ss, 0, sizeof(*ss));
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((unsigned short)port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((unsigned short)port);
        return sizeof(*in6);
    }
    return 0;
}

const char *saas_web_address_text(apr_pool_t *p, const struct sockaddr *sa)
{
    char buf[INET6_ADDRSTRLEN];
    const void *raw = NULL;

    if (sa->sa_family == AF_INET) {
        raw = &((const struct sockaddr_in *)sa)->sin_addr;
    }
    else if (sa->sa_family == AF_INET6) {
        raw = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    }
    if (!raw || !inet_ntop(sa->sa_family, raw, buf, sizeof(buf))) {
        return "?";
    }
    return apr_pstrdup(p, buf);
}
