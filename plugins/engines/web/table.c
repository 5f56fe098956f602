/* The table of checks: what each is called, how grave a failure is, what it means, what mends it, with the lines of
 * httpd's and nginx's configuration where lines do, what it costs, and who judges it. Only data: no judge is written
 * here, and no judge knows this table.
 *
 * Points and tests are those of MDN's HTTP Observatory where it has the same: what it says of one header are several
 * checks here, of which the dearest counts. What it does not look at, as TLS, has points of the same measure. Lines for
 * headers replace what an application sends: httpd keeps two tables of headers ("always" and "onsuccess"), nginx passes
 * on what it is not told to hide.
 */
#include "checks.h"

const saas_web_check_t saas_web_checks[] = {
    {
        .name = "tls_certificate_trusted",
        .severity = SAAS_WEB_CRITICAL,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_trusted,
        .test = "certificate",
        .penalty = 20,
        .title = "The certificate is issued by a known authority",
        .meaning = "A browser shows a warning instead of the site when no authority that it trusts "
                   "vouches for the certificate; visitors who click it away can be read by anybody "
                   "between.",
        .remediation = "Get the certificate from a public authority, for example with ACME (mod_md, "
                       "certbot), and send the intermediate certificates with it.",
        .reference = "https://www.rfc-editor.org/rfc/rfc5280",
    },
    {
        .name = "tls_certificate_hostname_match",
        .severity = SAAS_WEB_CRITICAL,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_hostname_match,
        .test = "certificate",
        .penalty = 20,
        .title = "The certificate names the host",
        .meaning = "A certificate for another name proves nothing about this host; browsers refuse "
                   "it.",
        .remediation = "Have the certificate issued for every name that the site is reached under, as "
                       "subject alternative names.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9525",
    },
    {
        .name = "tls_certificate_not_expired",
        .severity = SAAS_WEB_CRITICAL,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_not_expired,
        .test = "certificate",
        .penalty = 20,
        .title = "The certificate is valid today",
        .meaning = "Browsers refuse a certificate outside of its dates.",
        .remediation = "Renew the certificate, and have it renewed by a timer from now on.",
        .reference = "https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
    },
    {
        .name = "tls_certificate_expiry_margin",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_expiry_margin,
        .test = "certificate",
        .penalty = 5,
        .title = "The certificate is renewed in time",
        .meaning = "A certificate with few days left tells that its renewal has failed or is "
                   "forgotten.",
        .remediation = "Look why the renewal has not run: the timer, the authority's answer, the reload "
                       "of the server.",
        .reference = "https://letsencrypt.org/docs/integration-guide/",
    },
    {
        .name = "tls_certificate_lifetime",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_lifetime,
        .test = "certificate",
        .title = "The certificate's lifetime is within the rules",
        .meaning = "Browsers refuse certificates of public authorities that were issued for longer "
                   "than the CA/Browser Forum allowed on the day they were issued.",
        .remediation = "Have a shorter certificate issued by ACME.",
        .reference = "https://cabforum.org/working-groups/server/baseline-requirements/",
    },
    {
        .name = "tls_certificate_key_strength",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_key_strength,
        .test = "certificate",
        .penalty = 20,
        .title = "The certificate's key is strong",
        .meaning = "A short key can be computed from the certificate.",
        .remediation = "Make a new key, EC P-256 or RSA of 2048 bits, and have the certificate issued "
                       "anew.",
        .reference = "https://wiki.mozilla.org/Security/Server_Side_TLS",
    },
    {
        .name = "tls_certificate_signature",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_signature,
        .test = "certificate",
        .penalty = 20,
        .title = "No certificate is signed with a broken hash",
        .meaning = "With MD5 or SHA-1 a second certificate with the same signature can be made.",
        .remediation = "Have the certificate issued anew, and send today's intermediates of the "
                       "authority.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9155",
    },
    {
        .name = "tls_chain_complete_ordered",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_chain,
        .test = "certificate",
        .penalty = 5,
        .title = "The chain is complete and in order",
        .meaning = "Clients that do not fetch a missing intermediate refuse the connection, others "
                   "are only slower.",
        .remediation = "Put the host's certificate first into the file, then each issuer after the one "
                       "that it issued, without the root.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2",
    },
    {
        .name = "tls_certificate_transparency",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_transparency,
        .test = "certificate",
        .title = "The certificate is in the transparency logs",
        .meaning = "Chrome and Safari refuse certificates of public authorities without the logs' "
                   "signed timestamps; the logs are how a certificate issued to somebody else is "
                   "noticed.",
        .remediation = "Every public authority embeds them; have the certificate issued anew.",
        .reference = "https://www.rfc-editor.org/rfc/rfc6962",
    },
    {
        .name = "tls_legacy_protocols_disabled",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_legacy_protocols,
        .test = "tls",
        .penalty = 10,
        .title = "SSL 3.0, TLS 1.0 and TLS 1.1 are refused",
        .meaning = "They have known attacks (POODLE, BEAST) and have been deprecated since 2021; no "
                   "browser of today needs them.",
        .remediation = "Allow TLS 1.2 and 1.3 only.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8996",
        .httpd = "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        .nginx = "ssl_protocols TLSv1.2 TLSv1.3;",
    },
    {
        .name = "tls_1_2_or_1_3_supported",
        .severity = SAAS_WEB_CRITICAL,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_modern_protocols,
        .test = "tls",
        .penalty = 20,
        .title = "TLS 1.2 or 1.3 is spoken",
        .meaning = "Without one of them no browser of today connects.",
        .remediation = "Switch TLS 1.2 and 1.3 on.",
        .reference = "https://wiki.mozilla.org/Security/Server_Side_TLS",
        .httpd = "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        .nginx = "ssl_protocols TLSv1.2 TLSv1.3;",
    },
    {
        .name = "tls_1_3_supported",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_tls13,
        .test = "tls",
        .penalty = 5,
        .title = "TLS 1.3 is spoken",
        .meaning = "It hides the certificate, has no weak suites left to choose, and needs a round "
                   "trip less.",
        .remediation = "Switch TLS 1.3 on; it needs OpenSSL 1.1.1 or later.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8446",
        .httpd = "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        .nginx = "ssl_protocols TLSv1.2 TLSv1.3;",
    },
    {
        .name = "tls_weak_ciphers_refused",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_weak_ciphers,
        .test = "tls",
        .penalty = 20,
        .title = "Weak cipher suites are refused",
        .meaning = "NULL, anonymous, export, RC4, DES and 3DES suites do not keep secret what they "
                   "carry, or not from whom.",
        .remediation = "Offer suites with forward secrecy and authenticated encryption only.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9325#section-4.1",
        .httpd = "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        .nginx = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;",
    },
    {
        .name = "tls_forward_secrecy_only",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_forward_secrecy,
        .test = "tls",
        .penalty = 5,
        .title = "Every key exchange has forward secrecy",
        .meaning = "With key transport by RSA, whoever gets the server's key later can read all "
                   "that was recorded before.",
        .remediation = "Offer suites with ECDHE only.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9325#section-4.1",
        .httpd = "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        .nginx = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;",
    },
    {
        .name = "tls_dh_params",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_dh_params,
        .test = "tls",
        .penalty = 5,
        .title = "Diffie-Hellman groups are large enough",
        .meaning = "Groups below 2048 bits are within reach of an attacker who prepares (Logjam).",
        .remediation = "Offer suites with ECDHE only, as Mozilla's guidelines do since 5.8.",
        .reference = "https://wiki.mozilla.org/Security/Server_Side_TLS",
        .httpd = "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        .nginx = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;",
    },
    {
        .name = "tls_hybrid_key_exchange",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_hybrid,
        .test = "tls",
        .title = "A key exchange for the time of quantum computers is offered",
        .meaning = "What is recorded today can be read once such computers exist, unless "
                   "X25519MLKEM768 was agreed on; browsers offer it.",
        .remediation = "Update to OpenSSL 3.5 or later, which offers it by itself.",
        .reference = "https://datatracker.ietf.org/doc/draft-ietf-tls-ecdhe-mlkem/",
        .httpd = "SSLOpenSSLConfCmd Groups X25519MLKEM768:X25519:prime256v1",
        .nginx = "ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1;",
    },
    {
        .name = "tls_profile_intermediate",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_profile,
        .test = "tls",
        .title = "Protocols and suites are those of Mozilla's profile Intermediate",
        .meaning = "What the profile leaves out is needed by no client of the last ten years, and is where attacks begin: "
                   "protocols before TLS 1.2, suites without forward secrecy or with CBC, finite-field Diffie-Hellman.",
        .remediation = "Take over the profile's protocols and suites.",
        .reference = "https://ssl-config.mozilla.org/guidelines/5.8.json",
        .httpd = "SSLProtocol -all +TLSv1.2 +TLSv1.3\n"
                 "SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
        .nginx = "ssl_protocols TLSv1.2 TLSv1.3;\n"
                 "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;",
    },
    {
        .name = "tls_compression_disabled",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_compression,
        .test = "tls",
        .penalty = 5,
        .title = "TLS does not compress",
        .meaning = "The length of what is compressed tells its secrets (CRIME).",
        .remediation = "Switch compression of TLS off.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9325#section-3.3",
        .httpd = "SSLCompression off",
    },
    {
        .name = "tls_secure_renegotiation",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_renegotiation,
        .test = "tls",
        .penalty = 5,
        .title = "Renegotiation is secure",
        .meaning = "Without RFC 5746 an attacker can put a request of his own before the visitor's.",
        .remediation = "Update the TLS library, and do not allow the old renegotiation.",
        .reference = "https://www.rfc-editor.org/rfc/rfc5746",
        .httpd = "SSLInsecureRenegotiation off",
    },
    {
        .name = "tls_ocsp_staple",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_CERTIFICATE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_ocsp_staple,
        .test = "tls",
        .title = "A good OCSP response is stapled",
        .meaning = "The response says that the certificate was not revoked, without asking the "
                   "authority. Public authorities have ended OCSP; only a certificate that demands "
                   "a staple needs one.",
        .remediation = "Switch stapling on where the authority still has a responder, or get a "
                       "certificate that does not demand it.",
        .reference = "https://www.rfc-editor.org/rfc/rfc6961",
        .httpd = "SSLUseStapling On\n"
                 "# outside of virtual hosts:\n"
                 "SSLStaplingCache shmcb:stapling(128000)",
        .nginx = "ssl_stapling on;\n"
                 "ssl_stapling_verify on;",
    },
    {
        .name = "tls_early_data_disabled",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_TLS,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_early_data,
        .test = "tls",
        .title = "Early data of TLS 1.3 is off",
        .meaning = "Requests sent as early data can be sent again by whoever has recorded them.",
        .remediation = "Switch 0-RTT off, or let nothing but idempotent requests in by it.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8446#section-8",
        .nginx = "ssl_early_data off;",
    },
    {
        .name = "http_redirect_to_https",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_redirect,
        .test = "redirection",
        .penalty = 20,
        .title = "http leads to https",
        .meaning = "Who types the name without https:// would stay in the clear.",
        .remediation = "Redirect every request over http to https on the same host.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security",
        .httpd = "RewriteEngine On\n"
                 "RewriteCond %{HTTPS} !=on\n"
                 "RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [R=301,L]",
        .nginx = "if ($scheme = http) {\n"
                 "    return 301 https://$host$request_uri;\n"
                 "}",
    },
    {
        .name = "http_redirect_first_hop_same_host",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_first_hop,
        .test = "redirection",
        .penalty = 5,
        .title = "The first redirect stays on the host",
        .meaning = "A redirect to another host leaves the first one without HSTS, since browsers "
                   "have never spoken https with it.",
        .remediation = "Redirect to https on the same host first, then elsewhere.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security",
        .httpd = "RewriteEngine On\n"
                 "RewriteCond %{HTTPS} !=on\n"
                 "RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [R=301,L]",
        .nginx = "if ($scheme = http) {\n"
                 "    return 301 https://$host$request_uri;\n"
                 "}",
    },
    {
        .name = "hsts_enabled",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_hsts,
        .test = "strict-transport-security",
        .penalty = 20,
        .title = "Browsers are told to use https only",
        .meaning = "Without Strict-Transport-Security every visit by http can be taken over before "
                   "it is redirected.",
        .remediation = "Send the header over https, once, with a certificate that verifies.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security",
        .httpd = "Header onsuccess unset Strict-Transport-Security\n"
                 "Header always set Strict-Transport-Security \"max-age=31536000; "
                 "includeSubDomains\"",
        .nginx = "proxy_hide_header Strict-Transport-Security;\n"
                 "add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" "
                 "always;",
    },
    {
        .name = "hsts_max_age",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_hsts_max_age,
        .test = "strict-transport-security",
        .penalty = 10,
        .title = "HSTS lasts at least 180 days",
        .meaning = "After max-age browsers forget; who visits less often is unprotected.",
        .remediation = "Set max-age to 15552000 or more; a year is usual.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security",
        .httpd = "Header onsuccess unset Strict-Transport-Security\n"
                 "Header always set Strict-Transport-Security \"max-age=31536000; "
                 "includeSubDomains\"",
        .nginx = "proxy_hide_header Strict-Transport-Security;\n"
                 "add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" "
                 "always;",
    },
    {
        .name = "hsts_include_subdomains",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_hsts_subdomains,
        .test = "strict-transport-security",
        .title = "HSTS covers the subdomains",
        .meaning = "Otherwise a name below this one that does not exist can set cookies for it over "
                   "http.",
        .remediation = "Add includeSubDomains once every subdomain speaks https.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security",
        .httpd = "Header onsuccess unset Strict-Transport-Security\n"
                 "Header always set Strict-Transport-Security \"max-age=31536000; "
                 "includeSubDomains\"",
        .nginx = "proxy_hide_header Strict-Transport-Security;\n"
                 "add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" "
                 "always;",
    },
    {
        .name = "csp_present",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_csp,
        .test = "content-security-policy",
        .penalty = 25,
        .title = "A Content Security Policy is enforced",
        .meaning = "It is the second line of defence when a page lets in a stranger's markup.",
        .remediation = "Send a policy; try it first as Content-Security-Policy-Report-Only.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "csp_script_no_unsafe_inline",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_csp_inline,
        .test = "content-security-policy",
        .penalty = 20,
        .bonus = 5,
        .title = "Scripts need a known source, nonce or hash",
        .meaning = "A policy that lets in inline scripts, data: or any host does not stop injected "
                   "ones.",
        .remediation = "Name the hosts of scripts, and give inline scripts a nonce or hash.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/script-src",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "csp_no_unsafe_eval",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_csp_eval,
        .test = "content-security-policy",
        .penalty = 10,
        .title = "Scripts are not made from text",
        .meaning = "'unsafe-eval' lets text that a stranger controls become code.",
        .remediation = "Take 'unsafe-eval' out of script-src, or of default-src.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/script-src",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "csp_base_object_form_locked",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_csp_lock,
        .test = "content-security-policy",
        .bonus = 5,
        .title = "Base URL, plug-ins and forms are restricted",
        .meaning = "base-uri and form-action do not fall back on default-src: injected markup could "
                   "send relative links or passwords elsewhere.",
        .remediation = "Set base-uri 'none', object-src 'none' and form-action 'self'.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/base-uri",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "clickjacking_protected",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_clickjacking,
        .test = "x-frame-options",
        .penalty = 20,
        .title = "Strangers cannot frame the page",
        .meaning = "Framed invisibly, the page takes clicks that its visitor meant for another.",
        .remediation = "Set frame-ancestors in a policy's header. Where it is set, browsers ignore "
                       "X-Frame-Options.",
        .reference =
            "https:"
            "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/frame-ancestors",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "content_type_nosniff",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_nosniff,
        .test = "x-content-type-options",
        .penalty = 5,
        .title = "Browsers do not guess types",
        .meaning = "An upload that was served as text could run as a script.",
        .remediation = "Send X-Content-Type-Options: nosniff.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Content-Type-Options",
        .httpd = "Header onsuccess unset X-Content-Type-Options\n"
                 "Header always set X-Content-Type-Options \"nosniff\"",
        .nginx = "proxy_hide_header X-Content-Type-Options;\n"
                 "add_header X-Content-Type-Options \"nosniff\" always;",
    },
    {
        .name = "referrer_policy_safe",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_referrer,
        .test = "referrer-policy",
        .penalty = 5,
        .bonus = 5,
        .title = "Paths are not told to other sites",
        .meaning = "URLs can hold secrets; the default of browsers is good, but not of all.",
        .remediation = "Send Referrer-Policy with strict-origin-when-cross-origin or a stricter word.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Referrer-Policy",
        .httpd = "Header onsuccess unset Referrer-Policy\n"
                 "Header always set Referrer-Policy \"strict-origin-when-cross-origin\"",
        .nginx = "proxy_hide_header Referrer-Policy;\n"
                 "add_header Referrer-Policy \"strict-origin-when-cross-origin\" always;",
    },
    {
        .name = "permissions_policy_present",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_permissions,
        .title = "Features of the browser are restricted",
        .meaning = "What the site does not use (camera, location), an injected frame should not get "
                   "either.",
        .remediation = "Send Permissions-Policy with an empty list for each feature that is not used.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Permissions-Policy",
        .httpd = "Header onsuccess unset Permissions-Policy\n"
                 "Header always set Permissions-Policy \"camera=(), geolocation=(), microphone=()\"",
        .nginx = "proxy_hide_header Permissions-Policy;\n"
                 "add_header Permissions-Policy \"camera=(), geolocation=(), microphone=()\" always;",
    },
    {
        .name = "cross_origin_isolation",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cross_origin,
        .title = "The page is isolated from other origins",
        .meaning = "One of the three Cross-Origin policies keeps windows, frames or resources of "
                   "others apart.",
        .remediation = "Begin with Cross-Origin-Opener-Policy: same-origin.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cross-Origin-Opener-Policy",
        .httpd = "Header onsuccess unset Cross-Origin-Opener-Policy\n"
                 "Header always set Cross-Origin-Opener-Policy \"same-origin\"",
        .nginx = "proxy_hide_header Cross-Origin-Opener-Policy;\n"
                 "add_header Cross-Origin-Opener-Policy \"same-origin\" always;",
    },
    {
        .name = "cross_origin_opener_policy",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_opener_policy,
        .title = "Windows of other origins have no hold of this one",
        .meaning = "Without it a page that opens this one keeps a handle on its window.",
        .remediation = "Send Cross-Origin-Opener-Policy: same-origin, or same-origin-allow-popups where "
                       "others are opened for a log-in.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cross-Origin-Opener-Policy",
        .httpd = "Header onsuccess unset Cross-Origin-Opener-Policy\n"
                 "Header always set Cross-Origin-Opener-Policy \"same-origin\"",
        .nginx = "proxy_hide_header Cross-Origin-Opener-Policy;\n"
                 "add_header Cross-Origin-Opener-Policy \"same-origin\" always;",
    },
    {
        .name = "cross_origin_embedder_policy",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_embedder_policy,
        .title = "Only resources that agree are embedded",
        .meaning = "Needed beside the opener policy for a process of the page's own.",
        .remediation = "Send Cross-Origin-Embedder-Policy: require-corp, or credentialless.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cross-Origin-Embedder-Policy",
        .httpd = "Header onsuccess unset Cross-Origin-Embedder-Policy\n"
                 "Header always set Cross-Origin-Embedder-Policy \"require-corp\"",
        .nginx = "proxy_hide_header Cross-Origin-Embedder-Policy;\n"
                 "add_header Cross-Origin-Embedder-Policy \"require-corp\" always;",
    },
    {
        .name = "cross_origin_resource_policy",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_resource_policy,
        .test = "cross-origin-resource-policy",
        .bonus = 10,
        .title = "Other sites cannot embed the resource",
        .meaning = "Against attacks on the processor (Spectre) a resource must not enter a "
                   "stranger's process.",
        .remediation = "Send Cross-Origin-Resource-Policy: same-origin.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cross-Origin-Resource-Policy",
        .httpd = "Header onsuccess unset Cross-Origin-Resource-Policy\n"
                 "Header always set Cross-Origin-Resource-Policy \"same-origin\"",
        .nginx = "proxy_hide_header Cross-Origin-Resource-Policy;\n"
                 "add_header Cross-Origin-Resource-Policy \"same-origin\" always;",
    },
    {
        .name = "cookies_prefix_valid",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cookies_prefix,
        .test = "cookies",
        .penalty = 5,
        .title = "Cookies keep the rules of their prefix",
        .meaning = "Browsers drop a cookie named __Host-… or __Secure-… that breaks the rules which "
                   "the name promises.",
        .remediation = "Set __Host- cookies with Secure and Path=/ and without Domain, __Secure- "
                       "cookies with Secure, __Http- cookies with HttpOnly besides.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes",
    },
    {
        .name = "cookies_secure",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cookies_secure,
        .test = "cookies",
        .penalty = 20,
        .title = "Cookies are sent over https only",
        .meaning = "A cookie without Secure goes with the first request over http, for all to read.",
        .remediation = "Set Secure on every cookie.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#secure",
        .httpd = "Header onsuccess edit Set-Cookie \"(?i)^((?:(?!;\\s*secure).)+)$\" \"$1; Secure\"\n"
                 "Header always edit Set-Cookie \"(?i)^((?:(?!;\\s*secure).)+)$\" \"$1; Secure\"",
        .nginx = "proxy_cookie_flags ~ secure httponly samesite=lax;",
    },
    {
        .name = "cookies_httponly",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cookies_httponly,
        .test = "cookies",
        .penalty = 30,
        .title = "Scripts cannot read session cookies",
        .meaning = "One injected script is enough to take the session along.",
        .remediation = "Set HttpOnly on every cookie that no script has to read.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#httponly",
        .httpd = "Header onsuccess edit Set-Cookie \"(?i)^((?:(?!;\\s*httponly).)+)$\" \"$1; "
                 "HttpOnly\"\n"
                 "Header always edit Set-Cookie \"(?i)^((?:(?!;\\s*httponly).)+)$\" \"$1; HttpOnly\"",
        .nginx = "proxy_cookie_flags ~ secure httponly samesite=lax;",
    },
    {
        .name = "cookies_samesite",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cookies_samesite,
        .test = "cookies",
        .penalty = 20,
        .title = "Cookies do not go along with other sites' requests",
        .meaning = "Without SameSite browsers differ in when a stranger's form is sent with the "
                   "visitor's session.",
        .remediation = "Set SameSite=Lax, or Strict; None only with Secure, where other sites have to "
                       "embed this one.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#samesitesamesite-value",
        .httpd = "Header onsuccess edit Set-Cookie "
                 "\"(?i)^((?:(?!;\\s*samesite=(?:lax|strict|none)).)+)$\" \"$1; SameSite=Lax\"\n"
                 "Header always edit Set-Cookie "
                 "\"(?i)^((?:(?!;\\s*samesite=(?:lax|strict|none)).)+)$\" \"$1; SameSite=Lax\"",
        .nginx = "proxy_cookie_flags ~ secure httponly samesite=lax;",
    },
    {
        .name = "cors_no_credentialed_reflection",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_cors,
        .test = "cross-origin-resource-sharing",
        .penalty = 50,
        .title = "Not every site may read what a visitor sees",
        .meaning = "Whoever answers any Origin with itself and credentials lets every site read the "
                   "visitor's data.",
        .remediation = "Name the origins that may; never repeat what Origin says.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Access-Control-Allow-Credentials",
        .httpd = "Header onsuccess unset Access-Control-Allow-Credentials\n"
                 "Header always unset Access-Control-Allow-Credentials",
        .nginx = "proxy_hide_header Access-Control-Allow-Credentials;",
    },
    {
        .name = "scripts_loaded_securely",
        .severity = SAAS_WEB_HIGH,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_scripts,
        .test = "subresource-integrity",
        .penalty = 20,
        .title = "Scripts are loaded over https, foreign ones with a hash",
        .meaning = "A script over http can be replaced on its way; one of another site whenever "
                   "that site is broken into.",
        .remediation = "Load scripts over https, and those of others with integrity, or serve them "
                       "yourself.",
        .reference = "https://developer.mozilla.org/en-US/docs/Web/Security/Subresource_Integrity",
    },
    {
        .name = "mixed_content_absent",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_mixed_content,
        .penalty = 10,
        .title = "A page over https loads nothing over http",
        .meaning = "Images, styles, frames and form targets over http can be read and replaced on "
                   "their way; browsers block some of them.",
        .remediation = "Write the references with https: or without a scheme, or have browsers do it by "
                       "upgrade-insecure-requests.",
        .reference = "https://developer.mozilla.org/en-US/docs/Web/Security/Mixed_content",
        .httpd = "Header onsuccess unset Content-Security-Policy\n"
                 "Header always set Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\"",
        .nginx = "proxy_hide_header Content-Security-Policy;\n"
                 "add_header Content-Security-Policy \"default-src 'self'; base-uri 'none'; "
                 "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
                 "upgrade-insecure-requests\" always;",
    },
    {
        .name = "headers_no_technology_leak",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_leak,
        .title = "No header tells what the server is made of",
        .meaning = "Versions help who looks for the ones with a known hole.",
        .remediation = "Take the version out of Server, and remove X-Powered-By and the like.",
        .reference = "https://owasp.org/www-project-secure-headers/",
        .httpd = "# outside of virtual hosts:\n"
                 "ServerTokens Prod\n"
                 "Header onsuccess unset X-Powered-By\n"
                 "Header always unset X-Powered-By",
        .nginx = "server_tokens off;\n"
                 "proxy_hide_header X-Powered-By;",
    },
    {
        .name = "http_trace_disabled",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_trace,
        .penalty = 5,
        .title = "TRACE is not answered",
        .meaning = "The echo shows headers that a script should not see.",
        .remediation = "Switch TRACE off.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9110#section-9.3.8",
        .httpd = "TraceEnable Off",
    },
    {
        .name = "http3_offered",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_http3,
        .title = "HTTP/3 is offered",
        .meaning = "Over QUIC more of the connection is encrypted, and it sets up faster. httpd "
                   "does not speak it; a front like nginx from 1.25 does.",
        .remediation = "Offer it by Alt-Svc.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9114",
        .nginx = "listen 443 quic;\n"
                 "add_header Alt-Svc 'h3=\":443\"; ma=86400' always;",
    },
    {
        .name = "clear_site_data_on_logout",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_MANUAL,
        .judge = saas_web_judge_clear_site_data,
        .title = "Logging out clears what the browser has kept",
        .meaning = "Clear-Site-Data on the answer to a log-out removes what scripts and caches "
                   "still hold. Which page that is, an audit from outside cannot tell.",
        .remediation = "Send the header on the answer to a log-out, and there only.",
        .reference = "https:"
                     "//developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Clear-Site-Data",
        .httpd = "<Location \"/logout\">\n"
                 "    Header always set Clear-Site-Data \"\\\"cache\\\", \\\"cookies\\\", \\\"storage\\\"\"\n"
                 "</Location>",
        .nginx = "location = /logout {\n"
                 "    add_header Clear-Site-Data '\"cache\", \"cookies\", \"storage\"' always;\n"
                 "}",
    },
    {
        .name = "security_txt_present",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_security_txt,
        .test = "security-txt",
        .title = "Who finds a hole knows whom to tell",
        .meaning = "Without /.well-known/security.txt reports end in the wrong mailbox, or in "
                   "public.",
        .remediation = "Put a file with a Contact and an Expires there, served over https as text/plain.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9116",
    },
    {
        .name = "security_txt_valid",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_RESPONSE,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_security_txt_valid,
        .test = "security-txt",
        .title = "security.txt follows its rules",
        .meaning = "A file that is out of date or cannot be read is not trusted.",
        .remediation = "Keep one Expires in the future, a Contact that is a URI (mailto:, https:, "
                       "tel:), and at most one Preferred-Languages.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9116#section-2.5",
    },
    {
        .name = "directory_listing_disabled",
        .severity = SAAS_WEB_MEDIUM,
        .needs = SAAS_WEB_NEEDS_OWNER,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_listing,
        .title = "Directories do not list their files",
        .meaning = "A list shows whoever asks what no page refers to: backups, uploads of others, files that were forgotten. "
                   "Asked of hosts only that are proven to be the organization's own.",
        .remediation = "Switch the lists off, or put an index page into the directory.",
        .reference = "https://cwe.mitre.org/data/definitions/548.html",
        .httpd = "<Directory \"/var/www/html\">\n"
                 "    Options -Indexes\n"
                 "</Directory>",
        .nginx = "autoindex off;",
    },
    {
        .name = "source_maps_not_served",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_OWNER,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_maps,
        .title = "Scripts do not come with their sources",
        .meaning = "A source map holds the program before it was built, with names, comments and paths. "
                   "Asked of hosts only that are proven to be the organization's own.",
        .remediation = "Build scripts without maps, or keep the maps where your error tracker alone reads them.",
        .reference = "https://cwe.mitre.org/data/definitions/540.html",
        .httpd = "<FilesMatch \"\\.map$\">\n"
                 "    Require all denied\n"
                 "</FilesMatch>",
        .nginx = "location ~ \\.map$ {\n"
                 "    return 404;\n"
                 "}",
    },
    {
        .name = "addresses_all_answer",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_NOTHING,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_addresses,
        .title = "Every address of the name answers",
        .meaning = "A visitor gets any of a name's addresses. Each is looked at, and a fault of one is the site's; where one "
                   "could not be, the other verdicts say nothing of it.",
        .remediation = "Take addresses where nothing listens out of the zone, or have it listen.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8305",
    },
    {
        .name = "dns_caa_present",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_caa,
        .title = "The zone says who may issue certificates",
        .meaning = "Without CAA records every authority may issue for the name, the least careful one, too.",
        .remediation = "Add a CAA record for each authority that you use, with accounturi where it knows accounts.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8659",
        .dns = "example.com. IN CAA 0 issue \"letsencrypt.org; accounturi=https://acme-v02.api.letsencrypt.org/acme/acct/1234567\"",
    },
    {
        .name = "dns_caa_account",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_caa_account,
        .title = "Certificates are issued to your accounts alone",
        .meaning = "An authority that CAA names issues to whoever passes its test, as somebody does who takes over the address or "
                   "the route to it for a while. With accounturi it issues to your account.",
        .remediation = "Add the account's URI to each CAA record; ACME clients show it.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8657",
        .dns = "example.com. IN CAA 0 issue \"letsencrypt.org; accounturi=https://acme-v02.api.letsencrypt.org/acme/acct/1234567\"",
    },
    {
        .name = "dns_dnssec_signed",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_dnssec,
        .title = "The name's answers are signed and pass validation",
        .meaning = "Unsigned answers can be replaced on their way: visitors are led elsewhere, and so is an authority that is asked "
                   "for a certificate. Wrong signatures keep out whoever validates.",
        .remediation = "Have the zone signed, which most providers do on request, and the DS record entered at the registrar.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9364",
    },
    {
        .name = "dns_https_record",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_https_record,
        .title = "An HTTPS record tells browsers how to connect",
        .meaning = "With it browsers begin with https, and with HTTP/3 where that is offered, before they have asked the server.",
        .remediation = "Add an HTTPS record that names the protocols which the server speaks.",
        .reference = "https://www.rfc-editor.org/rfc/rfc9460",
        .dns = "example.com. IN HTTPS 1 . alpn=h2",
    },
    {
        .name = "mail_spf_strict",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_spf,
        .title = "SPF says who sends mail for the domain, and that nobody else does",
        .meaning = "Without it whoever likes to sends mail that seems to come from the domain. Looked at is the organization's "
                   "domain, whatever host of it is the target.",
        .remediation = "Name your senders in one TXT record that ends with -all or ~all; a domain that sends no mail has -all alone.",
        .reference = "https://www.rfc-editor.org/rfc/rfc7208",
        .dns = "example.com. IN TXT \"v=spf1 mx -all\"",
    },
    {
        .name = "mail_dmarc_enforced",
        .severity = SAAS_WEB_LOW,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_dmarc,
        .title = "DMARC keeps forged mail of the domain away",
        .meaning = "SPF alone does not protect the address that people see. DMARC has receivers refuse or set aside what passes "
                   "neither SPF nor DKIM for it.",
        .remediation = "Begin with p=none and read the reports, then go to p=quarantine or p=reject, for subdomains, too.",
        .reference = "https://www.rfc-editor.org/rfc/rfc7489",
        .dns = "_dmarc.example.com. IN TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@example.com\"",
    },
    {
        .name = "mail_mta_sts_enforced",
        .severity = SAAS_WEB_INFORMATIONAL,
        .needs = SAAS_WEB_NEEDS_DNS,
        .without_tls = SAAS_WEB_FAIL,
        .judge = saas_web_judge_mta_sts,
        .title = "Mail to the domain comes over verified TLS only",
        .meaning = "Without MTA-STS whoever is on the way switches off the encryption between mail servers, or answers in their "
                   "place.",
        .remediation = "Add the TXT record, and serve the policy as https://mta-sts.<domain>/.well-known/mta-sts.txt: version: STSv1, "
                       "mode: enforce, an mx: line for each mail server, max_age: 604800.",
        .reference = "https://www.rfc-editor.org/rfc/rfc8461",
        .httpd = "# in the virtual host of mta-sts.example.com:\n"
                 "Alias \"/.well-known/mta-sts.txt\" \"/srv/mta-sts.txt\"",
        .nginx = "# in the server block of mta-sts.example.com:\n"
                 "location = /.well-known/mta-sts.txt {\n"
                 "    alias /srv/mta-sts.txt;\n"
                 "}",
        .dns = "_mta-sts.example.com. IN TXT \"v=STSv1; id=20261127\"\n"
               "mta-sts.example.com. IN CNAME www.example.com.",
    },
};

const int saas_web_check_count = sizeof(saas_web_checks) / sizeof(saas_web_checks[0]);
