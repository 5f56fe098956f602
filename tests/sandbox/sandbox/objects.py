"""The objects, field by field, in the shapes of Stripe's published fixtures.

Pure functions from values to dicts in the newest shape; `versions` makes older
ones of them. Nothing here knows the store or the network.
"""

import calendar
import secrets
import string
import time

_ALPHABET = string.ascii_letters + string.digits


def ident(prefix, length=24):
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def add_interval(start, interval, count):
    """The moment one billing interval later; the day is capped at the month's last."""
    if interval in ("day", "week"):
        return start + count * 86400 * (7 if interval == "week" else 1)
    then = time.gmtime(start)
    months = then.tm_year * 12 + then.tm_mon - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(then.tm_mday, calendar.monthrange(year, month + 1)[1])
    return calendar.timegm((year, month + 1, day, then.tm_hour, then.tm_min, then.tm_sec))


def listing(url, data, has_more=False):
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _full_list(url, data):
    return {"object": "list", "data": data, "has_more": False, "total_count": len(data), "url": url}


def product(now, name):
    return {"id": ident("prod_", 14), "object": "product", "active": True, "attributes": [],
            "created": now, "default_price": None, "description": None, "images": [],
            "livemode": False, "marketing_features": [], "metadata": {}, "name": name,
            "package_dimensions": None, "shippable": None, "statement_descriptor": None,
            "tax_code": None, "type": "service", "unit_label": None, "updated": now, "url": None}


def price(price_id, now, product_id, amount, currency, interval, usage):
    return {"id": price_id, "object": "price", "active": True, "billing_scheme": "per_unit",
            "created": now, "currency": currency, "custom_unit_amount": None, "livemode": False,
            "lookup_key": None, "metadata": {}, "nickname": None, "product": product_id,
            "recurring": {"interval": interval, "interval_count": 1,
                          "meter": "mtr_test_sandbox" if usage == "metered" else None,
                          "trial_period_days": None, "usage_type": usage},
            "tax_behavior": "unspecified", "tiers_mode": None, "transform_quantity": None,
            "type": "recurring", "unit_amount": amount, "unit_amount_decimal": str(amount)}


def plan(of):
    recurring = of["recurring"]
    return {"id": of["id"], "object": "plan", "active": True, "amount": of["unit_amount"],
            "amount_decimal": of["unit_amount_decimal"], "billing_scheme": "per_unit",
            "created": of["created"], "currency": of["currency"],
            "interval": recurring["interval"], "interval_count": recurring["interval_count"],
            "livemode": False, "metadata": {}, "meter": recurring["meter"], "nickname": None,
            "product": of["product"], "tiers_mode": None, "transform_usage": None,
            "trial_period_days": None, "usage_type": recurring["usage_type"]}


def is_metered(of):
    """A price that is paid for afterwards, by what was used; the sandbox knows of no usage, so nothing."""
    return of["recurring"]["usage_type"] == "metered"


def address(given):
    """A customer's address with all its members, or None."""
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {name: given.get(name) or None for name in names} if given else None


def customer(now, given):
    return {"id": ident("cus_", 14), "object": "customer", "address": address(given.get("address")), "balance": 0,
            "created": now, "currency": None, "default_source": None, "delinquent": False,
            "description": given.get("description") or None, "discount": None,
            "email": given.get("email") or None,
            "invoice_prefix": secrets.token_hex(4).upper(),
            "invoice_settings": {"custom_fields": None, "default_payment_method": None,
                                 "footer": None, "rendering_options": None},
            "livemode": False, "metadata": given.get("metadata") or {},
            "name": given.get("name") or None, "next_invoice_sequence": 1,
            "phone": given.get("phone") or None,
            "preferred_locales": given.get("preferred_locales", []), "shipping": None,
            "tax_exempt": "none", "test_clock": None}


def deleted(kind, object_id):
    return {"id": object_id, "object": kind, "deleted": True}


