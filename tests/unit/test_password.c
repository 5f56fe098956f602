/* Passwords: RFC 7914's scrypt vectors, hashes made by other programs, hostile stored strings, the rules. */

#include "unit.h"

#include "core/common_passwords.h"
#include "core/password.h"

/* RFC 7914, section 12, second and third vector, as PHC strings. */
#define RFC_1024 "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA"
#define RFC_16384 "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"

/* Made with Python's hashlib: 16 bytes 00..0f of salt, "correct horse". */
#define SALT "AAECAwQFBgcICQoLDA0ODw"
#define KEY "ANYWwrwG9exM4wRn3uDhnkTuLMG27uj4k9dz5KrBPkg"
#define CURRENT "$scrypt$ln=15,r=8,p=3$" SALT "$" KEY
#define LN17 "$scrypt$ln=17,r=8,p=1$" SALT "$TGvJUUU1CgfkAA5rR1GVoLnHJ8JaBRe7wqx27cEOQmw"

#define DJANGO "pbkdf2_sha256$260000$seasalt2026$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxU="
#define DJANGO_1 "pbkdf2_sha256$1$seasalt2026$rUJuhCSRjvtZfumHD3O3osmPTG9HuLK539QTnpjsdpY="
#define DJANGO_PASSWORD "l\xc3\xa8tmein-once-more"

/* Made by Django 3.2.25 of Debian with its hashers of these names; the last but one at a lower cost. */
#define PBKDF2_SHA1 "pbkdf2_sha1$260000$YIpVbDR6da3XmJcwMVYjfv$8KDhMu/cIARkPXwESpfO9E05jFQ="
#define PBKDF2_SHA1_1 "pbkdf2_sha1$1$seasalt2026$Z2egvCILlpzEVrUw7EI61xYvNQI="
#define ARGON2 "argon2$argon2id$v=19$m=102400,t=2,p=8$aENqbXpJRDl5V2ppcXZ2UXRsMkF5bA$b2sl/e79N0m0v20Yz1kb/w"
#define ARGON2_LOW "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw"
#define BCRYPT_SHA256 "bcrypt_sha256$$2b$12$6kRsUtmEr0GwHxxKJsQ4ReDRSl6M7JO3p6N2D3OWZMBi2yFVGt6F."
#define BCRYPT_SHA256_LOW "bcrypt_sha256$$2b$04$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUFI."
#define BCRYPT_LOW "bcrypt$$2b$04$M.lzrMrn0.QAvP0vjK.vOusi3QtEK1hHcKqLQY9phsMcNcHzUzu/q"
/* Of Django's own tests (auth_tests/test_hashers.py), which hold it for this form since 4.0. */
#define SEASALT "Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="
#define DJANGO_SCRYPT "scrypt$16384$seasalt$8$1$" SEASALT
#define SCRYPT_PASSWORD "l\xc3\xa8tmein"
/* A key whose value does not matter. */
#define KEY64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static apr_status_t verify(const char *password, const char *stored, int *rehash)
{
    *rehash = 99;
    return saas_password_verify(unit_pool, password, stored, rehash);
}

START_TEST(scrypt_vectors)
{
    static const struct {
        const char *password, *stored;
        int rehash;
    } vectors[] = {
        { "password", RFC_1024, 1 },
        { "pleaseletmein", RFC_16384, 1 },
        { "correct horse", CURRENT, 0 },
        { "correct horse", LN17, 1 },
    };
    int rehash;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        ck_assert_int_eq(verify(vectors[i].password, vectors[i].stored, &rehash), APR_SUCCESS);
        ck_assert_int_eq(rehash, vectors[i].rehash);
        ck_assert_int_eq(verify("Password", vectors[i].stored, &rehash), APR_EMISMATCH);
        ck_assert_int_eq(rehash, 0);
    }
    ck_assert_int_eq(saas_password_verify(unit_pool, "password", RFC_1024, NULL), APR_SUCCESS);
}
END_TEST

