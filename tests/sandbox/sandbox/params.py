"""Which parameters each call takes: a table per call, nothing else.

The names and limits are those of Stripe's OpenAPI document, newest version.
Two parameters are left out on purpose because 2026 versions refuse them:
`payment_method_types` on checkout sessions and the word `hosted` for `ui_mode`.
A parameter that Stripe has and the sandbox does not model is refused as unknown
rather than silently ignored.
"""

from .schema import array, boolean, either, email, enum, fields, integer, metadata, string, url

_LIST = {
    "limit": integer(1, 100),
    "starting_after": string(),
    "ending_before": string(),
}
_RANGE = fields({"gt": integer(0), "gte": integer(0), "lt": integer(0), "lte": integer(0)})


def _created(value, name):
    return _RANGE(value, name) if isinstance(value, dict) else integer(0)(value, name)


_ADDRESS = fields({name: string(unset=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
_CUSTOMER = {
    "address": lambda value, name: "" if value == "" else _ADDRESS(value, name),
    "description": string(unset=True),
    "email": lambda value, name: "" if value == "" else email(value, name),
    "metadata": metadata,
    "name": string(256, unset=True),
    "phone": string(20, unset=True),
    "invoice_settings": fields({"default_payment_method": string(unset=True)}),
    "preferred_locales": array(string(10)),
}
_CANCELLATION_DETAILS = fields({
    "comment": string(unset=True),
    "feedback": enum("customer_service", "low_quality", "missing_features", "other",
                     "switched_service", "too_complex", "too_expensive", "unused"),
})

_TRIAL_SETTINGS = fields({"end_behavior!": fields({
    "missing_payment_method!": enum("cancel", "create_invoice", "pause")})})

CUSTOMER_CREATE = _CUSTOMER
CUSTOMER_UPDATE = _CUSTOMER
CUSTOMER_LIST = {**_LIST, "email": string(512), "created": _created}

CHECKOUT_CREATE = {
    "allow_promotion_codes": boolean,
    "automatic_tax": fields({"enabled!": boolean}),
    "billing_address_collection": enum("auto", "required"),
    "cancel_url": url,
    "client_reference_id": string(200),
    "currency": string(3),
    "customer": string(),
    "customer_email": email,
    "customer_update": fields({"address": enum("auto", "never"), "name": enum("auto", "never"),
                               "shipping": enum("auto", "never")}),
    "expires_at": integer(0),
    "line_items!": array(fields({"price!": string(), "quantity": integer(1, 999999)})),
    "locale": string(10),
    "metadata": metadata,
    "mode!": enum("payment", "setup", "subscription"),
    "payment_method_collection": enum("always", "if_required"),
    "phone_number_collection": fields({"enabled!": boolean}),
    "subscription_data": fields({
        "billing_mode": fields({"type!": enum("classic", "flexible")}),
        "description": string(500),
        "metadata": metadata,
        "trial_end": integer(0),
        "trial_period_days": integer(1, 730),
        "trial_settings": _TRIAL_SETTINGS,
    }),
    "success_url!": url,
    "tax_id_collection": fields({"enabled!": boolean, "required": enum("if_supported", "never")}),
    "ui_mode": enum("hosted_page"),
}
CHECKOUT_LIST = {**_LIST, "customer": string(), "subscription": string(),
                 "status": enum("complete", "expired", "open"), "created": _created}

PORTAL_CREATE = {
    "configuration": string(),
    "customer!": string(),
    "flow_data": fields({
        "type!": enum("payment_method_update", "subscription_cancel", "subscription_update",
                      "subscription_update_confirm", "subscription_pause"),
        "subscription_cancel": fields({"subscription!": string()}),
        "subscription_pause": fields({"subscription!": string()}),
        "subscription_update": fields({"subscription!": string()}),
        "subscription_update_confirm": fields({"subscription!": string(), "items!": array(fields({
            "id!": string(), "price": string(), "quantity": integer(0, 999999)}), max=1)}),
        "after_completion": fields({
            "type!": enum("hosted_confirmation", "portal_homepage", "redirect"),
            "redirect": fields({"return_url!": url})}),
    }),
    "locale": string(10),
    "return_url": url,
}

SUBSCRIPTION_UPDATE = {
    "cancel_at": either("min_period_end", either("max_period_end", integer(0, unset=True))),
    "cancel_at_period_end": boolean,
    "cancellation_details": _CANCELLATION_DETAILS,
    "description": string(500, unset=True),
    "metadata": metadata,
    "items": array(fields({"id": string(), "price": string(), "quantity": integer(0, 999999),
                           "deleted": boolean, "metadata": metadata}), max=20),
    "pause_collection": lambda value, name: "" if value == "" else fields({
        "behavior!": enum("keep_as_draft", "mark_uncollectible", "void"),
        "resumes_at": integer(0)})(value, name),
    "default_payment_method": string(),
    "trial_end": either("now", integer(0)),
    "trial_settings": _TRIAL_SETTINGS,
    "payment_behavior": enum("allow_incomplete", "default_incomplete", "error_if_incomplete",
                             "pending_if_incomplete"),
    "proration_behavior": enum("always_invoice", "create_prorations", "none"),
    "proration_date": integer(0),
}
SUBSCRIPTION_CREATE = {
    "cancel_at_period_end": boolean,
    "customer!": string(),
    "billing_mode": fields({"type!": enum("classic", "flexible")}),
    "default_payment_method": string(),
    "description": string(500),
    "items!": array(fields({"price!": string(), "quantity": integer(0, 999999)}), max=20),
    "metadata": metadata,
    "payment_behavior": enum("allow_incomplete", "default_incomplete", "error_if_incomplete"),
    "trial_end": integer(0),
    "trial_period_days": integer(1, 730),
    "trial_settings": _TRIAL_SETTINGS,
}
SUBSCRIPTION_PAUSE = {"type": enum("subscription")}
SUBSCRIPTION_RESUME = {
    "billing_cycle_anchor": fields({"type!": enum("now", "unchanged")}),
    "proration_behavior": enum("always_invoice", "create_prorations", "none"),
}
SUBSCRIPTION_CANCEL = {
    "cancellation_details": _CANCELLATION_DETAILS,
    "invoice_now": boolean,
    "prorate": boolean,
}
SUBSCRIPTION_LIST = {
    **_LIST,
    "collection_method": enum("charge_automatically", "send_invoice"),
    "created": _created,
    "customer": string(),
    "price": string(),
    "status": enum("active", "all", "canceled", "ended", "incomplete", "incomplete_expired",
                   "past_due", "paused", "trialing", "unpaid"),
}

EVENT_LIST = {**_LIST, "created": _created, "delivery_success": boolean, "type": string(),
              "types": array(string(), max=20)}

PRICE_LIST = {
    **_LIST,
    "active": boolean,
    "created": _created,
    "currency": string(3),
    "lookup_keys": array(string(200), max=10),
    "product": string(),
    "recurring": fields({"interval": enum("day", "month", "week", "year"),
                         "usage_type": enum("licensed", "metered")}),
    "type": enum("one_time", "recurring"),
}
PRODUCT_LIST = {**_LIST, "active": boolean, "created": _created, "ids": array(string())}

INVOICE_LIST = {**_LIST, "created": _created, "customer": string(), "subscription": string(),
                "status": enum("draft", "open", "paid", "uncollectible", "void")}
INVOICE_PAY = {"off_session": boolean}
CHARGE_LIST = {**_LIST, "created": _created, "customer": string(), "payment_intent": string()}
REFUND_CREATE = {
    "amount": integer(1),
    "charge": string(),
    "metadata": metadata,
    "payment_intent": string(),
    "reason": enum("duplicate", "fraudulent", "requested_by_customer"),
}
REFUND_LIST = {**_LIST, "charge": string(), "created": _created, "payment_intent": string()}
CARD_ATTACH = {"customer!": string()}
CARD_LIST = {**_LIST, "customer!": string(), "type": enum("card")}

FEATURE_CREATE = {"lookup_key!": string(80), "metadata": metadata, "name!": string(80)}
FEATURE_UPDATE = {"active": boolean, "metadata": metadata, "name": string(80)}
FEATURE_LIST = {**_LIST, "archived": boolean, "lookup_key": string()}
PRODUCT_FEATURE_CREATE = {"entitlement_feature!": string()}
PRODUCT_FEATURE_LIST = {**_LIST}
ENTITLEMENT_LIST = {**_LIST, "customer!": string()}

NOTHING = {}
