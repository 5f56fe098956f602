/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The mail plugin: runs jobs of the kind "mail", which other plugins write in
 * the transaction of their cause:
 *
 *     {"template": name, "to": address, "vars": {…}, "expires_at": time?}
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

static void *create_config(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_pcalloc(p, sizeof(saas_mail_config_t));
}

const saas_mail_config_t *saas_mail_config(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_mail_module);
}

static saas_mail_config_t *config_of(const cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &saas_mail_module);
}

saas_mail_tls_e saas_mail_tls(const saas_mail_config_t *conf)
{
    if (conf->tls != SAAS_MAIL_TLS_UNSET) {
        return conf->tls;
    }
    /* A password is not sent to whoever answers without TLS. */
    return conf->user && !conf->relay_is_local ? SAAS_MAIL_TLS_REQUIRE : SAAS_MAIL_TLS_TRY;
}

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

static int is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strcmp(host, "::1")
           || (!strncmp(host, "127.", 4) && !host[strspn(host, "0123456789.")]);
}

static const char *set_relay(cmd_parms *cmd, void *dir, const char *arg)
{
    saas_mail_config_t *conf = config_of(cmd);
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_uri_t uri;
    (void)dir;
    if (err) {
        return err;
    }
    if (!is_printable(arg) || apr_uri_parse(cmd->pool, arg, &uri) != APR_SUCCESS || !uri.scheme || !uri.hostname
        || !*uri.hostname || uri.user || uri.query || uri.fragment || (uri.path && strcmp(uri.path, "/"))
        || (strcmp(uri.scheme, "smtp") && strcmp(uri.scheme, "smtps"))) {
        return apr_psprintf(cmd->pool, "SaasMailRelay: \"%s\" is not smtp://host[:port] or smtps://host[:port]; user and "
                            "password have directives of their own", arg);
    }
    conf->relay = arg;
    conf->relay_is_local = is_loopback(uri.hostname);
    return NULL;
}

static const char *set_tls(cmd_parms *cmd, void *dir, const char *arg)
{
    static const struct {
        const char *word;
        saas_mail_tls_e tls;
    } words[] = { { "off", SAAS_MAIL_TLS_OFF }, { "try", SAAS_MAIL_TLS_TRY }, { "require", SAAS_MAIL_TLS_REQUIRE } };
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_size_t i;
    (void)dir;
    for (i = 0; !err && i < sizeof(words) / sizeof(*words); i++) {
        if (!strcasecmp(arg, words[i].word)) {
            config_of(cmd)->tls = words[i].tls;
            return NULL;
        }
    }
    return err ? err : apr_psprintf(cmd->pool, "SaasMailTLS: \"%s\" is none of off, try, require", arg);
}

static const char *set_ca(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *path = ap_server_root_relative(cmd->pool, arg);
    apr_finfo_t info;
    (void)dir;
    if (!err && (!path || apr_stat(&info, path, APR_FINFO_TYPE, cmd->pool) != APR_SUCCESS || info.filetype != APR_REG)) {
        err = apr_psprintf(cmd->pool, "SaasMailCA: there is no file %s", arg);
    }
    config_of(cmd)->ca_file = path;
    return err;
}

static const char *set_user(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    if (!err && !is_printable(arg)) {
        err = "SaasMailUser: the name is empty or contains white space";
    }
    config_of(cmd)->user = arg;
    return err;
}

static const char *set_password(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *wrong;
    (void)dir;
    if (err) {
        return err;
    }
    wrong = saas_secret_read(cmd->pool, arg, &config_of(cmd)->password);
    return wrong ? apr_pstrcat(cmd->pool, "SaasMailPassword: ", wrong, NULL) : NULL;
}

