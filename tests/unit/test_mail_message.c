/* Messages as they travel: encoded words against RFC 2047, quoted-printable against RFC 2045, no way to add a header. */

#include "unit.h"

#include <apr_base64.h>

#include "plugins/mail/message.h"

static saas_mail_message_t plain_message(void)
{
    saas_mail_message_t m = { .id = "01a2-b", .date = apr_time_from_sec(1800000000), .from_name = "Name", .from = "from@example.test",
                              .to = "to@example.test", .subject = "Subject", .text = "text\n", .html = "<p>html</p>\n" };
    return m;
}

START_TEST(headers)
{
    ck_assert_str_eq(saas_mail_header_text(unit_pool, "plain text", 9), "plain text");
    ck_assert_str_eq(saas_mail_header_text(unit_pool, "", 9), "");
    ck_assert_str_eq(saas_mail_header_text(unit_pool, "Größe", 9), "=?UTF-8?B?R3LDtsOfZQ==?=");
    /* What looks encoded is encoded, or it would be read as something else. */
    ck_assert_str_eq(saas_mail_header_text(unit_pool, "=?x", 9), "=?UTF-8?B?PT94?=");
    static const char *const bad[] = { "a\r\nb", "a\nb", "a\rb", "\t", "a\x01", "a\x7f", "a\xc2\x85", "a\xe2\x80\xa8", "a\xe2\x80\xa9", "\xff", "a\xc3", "\xe2\x80", "\xf0\x9f" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_ptr_null(saas_mail_header_text(unit_pool, bad[i], 9));
    }
}
END_TEST

/* Decodes folded encoded words; every line is checked on the way. */
static const char *decode_words(const char *text, int column)
{
    const char *out = "";
    while (*text) {
        const char *end = strstr(text, "?=");
        char bytes[80];
        ck_assert_int_eq(strncmp(text, "=?UTF-8?B?", 10), 0);
        ck_assert_ptr_nonnull(end);
        ck_assert_int_le(column + (int)(end + 2 - text), 76);
        int len = apr_base64_decode(bytes, apr_pstrmemdup(unit_pool, text + 10, (size_t)(end - text - 10)));
        bytes[len] = '\0';
        /* A word holds whole characters (RFC 2047, section 5). */
        ck_assert_msg(saas_mail_header_text(unit_pool, apr_pstrdup(unit_pool, bytes), 0) != NULL, "a character was cut");
        out = apr_pstrcat(unit_pool, out, bytes, NULL);
        text = end + 2;
        if (*text) {
            ck_assert_int_eq(strncmp(text, "\r\n ", 3), 0);
            text += 3;
            column = 1;
        }
    }
    return out;
}

START_TEST(long_headers)
{
    static const char *const letters[] = { "a", "é", "株", "🚀", " ", "\"" };
    uint64_t state = 5;
    for (int round = 0; round < 2000; round++) {
        const char *text = "é";
        for (uint64_t n = unit_random(&state) % 60; n > 0; n--) {
            text = apr_pstrcat(unit_pool, text, letters[unit_random(&state) % 6], NULL);
        }
        UNIT_CHECK(!strcmp(decode_words(saas_mail_header_text(unit_pool, text, 9), 9), text));
        if (round % 100 == 0) {
            apr_pool_clear(unit_pool);
        }
    }
}
END_TEST

static const char *decode_qp(const char *in)
{
    char *out = apr_palloc(unit_pool, strlen(in) + 1), *to = out;
    const char *line = in;
    for (; *in; in++) {
        if (*in == '=') {
            if (in[1] != '\r') {
                char hex[3] = { in[1], in[2], '\0' };
                *to++ = (char)strtol(hex, NULL, 16);
            }
            in += 2;
        }
        else if (*in == '\r') {
            UNIT_CHECK(in[1] == '\n' && (in == line || (in[-1] != ' ' && in[-1] != '\t')));
            *to++ = '\n';
            in++;
        }
        else {
            UNIT_CHECK(*in >= 0x20 || *in == '\t');
            *to++ = *in;
        }
        if (*in == '\n') {
            UNIT_CHECK(in - line < 78);
            line = in + 1;
        }
    }
    *to = '\0';
    return out;
}

START_TEST(quoted_printable)
{
    static const char letters[] = "ab= .\t\n\xc3\x9f";
    uint64_t state = 3;
    char text[400];
    ck_assert_str_eq(saas_mail_quoted_printable(unit_pool, "a=b \nß\n"), "a=3Db=20\r\n=C3=9F\r\n");
    ck_assert_str_eq(saas_mail_quoted_printable(unit_pool, ""), "");
    for (int round = 0; round < 5000; round++) {
        size_t len = unit_random(&state) % (sizeof(text) - 2);
        for (size_t i = 0; i < len; i++) {
            text[i] = letters[unit_random(&state) % (sizeof(letters) - 1)];
        }
        text[len] = '\n';
        text[len + 1] = '\0';
        UNIT_CHECK(!strcmp(decode_qp(saas_mail_quoted_printable(unit_pool, text)), text));
        if (round % 100 == 0) {
            apr_pool_clear(unit_pool);
        }
    }
}
END_TEST

START_TEST(whole)
{
    saas_mail_message_t m = plain_message();
    const char *why;
    ck_assert_str_eq(saas_mail_message_write(unit_pool, &m, &why),
        "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: \"Name\" <from@example.test>\r\nTo: <to@example.test>\r\nSubject: Subject\r\n"
        "Message-ID: <01a2-b@example.test>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
        "Content-Type: multipart/alternative;\r\n boundary=\"=_01a2-b\"\r\n\r\n--=_01a2-b\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ntext\r\n\r\n--=_01a2-b\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>html</p>\r\n\r\n--=_01a2-b--\r\n");
    m.from_name = "";
    m.html = NULL;
    const char *text = saas_mail_message_write(unit_pool, &m, &why);
    ck_assert_ptr_nonnull(strstr(text, "\r\nFrom: <from@example.test>\r\n"));
    ck_assert_ptr_null(strstr(text, "multipart"));
    m.from_name = "A \"B\" \\ C";
    ck_assert_ptr_nonnull(strstr(saas_mail_message_write(unit_pool, &m, &why), "From: \"A \\\"B\\\" \\\\ C\" <"));
}
END_TEST

START_TEST(no_injection)
{
    static const char *const evil[] = { "x\r\nBcc: e@example.test", "x\nBcc: e", "x\rBcc: e", "x\r\n\r\nbody", "\x85", "x\xc2\x85y" };
    for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
        for (int field = 0; field < 4; field++) {
            saas_mail_message_t m = plain_message();
            const char *why = NULL;
            *(field == 0 ? &m.subject : field == 1 ? &m.from_name : field == 2 ? &m.to : &m.from) = evil[i];
            ck_assert_ptr_null(saas_mail_message_write(unit_pool, &m, &why));
            ck_assert_ptr_nonnull(why);
        }
    }
}
END_TEST

Suite *suite_mail_message(void)
{
    TCase *tc;
    Suite *suite = unit_suite("mail_message", 60, &tc);
    tcase_add_test(tc, headers);
    tcase_add_test(tc, long_headers);
    tcase_add_test(tc, quoted_printable);
    tcase_add_test(tc, whole);
    tcase_add_test(tc, no_injection);
    return suite;
}
