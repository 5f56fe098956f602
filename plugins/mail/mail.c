/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The mail plugin: runs jobs of the kind "mail", which other plugins write in
 * the transaction of their cause:
 *
 *     {"template": name, "to": address, "vars": {…}, "expires_at": time?,
 *      "link": {"name": …, "object": id, "url": …}?}
 *
 * A link with a secret in it is made when the message is sent and is nowhere
 * but in the message (saas_link_t).
 *
 * A message is handed to one relay.  What the relay cannot take now is tried
 * again by the job's machinery, what it refuses for good is kept as a dead
 * job.  Without SaasMailRelay messages are dropped, and said to be: everything
 * else works without mail.  Neither a message nor a whole address may ever be
 * logged.
 */
#include "mail.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <curl/curl.h>

#define KIND "mail"
#define MAX_ATTEMPTS 8
#define PER_NODE 2 /* a relay that hangs must not keep all of a node's job threads */
#define TEMPLATE_MAX (256 * 1024)

SAAS_PLUGIN_DEFINE;

/* ---------------------------------------------------------- directives -- */

static int is_printable(const char *text)
{
    const unsigned char *c;
    for (c = (const unsigned char *)text; *c; c++) {
        if (*c <= ' ' || *c == 0x7f) {
            return 0;
        }
    }
    return c > (const unsigned char *)text;
}

static int is_relay(apr_pool_t *p, const char *text, apr_uri_t *uri)
{
    return is_printable(text) && apr_uri_parse(p, text, uri) == APR_SUCCESS && uri->scheme && uri->hostname
           && *uri->hostname && !uri->user && !uri->query && !uri->fragment && (!uri->path || !strcmp(uri->path, "/"))
           && (!strcmp(uri->scheme, "smtp") || !strcmp(uri->scheme, "smtps"));
}

static const char *check_relay(apr_pool_t *p, const char *arg, const char **value)
{
    apr_uri_t uri;
    (void)value;
    return is_relay(p, arg, &uri) ? NULL
                                  : apr_psprintf(p, "\"%s\" is not smtp://host[:port] or smtps://host[:port]; user and "
                                                 "password have directives of their own", arg);
}

static const char *check_user(apr_pool_t *p, const char *arg, const char **value)
{
    (void)p, (void)value;
    return is_printable(arg) ? NULL : "the name is empty or contains white space";
}

static const char *set_from(cmd_parms *cmd, void *dir, const char *arg)
{
    saas_mail_sender_t *sender = apr_pcalloc(cmd->pool, sizeof(*sender));
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *open = ap_strrchr_c(arg, '<');
    apr_size_t len = strlen(arg), name_len = open ? (apr_size_t)(open - arg) : 0;
    (void)dir;
    if (err) {
        return err;
    }
    if (!saas_host()) {
        return "mod_saas must be loaded";
    }
    while (name_len && arg[name_len - 1] == ' ') {
        name_len--;
    }
    sender->name = apr_pstrmemdup(cmd->pool, arg, name_len);
    if (!open) {
        sender->address = saas_email_parse(cmd->pool, arg, NULL);
    }
    else if (arg[len - 1] == '>') {
        sender->address
            = saas_email_parse(cmd->pool, apr_pstrmemdup(cmd->pool, open + 1, (apr_size_t)(arg + len - open) - 2), NULL);
    }
    if (!sender->address || !saas_mail_header_text(cmd->pool, sender->name, 0)) {
        return apr_psprintf(cmd->pool, "SaasMailFrom: \"%s\" is neither \"Name <address>\" nor an address", arg);
    }
    saas_mail_config_of(cmd->server)->from = sender;
    return NULL;
}

SAAS_DIRECTIVES_DEFINE(saas_mail_config, saas_mail_module, SAAS_MAIL_DIRECTIVES)

static int is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strcmp(host, "::1")
           || (!strncmp(host, "127.", 4) && !host[strspn(host, "0123456789.")]);
}

saas_mail_tls_e saas_mail_tls(const saas_mail_config_t *conf, apr_pool_t *p)
{
    apr_uri_t uri;
    if (conf->tls != SAAS_UNSET) {
        return (saas_mail_tls_e)conf->tls;
    }
    /* A password is not sent to whoever answers without TLS. */
    return conf->user && is_relay(p, conf->relay, &uri) && !is_loopback(uri.hostname) ? SAAS_MAIL_TLS_REQUIRE
                                                                                      : SAAS_MAIL_TLS_TRY;
}