START_TEST(hash_and_verify)
{
    const char *one, *two;
    int rehash;

    ck_assert_int_eq(saas_password_hash(unit_pool, "na\xc3\xafve passphrase", &one), APR_SUCCESS);
    ck_assert_int_eq(saas_password_hash(unit_pool, "na\xc3\xafve passphrase", &two), APR_SUCCESS);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(strncmp(one, "$scrypt$ln=15,r=8,p=3$", 22), 0);
    ck_assert_uint_eq(strlen(one), 22 + 22 + 1 + 43);
    ck_assert_int_eq(verify("na\xc3\xafve passphrase", one, &rehash), APR_SUCCESS);
    ck_assert_int_eq(rehash, 0);
    ck_assert_int_eq(verify("naive passphrase", one, &rehash), APR_EMISMATCH);
    ck_assert_int_eq(verify("", one, &rehash), APR_EMISMATCH);

    char *long_one = apr_pcalloc(unit_pool, 1026);
    memset(long_one, 'x', 1025);
    ck_assert_int_eq(verify(long_one, one, &rehash), APR_EMISMATCH);
    saas_password_dummy(unit_pool, long_one);
    saas_password_dummy(unit_pool, "some password");
}
END_TEST

START_TEST(brought_along)
{
    static const char *const stored[] = {
        "$6$saltstring$Jdxn6.fYS9ZpVCfbi5BZ424rJ1DTJS9PHaA6uDKMhs/JLb1/MPjDMJ4.WoC3jrs6uhOZjTdlEkzYYuDLgytra1",
        "$5$rounds=1000$saltstring$Ba1u4hLVKVtlLUaDXOB/1bdKmtUlQaixBhq.i.L43B9",
        "$1$abcdefgh$W3/Qmrm9IyJrlaEZhHu/p.",
        "$2b$05$abcdefghijklmnopqrstuuHNzobToyoUx/XDeHA.0qHXOcixZPlSm",
        "$2y$05$abcdefghijklmnopqrstuuHNzobToyoUx/XDeHA.0qHXOcixZPlSm",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$YZcv3370GtkLsoADFzXYoiIONv4w8SaNzgSkkhOcIm1",
        "$apr1$saltsalt$ocVy0LtJZDe8R6/9gGYw21",
        "{SHA}/IxesZSAbjGiE/BzEx5zsAEqD7U=",
        "abFjERrjIDnVE",
    };
    int rehash;
    for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
        ck_assert_msg(verify("hunter2hunter2", stored[i], &rehash) == APR_SUCCESS, "%s", stored[i]);
        ck_assert_int_eq(rehash, 1);
        ck_assert_msg(verify("Hunter2hunter2", stored[i], &rehash) == APR_EMISMATCH, "%s", stored[i]);
        ck_assert_int_eq(rehash, 0);
        ck_assert_msg(verify(stored[i], stored[i], &rehash) == APR_EMISMATCH, "%s", stored[i]);
    }
    ck_assert_int_eq(verify(DJANGO_PASSWORD, DJANGO, &rehash), APR_SUCCESS);
    ck_assert_int_eq(rehash, 1);
    ck_assert_int_eq(verify("letmein-once-more", DJANGO, &rehash), APR_EMISMATCH);
    ck_assert_int_eq(verify(DJANGO_PASSWORD, DJANGO_1, &rehash), APR_SUCCESS);
}
END_TEST

