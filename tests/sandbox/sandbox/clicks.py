"""What a person's clicks do: the pages of checkout and portal, and the buttons on them.

`pages` draws, `billing` and `payments` change things; here stands which button leads to which of them,
and what a page's flow offers. A press waits for the webhooks' answers, so that the page it leads to
finds an application that knows already.
"""

from . import forms, objects, pages, payments
from .errors import ApiError
from .store import LIVE
from .webhooks import wait

_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
                               "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _html(status, content, **more):
    return status, {**_PAGE_HEADERS, **more}, content


def _gone(status, title, text):
    return _html(status, pages.message(title, text))


def answer(server, method, url, body):
    """A page, or what a press of one of its buttons leads to. -> (status, headers, body)"""
    parts = url.path.strip("/").split("/")
    shown = method in ("GET", "HEAD")
    if parts[:2] == ["c", "pay"] and len(parts) == 3 and shown:
        return _checkout(server, parts[2])
    if parts[:2] == ["c", "pay"] and len(parts) == 4 and method == "POST":
        act = {"pay": _pay, "decline": _decline}.get(parts[3])
        if act:
            return act(server, parts[2], body)
    if parts[:2] == ["p", "session"] and len(parts) == 3 and shown:
        return _portal(server, parts[2])
    if parts[:2] == ["p", "session"] and len(parts) == 4 and method == "POST":
        return _portal_act(server, parts[2], parts[3], body)
    return _gone(404, "Not found", "There is no such page in the sandbox.")


def _checkout(server, session_id, status=200, notice=None):
    store = server.billing.store
    with store.lock:
        try:
            session = server.billing.session(session_id)
        except ApiError:
            return _gone(404, "No such checkout", "This checkout session does not exist.")
        payer = store.customers.get(session["customer"]) or {}
        extra = store.given[session_id].get("subscription_data", {})
        days = extra.get("trial_period_days", 0)
        if "trial_end" in extra:
            days = max(1, (extra["trial_end"] - store.now()) // 86400)
        return _html(status, pages.checkout(session, store.lines[session_id], payer, days, notice))


def _pay(server, session_id, body):
    try:
        card = dict(forms.decode_pairs(body)).get("card", "good")
        if card not in ("good", "bad", "none"):
            raise ApiError(400, "There is no such card.")
        session, records = server.billing.pay(session_id, card)
    except ApiError as error:
        if error.status == 404:
            return _checkout(server, session_id)
        return _checkout(server, session_id, 409 if error.executed else 400, ("refused", error.message))
    _await(server, records)
    target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id)
    return _see_other(target)


def _await(server, records):
    """The page one returns to should know already: wait for the webhooks' answers."""
    if not server.billing.sender.config["paused"]:
        wait(records, server.settings["redirect_wait"])


def _see_other(target):
    """303, as a browser's next step after a form."""
    safe = "".join(c if "!" <= c <= "~" else _percent(c) for c in target)
    return _html(303, pages.message("Done", "Going on to the application."), Location=safe)


def _percent(character):
    return "".join("%%%02X" % byte for byte in character.encode("utf-8"))


def _decline(server, session_id, body):
    with server.billing.store.lock:
        try:
            open_still = server.billing.session(session_id)["status"] == "open"
        except ApiError:
            return _checkout(server, session_id)
    if not open_still:
        return _checkout(server, session_id, 409)
    return _checkout(server, session_id, 200, (
        "declined", "Your card was declined. Nothing was charged; try again or go back."))


def _change_plan(billing, sub, form):
    """Price and quantity of the first item, as the form says."""
    quantity = form.get("quantity", "1")
    if not (quantity.isascii() and quantity.isdigit() and 1 <= len(quantity) <= 6):
        raise ApiError(400, "The quantity has to be a number.")
    item = sub["items"]["data"][0]
    wish = {"id": item["id"], "price": form.get("price", item["price"]["id"])}
    price = billing.store.prices.get(wish["price"])
    if price is None or not objects.is_metered(price):
        wish["quantity"] = int(quantity)
    return billing.update(sub, {"items": [wish]}, None)


