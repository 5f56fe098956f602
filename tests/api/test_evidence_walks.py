"""Evidence by cursor: every filter and order, page after page, is what the rows are, and the list by page number finds the
same; of an audit that is longer than what a page may read besides. What a page costs: tests/guards/test_walks.py.
"""

import base64

import pytest

from saastest import seed

ROWS, MANY = 6_000, 21_000        # MANY: more than WALK_MOST
SEVERITIES = ["critical", "high", "medium", "low", "informational"]
HOST = "https://host-77.example.test/"


@pytest.fixture(scope="module")
def person(site):
    return site.newcomer()


@pytest.fixture(scope="module")
def audit(site, person):
    key = seed.varied_audit(site.database, person.org["id"], ROWS)
    person.ok("PATCH", f"audits/{key}/evidence/?resource_id={HOST}&severity=high", {"muted": True, "reason": "known"})
    return key


@pytest.fixture(scope="module")
def rows(person, audit):
    """All of them, by the plainest walk."""
    return walk(person, audit, "page_size=200&ordering=id")


def walk(person, audit, query, count=ROWS, most=100):
    url, found, pages = f"audits/{audit}/evidence/?cursor=&{query}", [], 0
    while url:
        body = person.ok("GET", url)
        assert body["count"] == count and body["previous"] is None
        found += body["results"]
        url, pages = body["next"], pages + 1
        assert pages < most
    return found


def test_the_plainest_walk_has_all_rows_once(rows):
    assert [row["id"] for row in rows] == list(range(1, ROWS + 1))


def by_severity(row):
    return SEVERITIES.index(row["severity"]), row["id"]


def by(column):
    return lambda row: (row[column], row["id"])


ORDERS = {"id": lambda row: row["id"], "severity": by_severity, **{name: by(name) for name in ("timestamp", "status", "check_name", "resource_id")}}
BOTH_WAYS = [way + name for name in ORDERS for way in ("", "-")]
FILTERS = {
    "check=check_5": lambda row: row["check_name"] == "check_5",
    f"resource_id={HOST}": lambda row: row["resource_id"] == HOST,
    "status=MANUAL": lambda row: row["status"] == "MANUAL",
    "severity=critical&status=ERROR": lambda row: (row["severity"], row["status"]) == ("critical", "ERROR"),
    "severity=low&check_name=check_9": lambda row: (row["severity"], row["check_name"]) == ("low", "check_9"),
    "status=FAIL&check=check_9": lambda row: (row["status"], row["check_name"]) == ("FAIL", "check_9"),
    "status=PASS&search=NUMBER 449": lambda row: row["status"] == "PASS" and "number 449" in row["comment"],
    "search=host-77.": lambda row: "host-77." in row["resource_id"],
    "search=no such text": lambda row: False,
    "muted=true": lambda row: row["triage"]["muted"],
    "muted=true&severity=high": lambda row: row["triage"]["muted"] and row["severity"] == "high",
    f"muted=false&resource_id={HOST}": lambda row: row["resource_id"] == HOST and not row["triage"]["muted"],
    "muted=false&status=ERROR&severity=low": lambda row: not row["triage"]["muted"] and (row["status"], row["severity"]) == ("ERROR", "low"),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("query", FILTERS)
def test_a_walk_finds_what_the_filter_says_in_order(person, audit, rows, query, order):
    wanted = sorted(filter(FILTERS[query], rows), key=ORDERS[order])
    assert wanted or query == "search=no such text"
    assert walk(person, audit, f"{query}&ordering={order}&page_size=150") == wanted
    if query in ("status=MANUAL", "muted=true", "check=check_5"):
        assert walk(person, audit, f"{query}&ordering=-{order}&page_size=190") == wanted[::-1]
    numbered = person.ok("GET", f"audits/{audit}/evidence/?{query}&ordering={order}&page_size=100&page=1")
    assert numbered["count"] == len(wanted) and numbered["results"] == wanted[:100]


@pytest.mark.parametrize("order", BOTH_WAYS[2:])
def test_an_order_goes_over_its_seams(person, audit, rows, order):
    """From one severity, or time, or check to the next, within a page."""
    wanted = sorted(rows, key=ORDERS[order.strip("-")], reverse=order[0] == "-")
    assert [row["id"] for row in walk(person, audit, f"ordering={order}&page_size=199")] == [row["id"] for row in wanted]


@pytest.fixture(scope="module")
def long(site, person):
    return seed.varied_audit(site.database, person.org["id"], MANY)


def test_a_search_that_finds_little_has_short_pages(person, long):
    """A page reads so many rows and no more; the next one goes on."""
    body = person.ok("GET", f"audits/{long}/evidence/?cursor=&search=no such text")
    assert body["results"] == [] and body["next"]
    assert person.ok("GET", body["next"])["next"] is None


@pytest.mark.parametrize("order", BOTH_WAYS)
def test_a_search_is_found_behind_the_end_of_a_page(person, long, order):
    found = walk(person, long, f"ordering={order}&search=number 2", MANY)
    wanted = [n for n in range(1, MANY + 1) if str(n).startswith("2")]
    assert sorted(row["id"] for row in found) == wanted
    assert found == sorted(found, key=ORDERS[order.strip("-")], reverse=order[0] == "-")


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("query", [
    "cursor=!", "cursor=" + "A" * 50, f"cursor={cursor('a')}", f"cursor={cursor('ax')}", f"cursor={cursor('d5')}", f"cursor={cursor('s05')}",
    f"ordering=severity&cursor={cursor('a5')}", f"ordering=severity&cursor={cursor('s5')}", f"ordering=severity&cursor={cursor('s55')}",
    f"ordering=status&cursor={cursor('u45')}", f"ordering=status&cursor={cursor('s05')}", f"ordering=-status&cursor={cursor('u05')}",
    f"ordering=check_name&cursor={cursor('c99999')}", f"ordering=-check_name&cursor={cursor('c5')}", f"ordering=resource_id&cursor={cursor('c5')}",
    f"ordering=timestamp&cursor={cursor('t99999')}", f"ordering=-timestamp&cursor={cursor('t5')}", f"cursor={cursor('a' + '9' * 19)}",
])
def test_a_cursor_of_another_walk_is_400(person, audit, query):
    reply = person.get(f"audits/{audit}/evidence/?{query}")
    assert (reply.status_code, list(reply.json())) == (400, ["cursor"]), reply.text


@pytest.mark.parametrize("order", BOTH_WAYS)
def test_an_audit_without_findings_has_one_empty_page(site, person, order):
    key = seed.varied_audit(site.database, person.org["id"], 0)
    assert walk(person, key, f"ordering={order}", 0) == walk(person, key, f"ordering={order}&search=nothing", 0) == []