START_TEST(djangos)
{
    static const struct {
        const char *password, *stored;
    } rows[] = {
        { DJANGO_PASSWORD, PBKDF2_SHA1 },
        { DJANGO_PASSWORD, PBKDF2_SHA1_1 },
        { DJANGO_PASSWORD, ARGON2 },
        { DJANGO_PASSWORD, ARGON2_LOW },
        { DJANGO_PASSWORD, BCRYPT_SHA256 },
        { DJANGO_PASSWORD, BCRYPT_SHA256_LOW },
        { DJANGO_PASSWORD, BCRYPT_LOW },
        { SCRYPT_PASSWORD, DJANGO_SCRYPT },
        /* Of every type and version, by argon2-cffi 21.1, which Django calls: 3 lanes, 32 bytes of key. */
        { DJANGO_PASSWORD, "argon2$argon2i$v=16$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$ZyV02fIcAq8trRQr9kowKNhdUzs8G6+8tgyBPFE23CE" },
        { DJANGO_PASSWORD, "argon2$argon2i$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$ZyV02fIcAq8trRQr9kowKNhdUzs8G6+8tgyBPFE23CE" },
        { DJANGO_PASSWORD, "argon2$argon2i$v=19$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$fHxgFcXx+8uwCfXUk+AJ6kxam4u3r7Y4cv3NMNDlmJE" },
        { DJANGO_PASSWORD, "argon2$argon2d$v=16$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$coH4lQ5t0B6YVze1Wnw9qrOxEpy8ZNy9tNULX6oGuUo" },
        { DJANGO_PASSWORD, "argon2$argon2d$v=19$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$W+dfuHqJN1j11bY4vUDcNwCevztc1TI6RAZBZRcq2q4" },
        { DJANGO_PASSWORD, "argon2$argon2id$v=16$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$kUi0xeyw245Tq+f4DZYKuO7f+VNOIq9kZyWwZFYPwXE" },
        { DJANGO_PASSWORD, "argon2$argon2id$v=19$m=32,t=2,p=3$c2Vhc2FsdDIwMjY$KTdhDca75mkZX93aVOg8J14AL05sT9HtCnXyDzW/ZCQ" },
    };
    char *long_one = apr_pcalloc(unit_pool, 1026);
    int rehash;

    memset(long_one, 'x', 1025);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *stored = rows[i].stored;
        ck_assert_msg(verify(rows[i].password, stored, &rehash) == APR_SUCCESS, "%s", stored);
        ck_assert_int_eq(rehash, 1);
        ck_assert_msg(verify("letmein-once-more", stored, &rehash) == APR_EMISMATCH, "%s", stored);
        ck_assert_int_eq(rehash, 0);
        ck_assert_msg(verify("", stored, &rehash) == APR_EMISMATCH, "%s", stored);
        ck_assert_msg(verify(long_one, stored, &rehash) == APR_EMISMATCH, "%s", stored);
        ck_assert_msg(verify(rows[i].password, apr_pstrcat(unit_pool, "!", stored, NULL), &rehash) == APR_EMISMATCH, "%s", stored);
    }
    /* Of bcrypt_sha256 no byte is lost behind the 72nd, as bcrypt alone loses it. */
    ck_assert_int_eq(verify(DJANGO_PASSWORD "x", BCRYPT_SHA256_LOW, &rehash), APR_EMISMATCH);
}
END_TEST

START_TEST(read_only)
{
    static const struct {
        const char *stored;
        apr_status_t status;
        size_t memory;
        int ours, weak;
    } rows[] = {
        { CURRENT, APR_SUCCESS, 32 << 20, 1, 0 },
        { LN17, APR_SUCCESS, 128 << 20, 0, 1 },
        { RFC_1024, APR_SUCCESS, 1 << 20, 0, 1 },
        { "$scrypt$ln=15,r=8,p=4$" SALT "$" KEY, APR_SUCCESS, 32 << 20, 0, 0 },
        { DJANGO, APR_SUCCESS, 0, 0, 1 },
        { DJANGO_SCRYPT, APR_SUCCESS, 16 << 20, 0, 1 },
        { ARGON2, APR_SUCCESS, 100 << 20, 0, 1 },
        { BCRYPT_SHA256, APR_SUCCESS, 0, 0, 1 },
        { BCRYPT_LOW, APR_SUCCESS, 0, 0, 1 },
        { "{SHA}/IxesZSAbjGiE/BzEx5zsAEqD7U=", APR_SUCCESS, 0, 0, 1 },
        { "abFjERrjIDnVE", APR_SUCCESS, 0, 0, 1 },
        { "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$YZcv3370GtkLsoADFzXYoiIONv4w8SaNzgSkkhOcIm1", APR_SUCCESS, 16 << 20, 0, 1 },
        { "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", APR_EINVAL, 0, 0, 1 },
        { "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", APR_ENOTIMPL, 0, 0, 0 },
        { "!" CURRENT, APR_EMISMATCH, 0, 0, 0 },
        { "", APR_EMISMATCH, 0, 0, 0 },
        { NULL, APR_EMISMATCH, 0, 0, 0 },
    };
    saas_password_form_t form;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(saas_password_read(rows[i].stored, &form) == rows[i].status, "%s", rows[i].stored);
        ck_assert_msg(form.memory == rows[i].memory, "%s: %zu", rows[i].stored, (size_t)form.memory);
        ck_assert_msg(form.ours == rows[i].ours && form.weak == rows[i].weak, "%s", rows[i].stored);
    }
    ck_assert_uint_eq(SAAS_PASSWORD_MEMORY, rows[0].memory);
}
END_TEST