/* ----------------------------------------------------------- templates -- */

/* A file of the operator's, or NULL without one. */
static const char *read_file(apr_pool_t *p, const char *path, const char **text)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *buffer;
    apr_size_t len;
    apr_status_t rv = apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, p);

    *text = NULL;
    if (APR_STATUS_IS_ENOENT(rv)) {
        return NULL;
    }
    if (rv == APR_SUCCESS && (rv = apr_file_info_get(&info, APR_FINFO_SIZE, file)) == APR_SUCCESS) {
        if (info.size > TEMPLATE_MAX) {
            apr_file_close(file);
            return apr_psprintf(p, "%s has more than %d bytes", path, TEMPLATE_MAX);
        }
        len = (apr_size_t)info.size;
        buffer = apr_pcalloc(p, len + 1);
        rv = apr_file_read_full(file, buffer, len, &len);
        apr_file_close(file);
        if (rv == APR_SUCCESS && memchr(buffer, '\0', len)) {
            return apr_psprintf(p, "%s is no text", path);
        }
        *text = buffer;
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        char why[120];
        return apr_psprintf(p, "cannot read %s: %s", path, apr_strerror(rv, why, sizeof(why)));
    }
    return NULL;
}

/* A template: the operator's where there is one.  Who replaces the text and
 * brings no HTML sends text alone. */
static const char *load_template(apr_pool_t *p, const saas_mail_config_t *conf, const saas_mail_default_t *given,
                                 saas_mail_template_t *template)
{
    const char *text = NULL, *html = NULL, *wrong = NULL;
    const char *where = conf->template_folder ? apr_pstrcat(p, conf->template_folder, "/", given->name, NULL) : NULL;

    if (where && ((wrong = read_file(p, apr_pstrcat(p, where, ".txt", NULL), &text))
                  || (wrong = read_file(p, apr_pstrcat(p, where, ".html", NULL), &html)))) {
        return wrong;
    }
    if (!text) {
        text = given->text;
        html = html ? html : given->html;
    }
    wrong = saas_mail_template_read(p, given->name, text, html, template);
    return wrong ? apr_psprintf(p, "template %s: %s", where ? where : given->name, wrong) : NULL;
}

static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    saas_mail_config_t *conf = saas_mail_config_of(main_server);
    const saas_mail_template_t **templates;
    const char *wrong;
    int i, n = 0;
    (void)ptemp;

    while (saas_mail_defaults[n].name) {
        n++;
    }
    templates = apr_pcalloc(pconf, sizeof(*templates) * (apr_size_t)(n + 1));
    for (i = 0; i < n; i++) {
        saas_mail_template_t *template = apr_pcalloc(pconf, sizeof(*template));
        if ((wrong = load_template(pconf, conf, &saas_mail_defaults[i], template)) != NULL) {
            return apr_pstrcat(pconf, "SaasMailTemplates: ", wrong, NULL);
        }
        templates[i] = template;
    }
    conf->templates = templates;
    if (!conf->relay) {
        return NULL;
    }
    if (!conf->from) {
        return "SaasMailRelay needs SaasMailFrom";
    }
    if (!conf->user != !conf->password) {
        return "SaasMailUser and SaasMailPassword belong together";
    }
    return NULL;
}

/* ------------------------------------------------------------ counters -- */

enum { SENT, FAILED, DEAD, DROPPED };

static const char *const outcomes[] = { "sent", "failed", "dead", "dropped", NULL };

static saas_counter_t counters[] = {
    { .name = "mail", .label = "outcome", .values = outcomes,
      .help = "Messages handed to the relay, attempts that failed (tried again, or given up), messages given up (dead), and"
              " messages dropped, expired or without a relay." },
    { 0 }
};

static void count(int outcome)
{
    saas_count(&counters[0], outcome, 1);
}

/* ----------------------------------------------------------------- job -- */

static apr_status_t release_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

