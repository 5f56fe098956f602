/* Readers of other scanners' files, from memory, in pieces of every size. */

#include <stdlib.h>

#include "unit.h"

#include "import_file.h"

/* What a reader says, whatever the pieces; the error at the end, where there is one. */
static const char *said_of(const char *format, const char *data, apr_size_t len)
{
    static const apr_size_t pieces[] = { 1 << 20, 1, 2, 3, 7, 64 };
    static char kept[65536];
    apr_pool_t *p;
    unsigned i;

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        import_file_t file;
        char text[sizeof(kept)];
        apr_pool_create(&p, NULL);
        import_file_read(&file, p, format, data, len, pieces[i]);
        ck_assert(file.rv == APR_SUCCESS || (file.rv == APR_EINVAL && file.error));
        snprintf(text, sizeof(text), "%s%s%s", file.said, file.error ? "error: " : "", file.error ? file.error : "");
        free(file.said);
        apr_pool_destroy(p);
        if (!i) {
            memcpy(kept, text, sizeof(text));
        }
        ck_assert_str_eq(text, kept);
    }
    return kept;
}

#define SAID(format, data, expected) ck_assert_str_eq(said_of(format, data, sizeof(data) - 1), expected)
#define HAS(format, data, words) \
    do { \
        const char *said_ = said_of(format, data, sizeof(data) - 1); \
        ck_assert_msg(strstr(said_, words) != NULL, "%s", said_); \
    } while (0)

#define HEAD "resource_id,check_name,status,severity,timestamp,comment\n"

START_TEST(generic)
{
    SAID("generic", HEAD "r,c,pass,HIGH,2026-01-02T03:04:05+01:00,said\n",
         "r|c|PASS|high|2026-01-02T02:04:05.000000Z|said\n");
    SAID("generic", "\xef\xbb\xbf" "Comment,Timestamp,Severity,Status,Check Name,Resource ID,more\r\n\"a\r\nb \"\"q\"\"\",,Info,fail,c,r,x\r\n",
         "r|c|FAIL|informational|-|a\r\nb \"q\"\n");
    SAID("generic", HEAD "r,c,PASS,low,2026-01-02 03:04:05,x", "r|c|PASS|low|2026-01-02T03:04:05.000000Z|x\n");
    SAID("generic", HEAD "'=r,'-c,PASS,low,,'@x\n''r,'c,PASS,low,,'\n", "=r|-c|PASS|low|-|@x\n''r|'c|PASS|low|-|'\n");
    SAID("generic", HEAD, "");
    SAID("generic", HEAD "\n\nr,c,NO,low,,\n\nr,c,PASS,no,,\n,c,PASS,low,,\n",
         "bad: line 4: Its status is none of PASS, FAIL, MANUAL, ERROR.\n"
         "bad: line 6: Its severity is none of critical, high, medium, low, informational.\n"
         "bad: line 7: Its resource_id is empty.\n");
    SAID("generic", HEAD "r,c,PASS,low\nr,c,PASS,low,,\xc3\nr,c,PASS,low,,\n",
         "bad: line 2: It has 4 columns, the first line has 6.\nbad: line 3: It is not UTF-8, or has a NUL byte in it.\nr|c|PASS|low|-|\n");
}
END_TEST

START_TEST(generic_is_refused)
{
    HAS("generic", "", "error: The file has no line of column names.");
    HAS("generic", "resource_id,status\n", "error: The first line does not name these columns: check_name, severity, timestamp, comment.");
    HAS("generic", HEAD "r,c,PASS,low,,\"x", "error: The file ends within a quoted cell of the record of line 2");
    HAS("generic", HEAD "r,c,PA", "error: The file ends within the record of line 2");
    HAS("generic", HEAD "r\"x,c,PASS,low,,\n", "error: Line 2: a quote stands where none can.");
    HAS("generic", "r\0e\0s\0", "error: The file is UTF-16");
    HAS("generic", "\xff\xfer\0", "error: The file is UTF-16");
    HAS("nothing", "x", "error: There is no format nothing.");
}
END_TEST