START_TEST(hostile_rows)
{
    static const struct {
        const char *stored;
        apr_status_t status;
    } rows[] = {
        { NULL, APR_EMISMATCH },
        { "", APR_EMISMATCH },
        { "!", APR_EMISMATCH },
        { "!" CURRENT, APR_EMISMATCH },
        { "*", APR_EMISMATCH },
        { "*0", APR_EMISMATCH },
        { "correct horse", APR_ENOTIMPL }, /* plain text is no hash, though 13 characters long */
        { "correct.horse", APR_EMISMATCH }, /* looks like DES crypt */
        { "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", APR_ENOTIMPL },
        { "$y$jFT$F5Jx5fExrKuPp53xLKQ..1$YZcv3370GtkLsoADFzXYoiIONv4w8SaNzgSkkhOcIm1", APR_ENOTIMPL },
        { "argon2$", APR_EINVAL },
        { "$scrypt$", APR_EINVAL },
        { "$scrypt$ln=21,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=60,r=8,p=1$" SALT "$" KEY, APR_EINVAL }, /* 2^70 bytes, which are none in 64 bits */
        { "$scrypt$ln=63,r=1,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=20,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=18,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=1024$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=1,r=1024,p=2$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=1,r=4294967297,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=99999999999999999999999,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=0,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=-1,r=8,p=1$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=015,r=8,p=3$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln= 15,r=8,p=3$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$r=8,ln=15,p=3$" SALT "$" KEY, APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$" SALT, APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$" SALT "$", APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$$" KEY, APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$" SALT "$ANYW", APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$" SALT "$" KEY "=", APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$" SALT "$" KEY "$", APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$A!ECAwQFBgcICQoLDA0ODw$" KEY, APR_EINVAL },
        { "$scrypt$ln=15,r=8,p=3$AAECAwQFBgcICQoLDA0ODx$" KEY, APR_EINVAL }, /* bits behind the last byte */
        { "$scrypt$ln=15,r=8,p=3$" SALT "$" KEY KEY KEY, APR_EINVAL },
        { "pbkdf2_sha256$10000001$seasalt2026$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxU=", APR_EINVAL },
        { "pbkdf2_sha256$0$seasalt2026$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxU=", APR_EINVAL },
        { "pbkdf2_sha256$1$$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxU=", APR_EINVAL },
        { "pbkdf2_sha256$1$seasalt2026$", APR_EINVAL },
        { "pbkdf2_sha256$1$seasalt2026$z9lf", APR_EINVAL },
        { "pbkdf2_sha256$1$seasalt2026$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxUA", APR_EINVAL },
        { "pbkdf2_sha256$1$seasalt2026", APR_EINVAL },
        { "pbkdf2_sha1$1$seasalt2026$z9lf", APR_EINVAL },
        { "pbkdf2_sha1$10000001$seasalt2026$Z2egvCILlpzEVrUw7EI61xYvNQI=", APR_EINVAL },
        { "pbkdf2_sha1$1$seasalt2026$z9lfqjCNWdhxW+tRJHaknl+UeldX1pWBq5Q2aQ+EaxU=", APR_EINVAL },
        { "pbkdf2_sha256$1$seasalt2026$Z2egvCILlpzEVrUw7EI61xYvNQI=", APR_EINVAL },
        { "pbkdf2_md5$1$seasalt2026$Z2egvCILlpzEVrUw7EI61xYvNQI=", APR_ENOTIMPL },
        { "scrypt$", APR_EINVAL },
        { "scrypt$16384$seasalt$8$1", APR_EINVAL },
        { "scrypt$16384$seasalt$8$1$", APR_EINVAL },
        { "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TA==", APR_EINVAL }, /* a short key */
        { "scrypt$16384$seasalt$8$1$" SEASALT "=", APR_EINVAL },
        { "scrypt$16384$seasalt$8$1$" SEASALT "$", APR_EINVAL },
        { "scrypt$16384$$8$1$" KEY64, APR_EINVAL },
        { "scrypt$16385$seasalt$8$1$" KEY64, APR_EINVAL }, /* no power of two */
        { "scrypt$1$seasalt$8$1$" KEY64, APR_EINVAL },
        { "scrypt$0$seasalt$8$1$" KEY64, APR_EINVAL },
        { "scrypt$-16384$seasalt$8$1$" KEY64, APR_EINVAL },
        { "scrypt$262144$seasalt$8$1$" KEY64, APR_EINVAL }, /* 256 MiB */
        { "scrypt$2097152$seasalt$1$1$" KEY64, APR_EINVAL },
        { "scrypt$99999999999999999999$seasalt$8$1$" KEY64, APR_EINVAL },
        { "scrypt$16384$seasalt$4294967304$1$" KEY64, APR_EINVAL },
        { "scrypt$16384$seasalt$8$1024$" KEY64, APR_EINVAL },
        { "scrypt$16384$seasalt$8$33$" KEY64, APR_EINVAL }, /* too long, within the memory */
        { "scrypt$16384$seasalt$8$0$" KEY64, APR_EINVAL },
        { "argon2$argon2id$v=19$x", APR_EINVAL },
        { "argon2$argon2x$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=18$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=99$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=262144,t=1,p=8$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL }, /* 256 MiB */
        { "argon2$argon2id$v=19$m=131072,t=5,p=8$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=16,t=16777216,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=4294967360,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=65$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=9$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL }, /* 8 KiB a lane */
        { "argon2$argon2id$v=19$m=64,t=0,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=0$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2FsdA$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$aGFzaA", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw$", APR_EINVAL },
        { "argon2$argon2id$v=19$t=1,m=64,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6Uw", APR_EINVAL },
        { "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjY$xEaQGmqniwOHgHhXSMY6U!", APR_EINVAL },
        { "bcrypt$", APR_EINVAL },
        { "bcrypt_sha256$", APR_EINVAL },
        { "bcrypt_sha256$$2b$31$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUFI.", APR_EINVAL },
        { "bcrypt_sha256$$2b$16$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUFI.", APR_EINVAL },
        { "bcrypt_sha256$$2x$04$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUFI.", APR_EINVAL },
        { "bcrypt_sha256$$2b$04$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUFI", APR_EINVAL },
        { "bcrypt_sha256$$2b$04$gKcXKJvc0mx8ubj8JDd2meYuRdCum6UpvgnN/XrD9PGBxVgQVUF$.", APR_EINVAL },
        { "bcrypt_sha256$$6$saltstring$x", APR_EINVAL },
        { "bcrypt$$6$rounds=999999999$saltstring$x", APR_EINVAL },
        { "$2y$31$abcdefghijklmnopqrstuuHNzobToyoUx/XDeHA.0qHXOcixZPlSm", APR_EINVAL },
        { "$2y$5$abcdefghijklmnopqrstuuHNzobToyoUx/XDeHA.0qHXOcixZPlSm", APR_EINVAL },
        { "$2y$", APR_EINVAL },
        { "$6$rounds=999999999$saltstring$x", APR_EINVAL },
        { "$5$rounds=$saltstring$x", APR_EINVAL },
        { "$6$", APR_EMISMATCH },
        { "$apr1$", APR_EMISMATCH },
        { "{SHA}", APR_EMISMATCH },
    };
    int rehash;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_status_t status = verify("correct horse", rows[i].stored, &rehash);
        ck_assert_msg(status == rows[i].status, "%s: %d", rows[i].stored, status);
        ck_assert_int_eq(rehash, 0);
    }
    ck_assert_int_eq(verify(NULL, CURRENT, &rehash), APR_EMISMATCH);
}
END_TEST

START_TEST(mutated_rows)
{
    /* One changed character never matches and never crashes. Cheap strings only. */
    static const struct {
        const char *password, *stored;
    } seeds[] = { { DJANGO_PASSWORD, DJANGO_1 }, { "hunter2hunter2", "$apr1$saltsalt$ocVy0LtJZDe8R6/9gGYw21" },
                  { DJANGO_PASSWORD, PBKDF2_SHA1_1 }, { DJANGO_PASSWORD, ARGON2_LOW }, { SCRYPT_PASSWORD, DJANGO_SCRYPT } };
    const size_t count = sizeof(seeds) / sizeof(seeds[0]);
    uint64_t state = 7;
    int rehash;

    for (size_t i = 0; i < 200 * count; i++) {
        const char *password = seeds[i % count].password;
        char *stored = apr_pstrdup(unit_pool, seeds[i % count].stored);
        uint64_t r = unit_random(&state);
        size_t at = (r >> 8) % strlen(stored);
        char c = (char)(33 + (r >> 32) % 94);
        /* Digits may turn into ten million iterations. */
        if (stored[at] == c || (c >= '0' && c <= '9')) {
            continue;
        }
        stored[at] = c;
        ck_assert_msg(verify(password, stored, &rehash) != APR_SUCCESS, "%s", stored);
    }
}
END_TEST

START_TEST(rules)
{
    const char *why;
    char *text = apr_pcalloc(unit_pool, 129 * 4 + 1);

    ck_assert_int_eq(saas_password_check("a-Fine1one", "me@example.com", &why), APR_SUCCESS);
    ck_assert_ptr_null(why);
    ck_assert_int_eq(saas_password_check("a-Fine1on", NULL, &why), APR_EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "too short"));
    ck_assert_int_eq(saas_password_check("", NULL, &why), APR_EINVAL);

    /* Code points, not bytes: 9 of four bytes are too few, 10 do, 128 do, 129 are too many. */
    for (int i = 0; i < 129; i++) {
        memcpy(text + (size_t)i * 4, "\xf0\x9f\x90\x98", 4);
    }
    static const struct {
        int points;
        apr_status_t status;
    } lengths[] = { { 9, APR_EINVAL }, { 10, APR_SUCCESS }, { 128, APR_SUCCESS }, { 129, APR_EINVAL } };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const char *password = apr_pstrmemdup(unit_pool, text, (size_t)lengths[i].points * 4);
        ck_assert_int_eq(saas_password_check(password, NULL, &why), lengths[i].status);
    }
    ck_assert_int_eq(saas_password_check("bad utf8 \xff\xfe here", NULL, &why), APR_EINVAL);

    ck_assert_int_eq(saas_password_check("Somebody@Example.com", "somebody@example.COM", &why), APR_EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "e-mail"));
    ck_assert_int_eq(saas_password_check("somebody@example.com1", "somebody@example.com", &why), APR_SUCCESS);

    static const char *const common[] = { "1234567890", "password123", "Password123", "PASSWORD123", "qwertyuiop", "iloveyou123" };
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        ck_assert_msg(saas_password_check(common[i], NULL, &why) == APR_EINVAL, "%s", common[i]);
        ck_assert_ptr_nonnull(strstr(why, "too common"));
    }
}
END_TEST

