"""The pages a person sees: checkout and customer portal.

Plain HTML with inline CSS, no scripts, so that a browser, curl and a headless
test use them alike. Every value from outside is escaped. These functions only
draw; what a button does is in `server` and `billing`.
"""

import time
from html import escape

_STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#f6f8fa;color:#1a1f36;font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:27rem;margin:8vh auto;padding:0 1rem}
.card{background:#fff;border:1px solid #e3e8ee;border-radius:12px;padding:1.75rem;margin-bottom:1rem;
box-shadow:0 2px 6px rgba(26,31,54,.06)}
.badge{display:inline-block;background:#ffe9c2;color:#6b3d00;border-radius:4px;padding:0 .5rem;
font-size:.75rem;font-weight:600;letter-spacing:.04em}
h2{font-size:.9rem;font-weight:600;margin:0 0 .75rem;color:#4f566b;overflow-wrap:anywhere}
label{display:block;font-size:.85rem;color:#4f566b;margin:.75rem 0 .2rem}
select,input{width:100%;padding:.6rem;margin:0 0 .5rem;border-radius:8px;border:1px solid #c9d1dc;background:#fff;
color:inherit;font:inherit}
h1{font-size:1.1rem;font-weight:600;margin:.75rem 0 0;color:#4f566b}
.price{font-size:2.2rem;font-weight:700;margin:0 0 1rem}.price small{font-size:1rem;font-weight:400;color:#4f566b}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:0 0 1.25rem;font-size:.9rem}
dt{color:#4f566b}dd{margin:0;text-align:right;overflow-wrap:anywhere}
form{margin:0 0 .6rem}
button{width:100%;padding:.75rem;border-radius:8px;border:1px solid #c9d1dc;background:#fff;color:#1a1f36;
font:inherit;font-weight:600;cursor:pointer}
button.main{background:#4b45c6;border-color:#4b45c6;color:#fff}button:hover{filter:brightness(.95)}
button:focus-visible,select:focus-visible,input:focus-visible,
a:focus-visible{outline:3px solid #a5a1f0;outline-offset:2px}
.notice{background:#fdeaea;color:#8a1c1c;border-radius:8px;padding:.6rem .9rem;margin:0 0 1rem}
.notice.good{background:#e3f5e9;color:#0f5a2c}
a{color:#4b45c6}footer{font-size:.8rem;color:#4f566b;text-align:center}
"""


def _page(title, body):
    return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            "<title>%s</title><style>%s</style></head>\n<body><main>\n%s\n"
            "<footer>Stripe sandbox: no real money moves here.</footer></main></body></html>\n"
            % (escape(title), _STYLE, body)).encode()


def _money(amount, currency):
    sign = {"usd": "$", "eur": "€", "gbp": "£"}.get(currency, currency.upper() + " ")
    return "%s%d.%02d" % (sign, amount // 100, amount % 100)


def _rows(pairs):
    return "<dl>%s</dl>" % "".join("<dt>%s</dt><dd>%s</dd>" % (escape(name), escape(str(value)))
                                   for name, value in pairs if value)


def _button(action, name, label, main=False, hidden=""):
    return ('<form method="post" action="%s">%s<button id="%s" type="submit"%s>%s</button></form>'
            % (escape(action), hidden, name, ' class="main"' if main else "", escape(label)))


def _notice(name, text, good=False):
    return '<p class="notice%s" id="%s" role="alert">%s</p>' % (
        " good" if good else "", name, escape(text))


def _link(name, target, label):
    return '<p><a id="%s" href="%s">%s</a></p>' % (name, escape(target), escape(label)) \
        if target else ""


def message(title, text):
    return _page(title, '<div class="card"><span class="badge">TEST MODE</span><h1>%s</h1><p>%s</p>'
                        "</div>" % (escape(title), escape(text)))


def checkout(session, lines, payer, trial_days, notice=None):
    """The page behind a checkout session's url. notice: (element id, text) or None."""
    first = lines[0]
    names = ", ".join(line["description"] for line in lines)
    interval = first["price"]["recurring"]["interval"]
    due = sum(line["price"]["unit_amount"] * (line["quantity"] or 1) for line in lines)
    status = session["status"]
    top = '<span class="badge">TEST MODE</span><h1 id="product">%s</h1>' \
          '<p class="price" id="price">%s <small>per %s</small></p>' % (
              escape(names), escape(_money(due, session["currency"])), escape(interval))
    facts = _rows([
        ("Organization", session["client_reference_id"]
         or session["metadata"].get("org_id") or "(none given)"),
        ("Customer", payer.get("name")),
        ("E-mail", payer.get("email") or session["customer_email"]),
        ("Quantity", ", ".join(str(line["quantity"] or "as used") for line in lines)),
        ("Trial", "%d days free" % trial_days if trial_days else None),
        ("Due today", _money(session["amount_total"], session["currency"]))])
    said = _notice(*notice) if notice else ""
    if status == "open":
        action = "/c/pay/" + session["id"]
        cards = [("good", "Visa ending 4242 (works)"), ("bad", "Visa ending 0341 (works once, then is refused)")]
        if session["payment_method_collection"] == "if_required" and not session["amount_total"]:
            cards.append(("none", "No card"))
        buttons = _button(action + "/pay", "pay", "Pay " + _money(
            session["amount_total"], session["currency"]), True, _choice("card", "card", "Card", cards))
        buttons += _button(action + "/decline", "decline", "Decline (the card is refused)")
        buttons += _link("cancel", session["cancel_url"], "Back without paying")
    elif status == "complete":
        buttons = _notice("complete", "This payment is complete.", good=True)
        buttons += _link("continue", session["success_url"].replace(
            "{CHECKOUT_SESSION_ID}", session["id"]), "Continue")
    else:
        buttons = _notice("expired", "This checkout has expired. Start again from the application.")
        buttons += _link("cancel", session["cancel_url"], "Back")
    return _page("Checkout", '<div class="card">%s%s%s%s</div>' % (top, facts, said, buttons))


def _day(stamp):
    return time.strftime("%Y-%m-%d", time.gmtime(stamp)) if stamp else None


def _choice(name, field, label, options, chosen=None):
    """A labelled select. options: [(value, text)]"""
    return '<label for="%s">%s</label><select id="%s" name="%s">%s</select>' % (
        name, escape(label), name, field, "".join(
            '<option value="%s"%s>%s</option>' % (escape(value), " selected" if value == chosen else "", escape(text))
            for value, text in options))


_NEW_CARD = [("good", "Visa ending 4242 (works)"), ("bad", "Visa ending 0341 (every charge is refused)")]


def _plan_name(price, product):
    return "%s, %s per %s" % (product, _money(price["unit_amount"], price["currency"]),
                              price["recurring"]["interval"])


def portal(token, session, payer, entries, offered, confirmed=None, notice=None):
    """The page behind a portal session's url.

    entries: a dict for each subscription, see `clicks._portal`. offered: the actions of the session's flow.
    confirmed: the price that a flow asks to confirm. notice: (element id, text) or None.
    """
    cards = [_portal_card(token, entry, "-%d" % (number + 1) if number else "", offered, confirmed)
             for number, entry in enumerate(entries)]
    head = '<div class="card"><span class="badge">TEST MODE</span><h1>Billing of %s</h1>%s%s%s</div>' % (
        escape(payer.get("name") or payer.get("email") or payer["id"]),
        _notice(*notice) if notice else "",
        "" if cards else "<p>No subscription yet.</p>",
        _link("return", session["return_url"], "Back to the application"))
    return _page("Billing", head + "".join(cards))


def _portal_card(token, entry, suffix, offered, confirmed):
    """One subscription: what it is, and a button for each thing that can be done with it now."""
    sub, bill, card = entry["sub"], entry["bill"], entry["card"]
    item = sub["items"]["data"][0]
    names = {price["id"]: name for price, name in entry["plans"]}
    owed = bill is not None and bill["status"] in ("open", "draft", "uncollectible") and \
        sub["status"] in ("incomplete", "past_due", "unpaid")
    hidden = '<input type="hidden" name="subscription" value="%s">' % escape(sub["id"])

    def button(action, name, label, main=False, more=""):
        return _button("/p/session/%s/%s" % (token, action), name + suffix, label, main, hidden + more) \
            if action in offered else ""
    facts = _rows([
        ("Status", sub["status"]),
        ("Plan", names.get(item["price"]["id"], item["price"]["id"])),
        ("Price", "%s per %s" % (_money(item["price"]["unit_amount"], item["price"]["currency"]),
                                 item["price"]["recurring"]["interval"])),
        ("Quantity", item.get("quantity", "as used") if item.get("quantity") != 1 else None),
        ("Card", "Visa ending " + card["card"]["last4"] if card else "none"),
        ("Trial ends", _day(sub["trial_end"]) if sub["status"] == "trialing" else None),
        ("Period ends", _day(entry["period_end"])),
        ("To pay", _money(bill["amount_due"], bill["currency"]) if owed else None),
        ("Ends on", _day(sub["cancel_at"])), ("Ended", _day(sub["ended_at"]))])
    buttons = ""
    if entry["live"]:
        if owed:
            buttons += button("pay", "pay-invoice", "Pay " + _money(bill["amount_due"], bill["currency"]), True)
        if confirmed:
            buttons += button("confirm", "confirm", "Change to " + _plan_name(
                confirmed, names.get(confirmed["id"], confirmed["id"])), True)
        if sub["status"] == "paused":
            buttons += button("unpause", "unpause", "Take up again", True)
        else:
            buttons += button("pause", "pause", "Pause") if sub["status"] in ("trialing", "active", "past_due") else ""
        if sub["cancel_at"]:
            buttons += button("resume", "resume", "Keep the subscription", True)
        else:
            buttons += button("cancel_at_period_end", "cancel-at-period-end", "Cancel at the end of the period")
        buttons += button("cancel", "cancel-now", "Cancel now")
        buttons += button("card", "change-card", "Change the card", more=_choice(
            "card" + suffix, "card", "New card", _NEW_CARD))
        buttons += button("plan", "change-plan", "Change the plan", more=_choice(
            "price" + suffix, "price", "Plan", [(price["id"], _plan_name(price, name))
                                               for price, name in entry["plans"]], item["price"]["id"])
            + '<label for="quantity%s">Quantity</label><input id="quantity%s" name="quantity" type="number" min="1" '
              'max="999999" value="%d" required>' % (suffix, suffix, item.get("quantity", 1)))
    return '<section class="card" aria-label="Subscription %s"><h2 id="subscription%s">%s</h2>%s%s</section>' % (
        escape(sub["id"]), suffix, escape(sub["id"]), facts, buttons)