START_TEST(prowler)
{
    SAID("prowler-csv", "CHECK_ID;STATUS;STATUS_EXTENDED;SEVERITY;RESOURCE_UID;RESOURCE_NAME;TIMESTAMP\n"
         "c;FAIL;a, b;critical;arn;n;2025-02-14 14:27:03.913874\nc;MANUAL;;low;;name;2025-02-14T14:27:03\nc;PASS;;low;;;2025-02-14\n",
         "arn|c|FAIL|critical|2025-02-14T14:27:03.913874Z|a, b\nname|c|MANUAL|low|2025-02-14T14:27:03.000000Z|\n"
         "bad: line 4: Its RESOURCE_UID is empty.\n");
}
END_TEST

#define OCSF(more) "{\"metadata\":{\"event_code\":\"c\"},\"status\":\"New\",\"status_code\":\"FAIL\",\"severity\":\"High\"," \
    "\"resources\":[{\"uid\":\"r\"},{\"uid\":\"other\"}],\"status_detail\":\"d\"" more "}"

START_TEST(ocsf)
{
    SAID("ocsf", "[" OCSF("") "]", "r|c|FAIL|high|-|d\n");
    SAID("ocsf", "\xef\xbb\xbf [" OCSF(",\"finding_info\":{\"created_time_dt\":\"2025-02-14T14:27:03.9\",\"title\":\"t\"},\"time\":1") "]",
         "r|c|FAIL|high|2025-02-14T14:27:03.900000Z|d\n");
    SAID("ocsf", OCSF(",\"time\":1739539623000") "\n" OCSF(",\"time\":1739539623") "\n",
         "r|c|FAIL|high|2025-02-14T13:27:03.000000Z|d\nr|c|FAIL|high|2025-02-14T13:27:03.000000Z|d\n");
    SAID("ocsf", "[]", "");
    SAID("ocsf", "[1,{},[],null," OCSF("") "]",
         "bad: record 1: It is no object.\nbad: record 2: Its resources[0] has no uid.\nbad: record 3: It is no object.\n"
         "bad: record 4: It is no object.\nr|c|FAIL|high|-|d\n");
    SAID("ocsf", "[{\"finding_info\":{\"title\":\"t\"},\"compliance\":{\"status\":\"pass\"},\"severity_id\":5,\"resources\":[{\"name\":\"n\"}],"
         "\"message\":\"m\"}]", "n|t|PASS|critical|-|m\n");
    SAID("ocsf", "[" OCSF(",\"time\":1e999") "," OCSF(",\"time\":99999999999999999999999") "," OCSF(",\"time\":-1") "]",
         "bad: record 1: Its time is none.\nbad: record 2: Its time is none.\nbad: record 3: Its time is none.\n");
    SAID("ocsf", "[" OCSF(",\"status_detail\":\"a\\u0000b\"") "," OCSF(",\"status_detail\":\"\xff\"") "," OCSF("") "]",
         "bad: record 1: It is not UTF-8, or has a NUL byte in it.\nbad: record 2: It is not UTF-8, or has a NUL byte in it.\nr|c|FAIL|high|-|d\n");
}
END_TEST