/* What may be said of a message in the log. */
static const char *label(const saas_job_t *job, const json_t *payload)
{
    const char *template = json_string_value(json_object_get(payload, "template"));
    const char *to = json_string_value(json_object_get(payload, "to"));
    const char *at = to ? ap_strrchr_c(to, '@') : NULL;
    const char *c;

    for (c = at; c && *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            at = NULL;
            break;
        }
    }
    return apr_psprintf(job->pool, "%s (%.40s) to somebody%.100s", job->id, template ? template : "-", at ? at : "");
}

static const saas_mail_template_t *find_template(const saas_mail_config_t *conf, const char *name)
{
    int i;
    const saas_mail_template_t *const *templates = conf->templates;
    for (i = 0; name && templates[i]; i++) {
        if (!strcmp(templates[i]->name, name)) {
            return templates[i];
        }
    }
    return NULL;
}

static int has_expired(const json_t *payload)
{
    const char *text = json_string_value(json_object_get(payload, "expires_at"));
    apr_time_t t;
    return text && saas_time_parse(text, &t) == APR_SUCCESS && t < apr_time_now();
}

/* Times come as the API writes them, and are put as people do: every variable
 * whose name ends in "_at". */
static void humanize_times(apr_pool_t *p, json_t *vars)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(vars, next, key, value) {
        apr_size_t len = strlen(key);
        apr_time_exp_t time;
        apr_time_t t;
        char *text = apr_palloc(p, 40);
        if (len > 3 && !strcmp(key + len - 3, "_at") && json_is_string(value)
            && saas_time_parse(json_string_value(value), &t) == APR_SUCCESS && apr_time_exp_gmt(&time, t) == APR_SUCCESS
            && apr_strftime(text, &len, 40, "%d %b %Y %H:%M UTC", &time) == APR_SUCCESS) {
            json_object_set_new(vars, key, json_string(text));
        }
    }
}

/* Makes the message; NULL: *why says why there can be none. */
static const char *compose(saas_job_t *job, const saas_mail_config_t *conf, const json_t *payload, const char *to,
                           const char *link, const char **why)
{
    const saas_mail_sender_t *from = conf->from;
    /* One name in all that people see; a sender's own is one for mail alone. */
    const char *name = *from->name ? from->name : conf->product ? conf->product : "";
    const char *product = *name ? name : ap_strrchr_c(from->address, '@') + 1;
    const saas_mail_template_t *template = find_template(conf, json_string_value(json_object_get(payload, "template")));
    json_t *vars = json_deep_copy(json_object_get(payload, "vars"));
    saas_mail_message_t message = { .id = job->id, .date = apr_time_now(), .from_name = name,
                                    .from = from->address, .to = to };
    const char *written;

    if (!json_is_object(vars)) {
        json_decref(vars);
        vars = json_object();
    }
    humanize_times(job->pool, vars);
    if (link) {
        json_object_set_new(vars, "url", json_string(link));
    }
    json_object_set_new(vars, "product", json_string(product));
    if (!template) {
        *why = "there is no such template";
        written = NULL;
    }
    else {
        message.subject = saas_mail_template_render(job->pool, template->subject, vars, SAAS_MAIL_AS_HEADER);
        message.text = saas_mail_template_render(job->pool, template->text, vars, SAAS_MAIL_AS_TEXT);
        if (template->html) {
            message.html = saas_mail_template_render(job->pool, template->html, vars, SAAS_MAIL_AS_HTML);
        }
        written = saas_mail_message_write(job->pool, &message, why);
    }
    json_decref(vars);
    return written;
}

static apr_status_t refuse(saas_job_t *job, const char *why)
{
    count(FAILED);
    saas_job_fail(job, 1, why);
    return APR_EINVAL;
}

