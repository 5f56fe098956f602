/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* The messages as they are without SaasMailTemplates. */
#include "mail.h"

#define HTML(body) \
    "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{{product}}</title></head>\n" \
    "<body style=\"margin:0;padding:24px;font:16px/1.5 sans-serif;color:#1f2328;background:#ffffff\">\n" \
    "<div style=\"max-width:560px;margin:0 auto\">\n" body "</div>\n</body>\n</html>\n"
#define P(text) "<p>" text "</p>\n"
#define BUTTON(label) \
    "<p><a href=\"{{url}}\" style=\"display:inline-block;padding:10px 18px;background:#0b57d0;color:#ffffff;" \
    "text-decoration:none;border-radius:4px\">" label "</a></p>\n" \
    "<p style=\"font-size:13px;color:#57606a\">Or open this address: {{url}}</p>\n"
#define GREETING_TEXT "Hello{{#name}} {{name}}{{/name}},\n\n"
#define GREETING_HTML P("Hello{{#name}} {{name}}{{/name}},")

const saas_mail_default_t saas_mail_defaults[] = {
    { "invite",
      "Subject: Join {{organization}} on {{product}}\n\n"
      "Hello,\n\n"
      "{{#inviter}}{{inviter}} invites you{{/inviter}}{{^inviter}}you are invited{{/inviter}} to join {{organization}}"
      "{{#role}} as {{role}}{{/role}}.\n\n"
      "To accept, open this link:\n\n{{url}}\n\n"
      "{{#expires_at}}It works once, until {{expires_at}}.\n{{/expires_at}}"
      "If you did not expect this, you need not do anything.\n",
      HTML(P("Hello,")
           P("{{#inviter}}{{inviter}} invites you{{/inviter}}{{^inviter}}you are invited{{/inviter}} to join "
             "<strong>{{organization}}</strong>{{#role}} as {{role}}{{/role}}.")
           BUTTON("Accept the invite")
           "{{#expires_at}}" P("It works once, until {{expires_at}}.") "{{/expires_at}}"
           P("If you did not expect this, you need not do anything.")) },
    { "verify_email",
      "Subject: Verify your email address\n\n"
      GREETING_TEXT
      "to verify that {{email}} is your address at {{product}}, open this link:\n\n"
      "{{url}}\n\n"
      "It works once, for {{hours}} hours. If you did not register with this address, you need not do anything.\n",
      HTML(GREETING_HTML
           P("to verify that {{email}} is your address at {{product}}, open this link:")
           BUTTON("Verify my address")
           P("It works once, for {{hours}} hours. If you did not register with this address, you need not do anything.")) },
    { "password_reset",
      "Subject: Set a new password\n\n"
      GREETING_TEXT
      "somebody, probably you, asked for a new password for your account at {{product}}. To set one, open this link:\n\n"
      "{{url}}\n\n"
      "It works once, for {{minutes}} minutes. If it was not you, you need not do anything: your password stays as it is.\n",
      HTML(GREETING_HTML
           P("somebody, probably you, asked for a new password for your account at {{product}}.")
           BUTTON("Set a new password")
           P("The link works once, for {{minutes}} minutes. If it was not you, you need not do anything: your password "
             "stays as it is.")) },
    { "password_changed",
      "Subject: Your password was changed\n\n"
      GREETING_TEXT
      "the password of your account at {{product}} was changed{{#time}} on {{time}}{{/time}}"
      "{{#address}}, from the address {{address}}{{/address}}. Other sessions were signed out.\n\n"
      "If it was not you, ask for a new password at once and tell your administrator.\n",
      HTML(GREETING_HTML
           P("the password of your account at {{product}} was changed{{#time}} on {{time}}{{/time}}"
             "{{#address}}, from the address {{address}}{{/address}}. Other sessions were signed out.")
           P("If it was not you, ask for a new password at once and tell your administrator.")) },
    { "email_changed",
      "Subject: Your e-mail address was changed\n\n"
      GREETING_TEXT
      "the e-mail address of your account at {{product}} was changed from {{old}} to {{new}}"
      "{{#time}} on {{time}}{{/time}}{{#address}}, from the address {{address}}{{/address}}.\n\n"
      "If it was not you, tell your administrator at once.\n",
      HTML(GREETING_HTML
           P("the e-mail address of your account at {{product}} was changed from <strong>{{old}}</strong> to "
             "<strong>{{new}}</strong>{{#time}} on {{time}}{{/time}}{{#address}}, from the address {{address}}{{/address}}.")
           P("If it was not you, tell your administrator at once.")) },
    { "payment_failed",
      "Subject: A payment for {{organization}} failed\n\n"
      GREETING_TEXT
      "the last payment for the subscription of {{organization}} at {{product}} could not be collected. It will be tried "
      "again; please see to it that the payment method is in order.\n"
      "{{#url}}\n{{url}}\n{{/url}}",
      HTML(GREETING_HTML
           P("the last payment for the subscription of <strong>{{organization}}</strong> at {{product}} could not be "
             "collected. It will be tried again; please see to it that the payment method is in order.")
           "{{#url}}" BUTTON("See the subscription") "{{/url}}") },
    { "endpoint_disabled",
      "Subject: Webhooks of {{organization}} are not delivered any more\n\n"
      GREETING_TEXT
      "{{organization}} at {{product}} has a webhook endpoint that was disabled: "
      "{{#gone}}it has answered 410 Gone{{/gone}}{{^gone}}nothing could be delivered to it for days{{/gone}}.\n\n"
      "{{endpoint}}\n\n"
      "Enable it again once it is mended: what it has missed in the last days can then be sent to it.\n"
      "{{#url}}\n{{url}}\n{{/url}}",
      HTML(GREETING_HTML
           P("<strong>{{organization}}</strong> at {{product}} has a webhook endpoint that was disabled: "
             "{{#gone}}it has answered 410 Gone{{/gone}}{{^gone}}nothing could be delivered to it for days{{/gone}}.")
           P("{{endpoint}}")
           P("Enable it again once it is mended: what it has missed in the last days can then be sent to it.")
           "{{#url}}" BUTTON("Open {{product}}") "{{/url}}") },
    { "subscription_bought",
      "Subject: {{organization}} has a subscription\n\n"
      GREETING_TEXT
      "{{#buyer}}{{buyer}}{{/buyer}}{{^buyer}}somebody{{/buyer}} has bought a subscription for {{organization}} at "
      "{{product}}, on a page of its own. It is active for everybody there; the invoices go to who has bought it. If you do "
      "not know them, tell your administrator.\n"
      "{{#url}}\n{{url}}\n{{/url}}",
      HTML(GREETING_HTML
           P("<strong>{{#buyer}}{{buyer}}{{/buyer}}{{^buyer}}somebody{{/buyer}}</strong> has bought a subscription for "
             "<strong>{{organization}}</strong> at {{product}}, on a page of its own. It is active for everybody there; the "
             "invoices go to who has bought it. If you do not know them, tell your administrator.")
           "{{#url}}" BUTTON("See the subscription") "{{/url}}") },
    { "critical_findings",
      "Subject: New critical findings: {{audit}}\n\n"
      GREETING_TEXT
      "an audit of {{organization}} at {{product}}, {{audit}}, has critical findings that were not there before, {{count}} in "
      "all:\n\n"
      "{{findings}}\n"
      "{{#more}}and {{more}} more\n{{/more}}"
      "{{#url}}\n{{url}}\n{{/url}}"
      "\nYou get this mail because you have asked for it in the settings of {{organization}}.\n",
      HTML(GREETING_HTML
           P("an audit of <strong>{{organization}}</strong> at {{product}}, <strong>{{audit}}</strong>, has critical findings "
             "that were not there before, {{count}} in all:")
           "<pre style=\"font:14px/1.5 monospace;white-space:pre-wrap;word-break:break-word\">{{findings}}</pre>\n"
           "{{#more}}" P("and {{more}} more") "{{/more}}"
           "{{#url}}" BUTTON("See the audit") "{{/url}}"
           P("You get this mail because you have asked for it in the settings of {{organization}}.")) },
    { NULL, NULL, NULL }
};