START_TEST(ocsf_lines)
{
    /* A bad line is a bad record; the next one is not. */
    SAID("ocsf", OCSF("") "\nrubbish {\n" OCSF("") "\n{\"a\":\n" OCSF("") "\n\n[1]\n" OCSF("") "\n",
         "r|c|FAIL|high|-|d\nbad: line 2: It is no JSON.\nr|c|FAIL|high|-|d\nbad: line 4: It is not all there.\nr|c|FAIL|high|-|d\n"
         "bad: line 7: It is no object.\nr|c|FAIL|high|-|d\n");
    /* Records over several lines, one behind the other. */
    SAID("ocsf", "{\"metadata\":\n{\"event_code\":\"c\"},\n\"status_code\":\"PASS\",\"severity\":\"low\",\n\"resources\":[{\"uid\":\"r\"}]}\n\n"
         OCSF("") "\n", "r|c|PASS|low|-|\nr|c|FAIL|high|-|d\n");
    HAS("ocsf", OCSF("") "\n{\"metadata\":{\"ev", "error: The file is not all there");
    HAS("ocsf", "[" OCSF("") ",", "error: The file is not all there");
    HAS("ocsf", "[" OCSF("") ",\n rubbish]", "error: The file is no JSON, or damaged: line 2");
    HAS("ocsf", "", "error: The file is not all there");
    HAS("ocsf", "resource_id,check_name\n", "error: The file is no JSON");
    HAS("ocsf", "\xfe\xff\0[", "error: The file is UTF-16");
}
END_TEST

#define RUN(driver, results, more) "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"t\"" driver "}},\"results\":[" results "]" more "}]}"
#define AT "\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"f.c\"},\"region\":{\"startLine\":7}}}]"

START_TEST(sarif)
{
    SAID("sarif", RUN("", "{\"ruleId\":\"R\",\"message\":{\"text\":\"m\"}," AT "}", ""), "f.c:7|R|FAIL|medium|-|m\n");
    SAID("sarif", RUN("", "{\"ruleId\":\"R\",\"kind\":\"pass\",\"level\":\"none\",\"message\":{\"text\":\"m\"}," AT "},"
                      "{\"ruleId\":\"R\",\"kind\":\"review\",\"level\":\"error\",\"message\":{\"text\":\"m\"}," AT "},"
                      "{\"ruleId\":\"R\",\"kind\":\"notApplicable\",\"message\":{\"text\":\"m\"}," AT "},"
                      "{\"ruleId\":\"R\",\"baselineState\":\"absent\",\"message\":{\"text\":\"m\"}," AT "},"
                      "{\"ruleId\":\"R\",\"kind\":\"odd\",\"message\":{\"text\":\"m\"}," AT "},"
                      "{\"ruleId\":\"R\",\"message\":{\"text\":\"m\"},\"locations\":[{\"logicalLocations\":[{\"name\":\"N\"}]}]},"
                      "{\"ruleId\":\"R\",\"message\":{\"text\":\"m\"}},"
                      "{\"ruleId\":\"R\",\"level\":\"odd\",\"message\":{\"text\":\"m\"}," AT "},7", ""),
         "f.c:7|R|PASS|informational|-|m\nf.c:7|R|MANUAL|high|-|m\nskipped\nskipped\nbad: runs[0].results[4]: Its kind is none of SARIF's.\n"
         "N|R|FAIL|medium|-|m\nbad: runs[0].results[6]: It has no location.\nbad: runs[0].results[7]: Its level, or security-severity, is none.\n"
         "bad: runs[0].results[8]: It is no object.\n");
}
END_TEST

