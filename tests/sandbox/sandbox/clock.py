"""The sandbox's clock, and what happens by itself as it goes on.

Objects and events have its time; only webhook signatures keep the real one, since a receiver compares
them with its own clock. Nothing falls due while no one advances it: `advance` does what is due up to a
moment, one thing after another in order of time, each at its own moment. As at Stripe a renewal's
invoice is a draft for an hour before it is charged.
"""

from . import objects, payments
from .store import TERMINAL

DAY = 86400
INVOICE_DRAFT = 3600
INCOMPLETE = 23 * 3600
TRIAL_WARNING = 3 * DAY
FURTHEST = 3 * 366 * DAY
MOST_STEPS = 5000


def advance(billing, to):
    """Set the clock to `to`, doing all that is due until then. -> the events, sent already.

    ValueError for a moment in the past, more than three years ahead, or too many steps away.
    """
    store = billing.store
    with store.lock:
        start = store.now()
        if not start <= to <= start + FURTHEST:
            raise ValueError("the clock is at %d and goes forward only, at most three years at once" % start)
        records = []
        try:
            for _ in range(MOST_STEPS):
                when, act = _next(billing)
                if act is None or when > to:
                    store.set_clock(to)
                    return billing.send(records)
                store.freeze(max(when, store.now()))
                records += act()
                records += billing.entitled()
            store.set_clock(store.now())
            billing.send(records)
            raise ValueError("more than %d things are due; the clock stopped at %d" % (MOST_STEPS, store.now()))
        finally:
            store.freeze(None)


def _next(billing):
    """The first thing that is due: (when, what to call); (0, None) when nothing ever is."""
    found = []
    for number, sub in enumerate(billing.store.subscriptions.values()):
        found += [(when, rank, number, act, sub) for when, rank, act in _due(billing, sub)]
    for number, session in enumerate(billing.store.sessions.values()):
        if session["status"] == "open":
            found.append((session["expires_at"], 9, number, _expire_session, session))
    if not found:
        return 0, None
    when, _, _, act, target = min(found, key=lambda entry: entry[:3])
    return when, lambda: act(billing, target)


def _due(billing, sub):
    """-> [(when, rank among what is due at once, function)] of a subscription."""
    store = billing.store
    status = sub["status"]
    if status in TERMINAL:
        return []
    end = billing.period_end(sub)
    due = []
    if sub["cancel_at"] or sub["cancel_at_period_end"]:
        due.append((sub["cancel_at"] or end, 0, _cancel))
    if status == "incomplete":
        due.append((sub["created"] + INCOMPLETE, 1, _expire))
    if status == "trialing":
        due.append((sub["trial_end"], 3, _trial_end))
        if sub["id"] not in store.warned:
            due.append((max(sub["created"], sub["trial_end"] - TRIAL_WARNING), 2, _trial_warning))
    if status in ("active", "past_due", "unpaid"):
        due.append((end, 5, _renew))
    if (sub["pause_collection"] or {}).get("resumes_at"):
        due.append((sub["pause_collection"]["resumes_at"], 4, _collect_again))
    bill = store.invoices.get(sub["latest_invoice"])
    if bill and bill["auto_advance"] and status in ("active", "past_due"):
        if bill["status"] == "draft":
            due.append((bill["created"] + INVOICE_DRAFT, 6, _charge))
        elif bill["status"] == "open" and bill["next_payment_attempt"]:
            due.append((bill["next_payment_attempt"], 7, _charge))
    return due


def _cancel(billing, sub):
    return billing.end(sub, sub["cancellation_details"]["reason"] or "cancellation_requested")


def _expire(billing, sub):
    before = billing.shown(sub)
    sub.update(status="incomplete_expired", ended_at=billing.store.now())
    bill = billing.store.invoices[sub["latest_invoice"]]
    bill.update(status="void", auto_advance=False, next_payment_attempt=None)
    bill["status_transitions"]["voided_at"] = billing.store.now()
    return billing.updated(sub, before)


def _trial_warning(billing, sub):
    billing.store.warned.add(sub["id"])
    return [billing.record("customer.subscription.trial_will_end", sub)]


def _trial_end(billing, sub):
    wanted = sub["trial_settings"]["end_behavior"]["missing_payment_method"]
    if payments.card_of(billing.store, sub) is None and wanted != "create_invoice":
        if wanted == "cancel":
            return billing.end(sub, None)
        return billing.pause(sub, "trial_end_without_payment_method")
    before = billing.shown(sub)
    sub["status"] = "active"
    return _begin_period(billing, sub, before)


def _renew(billing, sub):
    return _begin_period(billing, sub, billing.shown(sub))


def _begin_period(billing, sub, before):
    """The next period and its invoice: a draft, to be charged in an hour, or what paused collection makes of it."""
    for item in sub["items"]["data"]:
        recurring = item["price"]["recurring"]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] = objects.add_interval(
            item["current_period_end"], recurring["interval"], recurring["interval_count"])
    paused = (sub["pause_collection"] or {}).get("behavior")
    kind = {"void": "void", "mark_uncollectible": "uncollectible"}.get(paused, "draft")
    bill = payments.invoice(billing, sub, "subscription_cycle", kind)
    if paused or sub["status"] == "unpaid":
        bill["auto_advance"] = False
    return billing.updated(sub, before)


def _collect_again(billing, sub):
    before = billing.shown(sub)
    sub["pause_collection"] = None
    return billing.updated(sub, before)


def _charge(billing, sub):
    bill = billing.store.invoices[sub["latest_invoice"]]
    return payments.attempt(billing, sub, bill, billing.shown(sub))[1]


def _expire_session(billing, session):
    return billing.expire_now(session)