/* The link of a message that has one: NULL, and *rv says what becomes of the message, or *rv is APR_SUCCESS. */
static const char *make_link(saas_job_t *job, const json_t *payload, apr_status_t *rv)
{
    const json_t *link = json_object_get(payload, "link");
    const char *name = json_string_value(json_object_get(link, "name"));
    const char *object = json_string_value(json_object_get(link, "object"));
    const char *url = json_string_value(json_object_get(link, "url")), *made = NULL;

    *rv = APR_SUCCESS;
    if (!link) {
        return NULL;
    }
    *rv = name && object && url ? saas_link_make(job, name, object, url, &made) : APR_ENOTIMPL;
    if (*rv == APR_NOTFOUND) {
        count(DROPPED);
        SAAS_LOG(job->server, APLOG_INFO, 0, "SAAS2406", "mail %s dropped: its link would lead to nothing any more",
                 label(job, payload));
    }
    else if (*rv == APR_ENOTIMPL) {
        *rv = refuse(job, "no plugin that is loaded makes its link");
    }
    else if (*rv != APR_SUCCESS && !APR_STATUS_IS_EINTR(*rv)) {
        count(FAILED);
        saas_job_fail(job, 0, "its link could not be made");
    }
    return made;
}

static json_t *read_payload(saas_job_t *job)
{
    json_t *payload = job->payload ? json_loads(job->payload, 0, NULL) : NULL;
    if (payload) {
        apr_pool_cleanup_register(job->pool, payload, release_json, apr_pool_cleanup_null);
    }
    return payload;
}

/* An address with its domain as relays and DNS take it; NULL: it is none. */
static const char *recipient(apr_pool_t *p, const char *text)
{
    const char *folded, *address = saas_email_parse(p, text, &folded);
    const char *at = address ? ap_strrchr_c(address, '@') : NULL;
    return at ? apr_pstrcat(p, apr_pstrmemdup(p, address, (apr_size_t)(at - address)), ap_strrchr_c(folded, '@'), NULL) : NULL;
}

static apr_status_t run(saas_job_t *job)
{
    const saas_mail_config_t *conf = saas_mail_config_of(job->server);
    json_t *payload = read_payload(job);
    const char *to = json_string_value(json_object_get(payload, "to"));
    const char *message, *link, *why;
    apr_status_t rv;

    if (saas_job_stopped(job)) {
        return APR_EINTR;
    }
    if (!conf->relay) {
        count(DROPPED);
        SAAS_LOG(job->server, APLOG_INFO, 0, "SAAS2401", "mail %s dropped: there is no SaasMailRelay",
                 label(job, payload));
        return APR_SUCCESS;
    }
    if (has_expired(payload)) {
        count(DROPPED);
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS2402",
                 "mail %s dropped: what it is about has expired before the relay took it", label(job, payload));
        return APR_SUCCESS;
    }
    if (!to || !(to = recipient(job->pool, to))) {
        return refuse(job, "the recipient is no address");
    }
    link = make_link(job, payload, &rv);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    }
    if (!(message = compose(job, conf, payload, to, link, &why))) {
        return refuse(job, why);
    }
    switch (saas_mail_send(conf, job, to, message, strlen(message), &why)) {
    case SAAS_MAIL_SENT:
        count(SENT);
        SAAS_LOG(job->server, APLOG_INFO, 0, "SAAS2404", "mail %s handed over", label(job, payload));
        return APR_SUCCESS;
    case SAAS_MAIL_STOPPED:
        return APR_EINTR;
    case SAAS_MAIL_NEVER:
        return refuse(job, why);
    case SAAS_MAIL_LATER:
        break;
    }
    count(FAILED);
    saas_job_fail(job, 0, why);
    return APR_EGENERAL;
}

static void gave_up(saas_job_t *job, const char *why)
{
    count(DEAD);
    SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS2403", "mail %s was not sent: %s; it is kept as a dead job",
             label(job, read_payload(job)), why);
}

static const saas_job_kind_t jobs[] = {
    { .kind = KIND, .run = run, .gave_up = gave_up, .max_attempts = MAX_ATTEMPTS, .per_node = PER_NODE },
    { .kind = NULL }
};

/* -------------------------------------------------------------- plugin -- */

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("mail"),
    .jobs = jobs,
    .check_config = check_config,
    .counters = counters,
    .examine = saas_mail_examine,
};

static apr_status_t release_curl(void *nothing)
{
    (void)nothing;
    curl_global_cleanup();
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS2405", "libcurl could not be initialized: no mail will be sent");
        return;
    }
    apr_pool_cleanup_register(p, NULL, release_curl, apr_pool_cleanup_null);
}

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA saas_mail_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, saas_mail_config_create, saas_mail_config_merge, saas_mail_config_commands,
    register_hooks, 0
};
