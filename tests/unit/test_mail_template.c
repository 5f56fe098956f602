/* Mail templates: what is accepted, what values become, sections. */

#include "unit.h"

#include "plugins/mail/template.h"

static const char *render(const char *template, const char *vars, saas_mail_form_e form)
{
    json_t *values = json_loads(vars, 0, NULL);
    const char *text;
    ck_assert_ptr_nonnull(values);
    text = saas_mail_template_render(unit_pool, template, values, form);
    json_decref(values);
    return text;
}

START_TEST(values)
{
    static const struct {
        const char *template, *vars, *text;
        saas_mail_form_e form;
    } rows[] = {
        { "", "{}", "", SAAS_MAIL_AS_TEXT },
        { "a {{x}} b", "{\"x\": \"1\"}", "a 1 b", SAAS_MAIL_AS_TEXT },
        { "{{x}}{{x}}", "{\"x\": 7}", "77", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": -9223372036854775808}", "-9223372036854775808", SAAS_MAIL_AS_TEXT },
        { "<{{x}}>", "{}", "<>", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": null}", "", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": [1]}", "", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": \"<&>\\\"'\"}", "<&>\"'", SAAS_MAIL_AS_TEXT },
        { "<b>{{x}}</b>", "{\"x\": \"<&>\\\"'\"}", "<b>&lt;&amp;&gt;&quot;&#39;</b>", SAAS_MAIL_AS_HTML },
        { "{{x}}", "{\"x\": \"{{y}}\", \"y\": \"no\"}", "{{y}}", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": \"a\\u0007\\r\\n\\tb\"}", "a  \n\tb", SAAS_MAIL_AS_TEXT },
        { "{{x}}", "{\"x\": \"a\\r\\nb\"}", "a\r\nb", SAAS_MAIL_AS_HEADER },
        { "{{#x}}yes {{x}}{{/x}}{{^x}}no{{/x}}", "{\"x\": \"1\"}", "yes 1", SAAS_MAIL_AS_TEXT },
        { "{{#x}}yes {{x}}{{/x}}{{^x}}no{{/x}}", "{\"x\": \"\"}", "no", SAAS_MAIL_AS_TEXT },
        { "{{#x}}1{{#y}}2{{/y}}3{{/x}}4", "{\"y\": \"1\"}", "4", SAAS_MAIL_AS_TEXT },
        { "{{#x}}1{{#y}}2{{/y}}3{{/x}}4", "{\"x\": \"1\"}", "134", SAAS_MAIL_AS_TEXT },
        { "{{#x}}1{{^y}}2{{/y}}3{{/x}}4", "{\"x\": \"1\"}", "1234", SAAS_MAIL_AS_TEXT },
        { "{{x_1}}", "[]", "", SAAS_MAIL_AS_TEXT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(render(rows[i].template, rows[i].vars, rows[i].form), rows[i].text);
    }
}
END_TEST

START_TEST(reading)
{
    saas_mail_template_t t;
    ck_assert_ptr_null(saas_mail_template_read(unit_pool, "n", "Subject:  A {{x}}\r\n\r\nline\r\nnext\n", "<p>\r\n", &t));
    ck_assert_str_eq(t.subject, "A {{x}}");
    ck_assert_str_eq(t.text, "line\nnext\n");
    ck_assert_str_eq(t.html, "<p>\n");
    ck_assert_ptr_null(saas_mail_template_read(unit_pool, "n", "Subject: s\n\n", NULL, &t));
    ck_assert_ptr_null(t.html);
}
END_TEST

START_TEST(refusing)
{
    static const char *const bad[] = {
        "", "Subject", "Subject:", "Subject: x", "Subject: x\n", "Subject: x\ny\n", "subject: x\n\n", "Subject:\n\nx", "Subject:  \n\nx",
        "Subject: {{x\n\n", "Subject: x\n\n{{", "Subject: x\n\n{{}}", "Subject: x\n\n{{#}}", "Subject: x\n\n{{x}", "Subject: x\n\n{{X}}",
        "Subject: x\n\n{{ x }}", "Subject: x\n\n{{#a}}", "Subject: x\n\n{{/a}}", "Subject: x\n\n{{#a}}{{/b}}",
        "Subject: x\n\n{{#a}}{{#b}}{{/a}}{{/b}}", "Subject: x\n\n{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}",
        "Subject: x\n\n{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", "Subject: \xff\n\n", "Subject: x\n\n\xc3",
    };
    saas_mail_template_t t;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_mail_template_read(unit_pool, "n", bad[i], NULL, &t) != NULL, "accepted: %s", bad[i]);
    }
    ck_assert_ptr_nonnull(saas_mail_template_read(unit_pool, "n", "Subject: x\n\ny", "{{#a}}", &t));
    ck_assert_ptr_nonnull(saas_mail_template_read(unit_pool, "n", "Subject: x\n\ny", "\xff", &t));
}
END_TEST

START_TEST(noise)
{
    static const char letters[] = "{{}}#^/ab\n <";
    uint64_t state = 11;
    char text[40];
    saas_mail_template_t t;
    for (int round = 0; round < 20000; round++) {
        size_t len = unit_random(&state) % (sizeof(text) - 1);
        for (size_t i = 0; i < len; i++) {
            text[i] = letters[unit_random(&state) % (sizeof(letters) - 1)];
        }
        text[len] = '\0';
        /* Accepted or not, it can be rendered, and what has no tag stays. */
        const char *out = render(text, "{\"a\": \"x\"}", SAAS_MAIL_AS_HTML);
        UNIT_CHECK(strstr(text, "{{") || !strcmp(out, text));
        saas_mail_template_read(unit_pool, "n", apr_pstrcat(unit_pool, "Subject: x\n\n", text, NULL), NULL, &t);
    }
}
END_TEST

Suite *suite_mail_template(void)
{
    TCase *tc;
    Suite *suite = unit_suite("mail_template", 60, &tc);
    tcase_add_test(tc, values);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, refusing);
    tcase_add_test(tc, noise);
    return suite;
}