def checkout_session(now, given, base_url, amount, currency):
    session_id = "cs_test_a1" + ident("", 56)
    return {"id": session_id, "object": "checkout.session",
            "adaptive_pricing": {"enabled": False}, "after_expiration": None,
            "allow_promotion_codes": given.get("allow_promotion_codes"),
            "amount_subtotal": amount, "amount_total": amount,
            "automatic_tax": {"enabled": given.get("automatic_tax", {}).get("enabled", False),
                              "liability": None, "status": None},
            "billing_address_collection": given.get("billing_address_collection"),
            "cancel_url": given.get("cancel_url"),
            "client_reference_id": given.get("client_reference_id"), "client_secret": None,
            "collected_information": {"shipping_details": None}, "consent": None,
            "consent_collection": None, "created": now, "currency": currency,
            "currency_conversion": None, "custom_fields": [],
            "custom_text": {"after_submit": None, "shipping_address": None, "submit": None,
                            "terms_of_service_acceptance": None},
            "customer": given.get("customer"), "customer_creation": None,
            "customer_details": None, "customer_email": given.get("customer_email"),
            "discounts": [], "expires_at": given.get("expires_at", now + 86400),
            "invoice": None, "invoice_creation": None, "livemode": False,
            "locale": given.get("locale"), "metadata": given.get("metadata") or {},
            "mode": given["mode"], "origin_context": None, "payment_intent": None,
            "payment_link": None,
            "payment_method_collection": given.get("payment_method_collection", "always"),
            "payment_method_configuration_details": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"], "payment_status": "unpaid", "permissions": None,
            "phone_number_collection": {
                "enabled": given.get("phone_number_collection", {}).get("enabled", False)},
            "recovered_from": None,
            "saved_payment_method_options": {"allow_redisplay_filters": ["always"],
                                             "payment_method_remove": None,
                                             "payment_method_save": None},
            "setup_intent": None, "shipping_address_collection": None, "shipping_cost": None,
            "shipping_options": [], "status": "open", "submit_type": None, "subscription": None,
            "success_url": given["success_url"],
            "tax_id_collection": {"enabled": False, "required": "never", **given.get("tax_id_collection", {})},
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page", "url": "%s/c/pay/%s" % (base_url, session_id),
            "wallet_options": None}


def session_line(session_price, item_product, quantity):
    amount = session_price["unit_amount"] * (quantity or 0)
    return {"id": ident("li_"), "object": "item", "amount_discount": 0, "amount_subtotal": amount,
            "amount_tax": 0, "amount_total": amount, "currency": session_price["currency"],
            "description": item_product["name"], "price": session_price, "quantity": quantity}


def customer_details(of):
    return {"address": {"city": None, "country": "US", "line1": None, "line2": None,
                        "postal_code": "94103", "state": None},
            "email": of["email"], "name": of["name"], "phone": None, "tax_exempt": "none",
            "tax_ids": []}


def subscription_item(now, sub_id, item_price, quantity, start, end):
    made = {"id": ident("si_", 14), "object": "subscription_item", "billing_thresholds": None,
            "created": now, "current_period_end": end, "current_period_start": start,
            "discounts": [], "metadata": {}, "plan": plan(item_price), "price": item_price,
            "quantity": quantity, "subscription": sub_id, "tax_rates": []}
    if is_metered(item_price):
        del made["quantity"]
    return made


def subscription(now, customer_id, items, given):
    """A new subscription, `incomplete` or `trialing`. items: [(price, quantity)]."""
    sub_id = ident("sub_1")
    trial_end = given.get("trial_end")
    if "trial_period_days" in given:
        trial_end = now + given["trial_period_days"] * 86400
    recurring = items[0][0]["recurring"]
    end = trial_end or add_interval(now, recurring["interval"], recurring["interval_count"])
    lines = [subscription_item(now, sub_id, item, count, now, end) for item, count in items]
    mode = given.get("billing_mode", {"type": "flexible"})["type"]
    return {"id": sub_id, "object": "subscription", "application": None,
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": end if trial_end else now, "billing_cycle_anchor_config": None,
            "billing_mode": {"flexible": {"proration_discounts": "included"}
                             if mode == "flexible" else None, "type": mode},
            "billing_thresholds": None, "cancel_at": None, "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically", "created": now,
            "currency": items[0][0]["currency"], "customer": customer_id, "days_until_due": None,
            "default_payment_method": None, "default_source": None, "default_tax_rates": [],
            "description": given.get("description"), "discounts": [], "ended_at": None,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": _full_list("/v1/subscription_items?subscription=" + sub_id, lines),
            "latest_invoice": None, "livemode": False, "metadata": given.get("metadata") or {},
            "next_pending_invoice_item_invoice": None, "on_behalf_of": None,
            "pause_collection": None,
            "payment_settings": {"payment_method_options": None, "payment_method_types": None,
                                 "save_default_payment_method": "off"},
            "pending_invoice_item_interval": None, "pending_setup_intent": None,
            "pending_update": None,
            "plan": plan(items[0][0]) if len(items) == 1 else None,
            "quantity": items[0][1] if len(items) == 1 else None, "schedule": None,
            "start_date": now, "status": "trialing" if trial_end else "incomplete",
            "test_clock": None, "transfer_data": None, "trial_end": trial_end,
            "trial_settings": given.get("trial_settings", {
                "end_behavior": {"missing_payment_method": "create_invoice"}}),
            "trial_start": now if trial_end else None}