START_TEST(common_list)
{
    size_t n = 0;
    const char *before = "";
    for (const char *entry; (entry = saas_common_password(n)) != NULL; n++) {
        ck_assert_msg(strcmp(before, entry) < 0, "%s is not behind %s", entry, before);
        ck_assert_msg(strlen(entry) >= SAAS_PASSWORD_MIN, "%s", entry);
        for (const char *c = entry; *c; c++) {
            ck_assert_msg(*c < 'A' || *c > 'Z', "%s", entry);
        }
        ck_assert(saas_password_is_common(entry));
        before = entry;
    }
    ck_assert_uint_ge(n, 1000);
    ck_assert(!saas_password_is_common(""));
    ck_assert(!saas_password_is_common("1234567890\xff"));
    ck_assert(!saas_password_is_common("123456789"));
}
END_TEST

Suite *suite_password(void)
{
    TCase *tc;
    Suite *suite = unit_suite("password", 120, &tc);
    tcase_add_test(tc, scrypt_vectors);
    tcase_add_test(tc, hash_and_verify);
    tcase_add_test(tc, brought_along);
    tcase_add_test(tc, djangos);
    tcase_add_test(tc, read_only);
    tcase_add_test(tc, hostile_rows);
    tcase_add_test(tc, mutated_rows);
    tcase_add_test(tc, rules);
    tcase_add_test(tc, common_list);
    return suite;
}