def _change_card(billing, sub, form):
    if form.get("card") not in payments.CARDS:
        raise ApiError(400, "There is no such card.")
    return billing.change_card(sub["customer"], form["card"])


# What a button's last part of the path does.
_ACTIONS = {
    "cancel_at_period_end": lambda billing, sub, form: billing.schedule_cancel(sub),
    "cancel": lambda billing, sub, form: billing.cancel(sub),
    "resume": lambda billing, sub, form: billing.resume(sub),
    "pause": lambda billing, sub, form: billing.pause_now(sub),
    "unpause": lambda billing, sub, form: billing.unpause(sub),
    "plan": _change_plan,
    "card": _change_card,
    "pay": lambda billing, sub, form: payments.pay(billing, billing.store.invoices[sub["latest_invoice"]]),
}
# Which of them a session with a flow offers; one without offers all but the confirmation.
_FLOWS = {
    "subscription_cancel": {"cancel_at_period_end", "cancel", "resume"},
    "subscription_pause": {"pause", "unpause"},
    "subscription_update": {"plan"},
    "subscription_update_confirm": {"confirm"},
    "payment_method_update": {"card"},
}


def _portal_of(server, token):
    """The portal session, or None when there is none or its hour is over."""
    store = server.billing.store
    portal = store.portals.get(token)
    return portal if portal and store.now() < portal["created"] + 3600 else None


def _offered(portal):
    flow = portal["flow"]
    return _FLOWS[flow["type"]] if flow else set(_ACTIONS)


def _portal(server, token, status=200, notice=None):
    billing, store = server.billing, server.billing.store
    with store.lock:
        portal = _portal_of(server, token)
        if portal is None:
            return _gone(404, "No such session", "This billing session does not exist or has ended. "
                                                 "Open it again from the application.")
        flow = portal["flow"] or {}
        wanted = (flow.get(flow.get("type")) or {}).get("subscription")
        shown = []
        for sub in [store.subscriptions[wanted]] if wanted else store.subscriptions_of(portal["customer"]):
            shown.append({"sub": sub, "period_end": billing.period_end(sub), "card": payments.card_of(store, sub),
                          "bill": store.invoices.get(sub["latest_invoice"]), "live": sub["status"] in LIVE,
                          "plans": [(price, store.products[price["product"]]["name"])
                                    for price in store.prices.values()
                                    if price["active"] and price["currency"] == sub["currency"]]})
        confirm = flow.get("subscription_update_confirm")
        item = confirm["items"][0] if confirm else None
        return _html(status, pages.portal(token, portal, store.customers[portal["customer"]], shown,
                                          _offered(portal), item and store.prices.get(item.get("price")), notice))


def _portal_act(server, token, action, body):
    billing = server.billing
    with billing.store.lock:
        portal = _portal_of(server, token)
        if portal is None:
            return _portal(server, token)
        if action not in _offered(portal):
            return _gone(404, "Not found", "No such action.")
        try:
            form = dict(forms.decode_pairs(body))
            sub = billing.store.subscriptions.get(form.get("subscription"))
            if sub is None or sub["customer"] != portal["customer"]:
                return _gone(404, "No such subscription", "This customer has no such subscription.")
            if action == "confirm":
                wanted = portal["flow"]["subscription_update_confirm"]
                records = billing.update(sub, {"items": wanted["items"]}, None)
            else:
                records = _ACTIONS[action](billing, sub, form)
        except ApiError as error:
            if error.status == 402:
                return _portal(server, token, 402, ("declined", "The card was refused. Nothing was paid; choose "
                                                                "another card and pay again."))
            return _gone(409 if error.executed else 400, "Not possible", error.message)
    _await(server, records)
    return _see_other(_after(portal) or "/p/session/" + token)


def _after(portal):
    """Where a flow goes when it is done: the application if the session says so, else the portal."""
    after = (portal["flow"] or {}).get("after_completion", {})
    return after["redirect"]["return_url"] if after.get("type") == "redirect" and "redirect" in after else None