START_TEST(sarif_rules)
{
    static const char rule[] = "{\"runs\":[{\"results\":["
        "{\"ruleIndex\":0,\"message\":{\"id\":\"one\",\"arguments\":[\"A\",\"{0}\"]}," AT "},"
        "{\"rule\":{\"id\":\"R\"},\"message\":{\"id\":\"none\"}," AT ",\"properties\":{\"security-severity\":\"3.9\"}},"
        "{\"ruleId\":\"R/sub\",\"level\":\"note\",\"message\":{\"text\":\"a {0} {{b}}\",\"arguments\":[\"x\"]}," AT ",\"suppressions\":[{\"kind\":\"external\"}]},"
        "{\"ruleId\":\"E\",\"rule\":{\"index\":0,\"toolComponent\":{\"index\":0}},\"message\":{\"text\":\"m\"},"
        "\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"index\":1}}}]}],"
        /* All of it behind the results. */
        "\"invocations\":[{\"endTimeUtc\":\"2020-01-01T00:00:00Z\"},{\"endTimeUtc\":\"2026-01-02T03:04:05Z\"}],"
        "\"artifacts\":[{\"location\":{\"uri\":\"zero\"}},{\"location\":{\"uri\":\"one\"}}],"
        "\"tool\":{\"extensions\":[{\"rules\":[{\"id\":\"E\",\"defaultConfiguration\":{\"level\":\"error\"}}]}],\"driver\":{\"rules\":["
        "{\"messageStrings\":{\"one\":{\"text\":\"said {0} and {1}\"}},\"id\":\"R\",\"shortDescription\":{\"text\":\"short\"},"
        "\"properties\":{\"security-severity\":\"9.8\"}}]}}}],\"version\":\"2.1.0\"}";
    SAID("sarif", rule,
         "f.c:7|R|FAIL|critical|2026-01-02T03:04:05.000000Z|said A and {0}\n"
         "f.c:7|R|FAIL|low|2026-01-02T03:04:05.000000Z|short\n"
         "f.c:7|R/sub|FAIL|critical|2026-01-02T03:04:05.000000Z|a x {b} (suppressed)\n"
         "one|E|FAIL|high|2026-01-02T03:04:05.000000Z|m\n");
}
END_TEST

START_TEST(sarif_is_refused)
{
    HAS("sarif", "{\"version\":\"2.0.0\",\"runs\":[]}", "error: The file is no SARIF log of version 2.1.0.");
    HAS("sarif", "{}", "error: The file is no SARIF log of version 2.1.0.");
    HAS("sarif", "[]", "error: The file is no JSON object.");
    HAS("sarif", "7", "error: The file is no ");
    HAS("sarif", "{\"version\":\"2.1.0\",\"runs\":[{\"results\":[{", "error: The file is not all there");
    HAS("sarif", "{\"version\":\"2.1.0\"} {}", "error: The file is no JSON, or damaged");
    HAS("sarif", RUN("", "", ",\"invocations\":[{\"endTimeUtc\":\"soon\"}]"), "error: The endTimeUtc of an invocation of runs[0] is no time.");
    SAID("sarif", "{\"version\":\"2.1.0\",\"runs\":[]}", "");
}
END_TEST

START_TEST(trivy)
{
    SAID("trivy", "{\"SchemaVersion\":2,\"CreatedAt\":\"2026-01-02T03:04:05.123456789Z\",\"Results\":[{\"Target\":\"img\",\"Vulnerabilities\":["
         "{\"VulnerabilityID\":\"CVE-1\",\"PkgName\":\"p\",\"InstalledVersion\":\"1\",\"FixedVersion\":\"2\",\"Severity\":\"UNKNOWN\",\"Title\":\"t\"},"
         "{\"VulnerabilityID\":\"CVE-2\",\"PkgName\":\"p\",\"InstalledVersion\":\"1\",\"Severity\":\"LOW\"},{\"PkgName\":\"p\"}]},"
         "{\"Misconfigurations\":[{\"ID\":\"M\",\"Status\":\"PASS\",\"Severity\":\"HIGH\",\"Title\":\"a\",\"Message\":\"b\"},"
         "{\"ID\":\"M\",\"Status\":\"EXCEPTION\"}],\"Secrets\":[{\"RuleID\":\"S\",\"Severity\":\"CRITICAL\",\"Title\":\"key\",\"StartLine\":3,"
         "\"Match\":\"not this\"}],\"Licenses\":[{\"Name\":\"x\"}],\"Target\":\"behind\"},{\"Secrets\":[{\"RuleID\":\"S\",\"Severity\":\"LOW\"}]}]}",
         "img#p@1|CVE-1|FAIL|informational|2026-01-02T03:04:05.123456Z|t; fixed in 2\n"
         "img#p@1|CVE-2|FAIL|low|2026-01-02T03:04:05.123456Z|no fixed version is known\n"
         "bad: Results[0].Vulnerabilities[2]: It has no VulnerabilityID.\n"
         "behind|M|PASS|high|2026-01-02T03:04:05.123456Z|a: b\nskipped\n"
         "behind|S|FAIL|critical|2026-01-02T03:04:05.123456Z|key, line 3\nskipped\n"
         "bad: Results[2].Secrets[0]: Its result has no Target.\n");
    SAID("trivy", "{\"SchemaVersion\":2}", "");
    SAID("trivy", "{\"SchemaVersion\":2,\"Results\":null}", "");
    HAS("trivy", "{\"SchemaVersion\":1}", "error: The file is no report of Trivy with SchemaVersion 2.");
    HAS("trivy", "[{\"Target\":\"old\"}]", "error: The file is no JSON object.");
    HAS("trivy", "{\"SchemaVersion\":2,\"Results\":[", "error: The file is not all there");
}
END_TEST

