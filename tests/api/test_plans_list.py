"""What there is to buy: the configuration's plans with Stripe's prices, for the page that sells them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

PLANS = """
SaasPlan free features=look limit.members=3
SaasPlan pro {price} features=look,export limit.audits=100/month
SaasPlan business price_of_nobody seats
"""
UNKNOWN = dict.fromkeys(("currency", "unit_amount", "interval", "interval_count", "product", "description", "metered", "active"))


@pytest.fixture
def fresh(site):
    """A server that has asked for nothing yet; with plans."""
    site.sandbox.clear_faults()
    site.httpd.restart("\n".join([*site.parts, PLANS.format(price=site.price), "StartServers 1\nServerLimit 1\nMaxRequestWorkers 16"]))
    yield site
    site.sandbox.clear_faults()
    site.httpd.restart("\n".join(site.parts))


def asked(site):
    return [r for r in site.sandbox.requests() if r["method"] == "GET" and r["path"].startswith("/v1/prices/")]


def plans(site):
    reply = site.nobody().get("billing/plans/")
    assert reply.status_code == 200, reply.text
    return reply.json()["plans"]


def test_the_plans_and_their_prices(fresh):
    free, pro, business = plans(fresh)
    assert free == {"name": "free", "rank": 0, "features": ["look"], "limits": [{"name": "members", "limit": 3, "per": None}], "seats": False, "prices": []}
    price = pro.pop("prices")[0]
    assert pro == {"name": "pro", "rank": 1, "features": ["look", "export"], "limits": [{"name": "audits", "limit": 100, "per": "month"}], "seats": False}
    assert price["id"] == fresh.price and price["currency"] == "usd" and price["unit_amount"] > 0
    assert (price["interval"], price["interval_count"], price["metered"], price["active"]) == ("month", 1, False, True) and price["product"]
    # A price that Stripe does not have is told, without an amount.
    assert business["features"] is None and business["seats"] is True and business["prices"] == [{"id": "price_of_nobody", **UNKNOWN}]


def test_stripe_is_asked_once_for_all_who_look(fresh):
    before = len(asked(fresh))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: plans(fresh), range(40)))
    assert len(asked(fresh)) - before == 2, "one for each price"
    assert plans(fresh)[1]["prices"][0]["unit_amount"] > 0


@pytest.mark.parametrize("fault", [dict(do="status", status=500), dict(do="drop"), dict(do="status", status=429), dict(do="garbage")],
                         ids=["500", "drop", "429", "garbage"])
def test_while_stripe_cannot_be_asked_they_are_told_without_amounts(fresh, fault):
    fresh.sandbox.fault(path="/v1/prices/", times=None, **fault)
    before = len(asked(fresh))
    for _ in range(5):
        assert plans(fresh)[1]["prices"] == [{"id": fresh.price, **UNKNOWN}]
    assert len(asked(fresh)) - before <= 1, "who does not answer is left alone for a while"
    assert fresh.secret_key not in fresh.httpd.error_log.read_text()


def test_without_plans_there_is_one_that_has_everything(site):
    premium, = plans(site)
    assert {k: premium[k] for k in ("name", "rank", "features", "limits", "seats")} == {"name": "premium", "rank": 0, "features": None, "limits": [], "seats": False}
    assert premium["prices"][0]["id"] == site.price