def invoice(now, sub, payer, reason, status, number):
    """The invoice of the subscription's present period, in any of an invoice's states; not yet attempted."""
    invoice_id = ident("in_1")
    free = sub["status"] == "trialing"
    lines = []
    for item in sub["items"]["data"]:
        count = item.get("quantity", 0)
        amount = 0 if free else item["price"]["unit_amount"] * count
        lines.append({
            "id": ident("il_1"), "object": "line_item", "amount": amount,
            "currency": sub["currency"],
            "description": "%d × %s" % (count, item["price"]["id"]),
            "discount_amounts": [], "discountable": True, "discounts": [], "invoice": invoice_id,
            "livemode": False, "metadata": dict(sub["metadata"]),
            "parent": {"invoice_item_details": None, "subscription_item_details": {
                "invoice_item": None, "proration": False,
                "proration_details": {"credited_items": None}, "subscription": sub["id"],
                "subscription_item": item["id"]}, "type": "subscription_item_details"},
            "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
            "pretax_credit_amounts": None,
            "pricing": {"price_details": {"price": item["price"]["id"],
                                          "product": item["price"]["product"]},
                        "type": "price_details",
                        "unit_amount_decimal": item["price"]["unit_amount_decimal"]},
            "quantity": count, "subscription": sub["id"], "taxes": [],
            "_price": item["price"], "_plan": item["plan"]})
    total = sum(line["amount"] for line in lines)
    paid = status == "paid"
    return {"id": invoice_id, "object": "invoice", "account_country": "US", "account_name": None,
            "account_tax_ids": None, "amount_due": total, "amount_overpaid": 0,
            "amount_paid": total if paid else 0, "amount_remaining": 0 if paid else total,
            "amount_shipping": 0, "application": None, "attempt_count": 0, "attempted": False,
            "auto_advance": status in ("draft", "open"),
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None,
                              "status": None},
            "automatically_finalizes_at": None, "billing_reason": reason,
            "collection_method": "charge_automatically", "created": now,
            "currency": sub["currency"], "custom_fields": None, "customer": payer["id"],
            "customer_address": None, "customer_email": payer["email"],
            "customer_name": payer["name"], "customer_phone": None, "customer_shipping": None,
            "customer_tax_exempt": "none", "customer_tax_ids": [], "default_payment_method": None,
            "default_source": None, "default_tax_rates": [], "description": None, "discounts": [],
            "due_date": None, "effective_at": None if status == "draft" else now,
            "ending_balance": None, "footer": None,
            "from_invoice": None, "hosted_invoice_url": None, "invoice_pdf": None,
            "issuer": {"type": "self"}, "last_finalization_error": None, "latest_revision": None,
            "lines": _full_list("/v1/invoices/%s/lines" % invoice_id, lines), "livemode": False,
            "metadata": {}, "next_payment_attempt": None,
            "number": number, "on_behalf_of": None,
            "parent": {"quote_details": None, "subscription_details": {
                "metadata": dict(sub["metadata"]), "subscription": sub["id"]},
                "type": "subscription_details"},
            "payment_settings": {"default_mandate": None, "payment_method_options": None,
                                 "payment_method_types": None},
            "period_end": lines[0]["period"]["start"], "period_start": lines[0]["period"]["start"],
            "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
            "receipt_number": None, "rendering": None, "shipping_cost": None,
            "shipping_details": None, "starting_balance": 0, "statement_descriptor": None,
            "status": status,
            "status_transitions": {"finalized_at": None if status == "draft" else now,
                                   "marked_uncollectible_at": now if status == "uncollectible" else None,
                                   "paid_at": now if paid else None,
                                   "voided_at": now if status == "void" else None},
            "subtotal": total, "subtotal_excluding_tax": total, "test_clock": None, "total": total,
            "total_discount_amounts": [], "total_excluding_tax": total,
            "total_pretax_credit_amounts": None, "total_taxes": [], "webhooks_delivered_at": now}