/* Memory is bounded by what is refused: depth, the length of a value, of a record, of the rules. */
START_TEST(bounds)
{
    static const struct {
        const char *format, *begin, *repeat;
        int times;
        const char *words;
    } cases[] = {
        { "ocsf", "", "[", 100000, "nested more than 128 deep" },
        { "sarif", "", "{\"a\":", 100000, "nested more than 128 deep" },
        { "trivy", "{\"SchemaVersion\":2,\"x\":", "[", 100000, "nested more than 128 deep" },
        { "ocsf", "[\"", "x", 3000000, "a value that does not end within" },
        { "ocsf", "[", "        ", 300000, "a value that does not end within" },
        { "generic", HEAD "\"", "x", 3000000, "is a quote not closed" },
        { "generic", HEAD, "x,", 700000, "longer than 1048576 bytes" },
        { "generic", "a", ",a", 100000, "longer than 1048576 bytes, or columns" },
        { "sarif", "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"rules\":[{\"id\":\"r\"}", ",{\"id\":\"r\"}", 100000, "rules of the file are larger" },
        { "sarif", "{\"version\":\"2.1.0\",\"runs\":[{\"invocations\":[{}", ",{}", 200000, "rules of the file are larger" },
        { "trivy", "{\"SchemaVersion\":2,\"Results\":[{}", ",{\"Secrets\":[{}],\"Target\":\"a target\"}", 100000, "put it before them" },
    };
    unsigned i;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_size_t begin = strlen(cases[i].begin), repeat = strlen(cases[i].repeat), len = begin;
        char *data = malloc(begin + repeat * (apr_size_t)cases[i].times);
        import_file_t file;
        apr_pool_t *p;
        int n;
        memcpy(data, cases[i].begin, begin);
        for (n = 0; n < cases[i].times; n++, len += repeat) {
            memcpy(data + len, cases[i].repeat, repeat);
        }
        apr_pool_create(&p, NULL);
        import_file_read(&file, p, cases[i].format, data, len, 1 << 16);
        ck_assert_int_eq(file.rv, APR_EINVAL);
        ck_assert_msg(strstr(file.error, cases[i].words) || (strstr(cases[i].words, "or columns") && strstr(file.error, "columns")),
                      "%s: %s", cases[i].repeat, file.error);
        ck_assert_int_eq(file.findings, 0);
        free(file.said);
        free(data);
        apr_pool_destroy(p);
    }
}
END_TEST

Suite *suite_import(void)
{
    Suite *suite = suite_create("import");
    TCase *tc = tcase_create("import");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, generic);
    tcase_add_test(tc, generic_is_refused);
    tcase_add_test(tc, prowler);
    tcase_add_test(tc, ocsf);
    tcase_add_test(tc, ocsf_lines);
    tcase_add_test(tc, sarif);
    tcase_add_test(tc, sarif_rules);
    tcase_add_test(tc, sarif_is_refused);
    tcase_add_test(tc, trivy);
    tcase_add_test(tc, bounds);
    suite_add_tcase(suite, tc);
    return suite;
}