static const char *set_from(cmd_parms *cmd, void *dir, const char *arg)
{
    saas_mail_config_t *conf = config_of(cmd);
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
    conf->from_name = apr_pstrmemdup(cmd->pool, arg, name_len);
    conf->from = NULL;
    if (!open) {
        conf->from = saas_email_parse(cmd->pool, arg, NULL);
    }
    else if (arg[len - 1] == '>') {
        conf->from = saas_email_parse(cmd->pool, apr_pstrmemdup(cmd->pool, open + 1, (apr_size_t)(arg + len - open) - 2), NULL);
    }
    if (!conf->from || !saas_mail_header_text(cmd->pool, conf->from_name, 0)) {
        return apr_psprintf(cmd->pool, "SaasMailFrom: \"%s\" is neither \"Name <address>\" nor an address", arg);
    }
    return NULL;
}

static const char *set_templates(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *path = ap_server_root_relative(cmd->pool, arg);
    apr_finfo_t info;
    (void)dir;
    if (!err && (!path || apr_stat(&info, path, APR_FINFO_TYPE, cmd->pool) != APR_SUCCESS || info.filetype != APR_DIR)) {
        err = apr_psprintf(cmd->pool, "SaasMailTemplates: there is no folder %s", arg);
    }
    config_of(cmd)->template_folder = path;
    return err;
}

static const command_rec directives[] = {
    AP_INIT_TAKE1("SaasMailRelay", set_relay, NULL, RSRC_CONF, "where mail is handed over: smtp://host[:port] or smtps://host[:port]"),
    AP_INIT_TAKE1("SaasMailTLS", set_tls, NULL, RSRC_CONF, "STARTTLS with an smtp:// relay: off, try or require"),
    AP_INIT_TAKE1("SaasMailCA", set_ca, NULL, RSRC_CONF, "certificates (PEM) that the relay's is checked against (default: the system's)"),
    AP_INIT_TAKE1("SaasMailUser", set_user, NULL, RSRC_CONF, "user name at the relay"),
    AP_INIT_TAKE1("SaasMailPassword", set_password, NULL, RSRC_CONF, "password at the relay, or file:/path or env:NAME"),
    AP_INIT_TAKE1("SaasMailFrom", set_from, NULL, RSRC_CONF, "sender of all mail: \"Name <address>\""),
    AP_INIT_TAKE1("SaasMailTemplates", set_templates, NULL, RSRC_CONF, "folder with templates that replace those of the plugin"),
    { NULL }
};

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
    saas_mail_config_t *conf = ap_get_module_config(main_server->module_config, &saas_mail_module);
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
    for (i = 0; name && conf->templates[i]; i++) {
        if (!strcmp(conf->templates[i]->name, name)) {
            return conf->templates[i];
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
                           const char **why)
{
    const char *at = ap_strrchr_c(conf->from, '@');
    const saas_mail_template_t *template = find_template(conf, json_string_value(json_object_get(payload, "template")));
    json_t *vars = json_deep_copy(json_object_get(payload, "vars"));
    saas_mail_message_t message = { .id = job->id, .date = apr_time_now(), .from_name = conf->from_name,
                                    .from = conf->from, .to = to };
    const char *written;

    if (!json_is_object(vars)) {
        json_decref(vars);
        vars = json_object();
    }
    humanize_times(job->pool, vars);
    json_object_set_new(vars, "product", json_string(*conf->from_name ? conf->from_name : at + 1));
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

static json_t *read_payload(saas_job_t *job)
{
    json_t *payload = job->payload ? json_loads(job->payload, 0, NULL) : NULL;
    if (payload) {
        apr_pool_cleanup_register(job->pool, payload, release_json, apr_pool_cleanup_null);
    }
    return payload;
}

static apr_status_t run(saas_job_t *job)
{
    const saas_mail_config_t *conf = saas_mail_config(job->server);
    json_t *payload = read_payload(job);
    const char *to = json_string_value(json_object_get(payload, "to"));
    const char *message, *why;

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
    if (!to || !(to = saas_email_parse(job->pool, to, NULL))) {
        return refuse(job, "the recipient is no address");
    }
    if (!(message = compose(job, conf, payload, to, &why))) {
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
    STANDARD20_MODULE_STUFF, NULL, NULL, create_config, NULL, directives, register_hooks, 0
};