def payment_method(now, customer_id, last4):
    return {"id": ident("pm_1"), "object": "payment_method", "allow_redisplay": "unspecified",
            "billing_details": {"address": address({"country": "US"}), "email": None, "name": None, "phone": None,
                                "tax_id": None},
            "card": {"brand": "visa", "country": "US", "display_brand": "visa", "exp_month": 12, "exp_year": 2034,
                     "fingerprint": "sandbox" + last4, "funding": "credit", "last4": last4},
            "created": now, "customer": customer_id, "livemode": False, "metadata": {}, "type": "card"}


def charge(now, bill, card_id):
    tail = bill["id"][3:]
    return {"id": "ch_" + tail, "object": "charge", "amount": bill["amount_paid"],
            "amount_captured": bill["amount_paid"], "amount_refunded": 0, "application": None,
            "balance_transaction": None, "captured": True, "created": now, "currency": bill["currency"],
            "customer": bill["customer"], "description": None, "disputed": False, "failure_code": None,
            "failure_message": None, "livemode": False, "metadata": {}, "paid": True, "payment_intent": "pi_" + tail,
            "payment_method": card_id, "receipt_email": None, "refunded": False, "status": "succeeded"}


def invoice_payment(bill):
    """How versions since basil lead from an invoice to its payment intent."""
    tail = bill["id"][3:]
    return {"id": "inpay_" + tail, "object": "invoice_payment", "amount_paid": bill["amount_paid"],
            "amount_requested": bill["amount_due"], "created": bill["created"], "currency": bill["currency"],
            "invoice": bill["id"], "is_default": True, "livemode": False,
            "payment": {"payment_intent": "pi_" + tail, "type": "payment_intent"},
            "status": "paid" if bill["status"] == "paid" else "open",
            "status_transitions": {"canceled_at": None, "paid_at": bill["status_transitions"]["paid_at"]}}


def refund(now, paid, amount, given):
    return {"id": ident("re_1"), "object": "refund", "amount": amount, "balance_transaction": None,
            "charge": paid["id"], "created": now, "currency": paid["currency"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": given.get("metadata") or {}, "payment_intent": paid["payment_intent"],
            "reason": given.get("reason"), "receipt_number": None, "source_transfer_reversal": None,
            "status": "succeeded", "transfer_reversal": None}


def feature(given):
    return {"id": ident("feat_test_", 24), "object": "entitlements.feature", "active": True, "livemode": False,
            "lookup_key": given["lookup_key"], "metadata": given.get("metadata") or {}, "name": given["name"]}


def entitlement(of):
    return {"id": ident("ent_test_", 24), "object": "entitlements.active_entitlement", "feature": of["id"],
            "livemode": False, "lookup_key": of["lookup_key"]}


def entitlement_summary(customer_id, rows):
    return {"object": "entitlements.active_entitlement_summary", "customer": customer_id,
            "entitlements": listing("/v1/customer/%s/entitlements" % customer_id, rows), "livemode": False}


def _flow(given):
    """What a portal session is to do: all of Stripe's members, most of them null."""
    return {"after_completion": {"type": "portal_homepage"}, "subscription_cancel": None, "subscription_pause": None,
            "subscription_update": None, "subscription_update_confirm": None, **given} if given else None


def portal_session(now, given, base_url):
    token = ident("test_", 40)
    return {"id": ident("bps_1"), "object": "billing_portal.session",
            "configuration": given.get("configuration", "bpc_1SandboxDefault"), "created": now,
            "customer": given["customer"], "flow": _flow(given.get("flow_data")), "livemode": False,
            "locale": given.get("locale"), "on_behalf_of": None,
            "return_url": given.get("return_url"),
            "url": "%s/p/session/%s" % (base_url, token)}, token


def event(now, kind, obj, api_version, previous=None, request=None):
    data = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    return {"id": ident("evt_1"), "object": "event", "api_version": api_version, "created": now,
            "data": data, "livemode": False, "pending_webhooks": 1,
            "request": request or {"id": None, "idempotency_key": None}, "type": kind}


def changed(before, after):
    """previous_attributes: what `before` had where `after` differs."""
    old = {}
    for key in after:
        was, now = before.get(key), after[key]
        if was == now:
            continue
        both = isinstance(was, dict) and isinstance(now, dict)
        old[key] = changed(was, now) if both else was
    return old
