"""A text in the evidence of an audit of many rows: whatever is found without the index of texts is found with it, no more and
no less, in every order and beside every other filter, by cursor and by page number; by an index that is made behind the
audit's end, and that lags behind rows that come later. What it costs: tests/guards/test_walks.py.
"""

import pytest

from saastest import seed, wait_audit
from test_evidence_walks import ORDERS, walk

ROWS = 70_000                     # more than a segment of the index
WORDS = {64: "First of all, 100%_ of it \\ fine", 12_345: "A NEEDLE in the hay", 40_000: "a needle of another kind", 65_535: "Der Café-Besuch: needle",
         65_536: "over the border: zq", ROWS: "the Last needle"}
MUTED = "https://host-345.example.test/"
HEAD = "resource_id,check_name,status,severity,timestamp,comment\n"


@pytest.fixture(scope="module")
def person(site):
    return site.newcomer()


@pytest.fixture(scope="module")
def audit(site, person):
    key = seed.varied_audit(site.database, person.org["id"], ROWS)
    for number, text in WORDS.items():
        site.database.execute("UPDATE evidence SET comment = ? WHERE audit_id = ? AND number = ?", text, key, number)
    person.ok("PATCH", f"audits/{key}/evidence/?resource_id={MUTED}&severity=low", {"muted": True, "reason": "known"})
    assert seed.make_searchable(site.database, person.org["id"], key) == ROWS
    return key


@pytest.fixture(scope="module")
def rows(site, audit):
    """All of them as the table has them, for 350 pages would take a while."""
    names = ("id", "resource_id", "check_name", "status", "severity", "timestamp", "comment")
    found = [dict(zip(names, row)) for row in site.database.execute(
        "SELECT number, resource_id, check_name, status, severity, observed_at, comment FROM evidence WHERE audit_id = ? ORDER BY number", audit)]
    muted = {(row["resource_id"], row["check_name"]) for row in found if row["resource_id"] == MUTED and row["severity"] == "low"}
    return [{**row, "muted": (row["resource_id"], row["check_name"]) in muted} for row in found]


def wanted_of(rows, order, fits):
    return [row["id"] for row in sorted(filter(fits, rows), key=ORDERS[order.strip("-")], reverse=order[0] == "-")]


def found_by(person, audit, query):
    return [row["id"] for row in walk(person, audit, query, ROWS)]


def has(row, text):
    return any(text.lower() in row[column].lower() for column in ("resource_id", "check_name", "comment"))


SEARCHES = [(text, "id") for text in ("100%_", "\\ f", "Café", "zq", "first of all, 100", "host-345.", "number 6999", "%%%", "___", "no such text",
                                      "a needle of another kind which goes on and on")]
SEARCHES += [("NEEDLE", order) for order in ("id", "-id", "severity", "-severity", "timestamp", "-timestamp")] + [("number 699", "-severity"), ("number 69", "-timestamp")]


@pytest.mark.parametrize("text, order", SEARCHES)
def test_a_text_is_found_wherever_it_is_and_nowhere_else(person, audit, rows, text, order):
    wanted = wanted_of(rows, order, lambda row: has(row, text))
    query = f"search={text.replace('%', '%25')}&ordering={order}"
    assert found_by(person, audit, f"{query}&page_size=200") == wanted
    if len(text) > 2:
        numbered = person.ok("GET", f"audits/{audit}/evidence/?{query}&page_size=20")
        assert numbered["count"] == len(wanted) and [row["id"] for row in numbered["results"]] == wanted[:20]


@pytest.mark.parametrize("query, order, also", [
    ("status=FAIL", "id", lambda row: row["status"] == "FAIL"), ("severity=low", "-timestamp", lambda row: row["severity"] == "low"),
    ("status=PASS&severity=high", "id", lambda row: (row["status"], row["severity"]) == ("PASS", "high")),
    ("check=check_5", "severity", lambda row: row["check_name"] == "check_5"), ("check=check_5", "-id", lambda row: row["check_name"] == "check_5"),
    ("resource_id=https://host-345.example.test/", "id", lambda row: row["resource_id"] == "https://host-345.example.test/"),
    ("muted=true", "id", lambda row: row["muted"]), ("muted=false", "timestamp", lambda row: not row["muted"]),
])
def test_a_text_beside_other_filters(person, audit, rows, query, order, also):
    wanted = wanted_of(rows, order, lambda row: has(row, "number 34") and also(row))
    assert (wanted or "muted=true" in query) and found_by(person, audit, f"search=NUMBER 34&{query}&ordering={order}&page_size=200") == wanted
    numbered = person.ok("GET", f"audits/{audit}/evidence/?search=number 34&{query}&ordering=-resource_id&page_size=200")
    assert numbered["count"] == len(wanted) and len(numbered["results"]) == min(len(wanted), 200)
    assert {row["id"] for row in numbered["results"]} <= set(wanted)


def test_what_one_row_has_is_on_the_first_page(person, audit):
    """The point of it: without the index the row would be on the third page, behind two empty ones."""
    for order in ("id", "-id", "severity", "timestamp"):
        body = person.ok("GET", f"audits/{audit}/evidence/?cursor=&search=ANOTHER KIND&ordering={order}")
        assert [row["id"] for row in body["results"]] == [40_000] and body["next"] is None


def test_rows_that_come_later_are_found_before_and_after_they_are_indexed(site, person):
    org = person.org["id"]
    key = seed.varied_audit(site.database, org, 1_000)
    assert seed.make_searchable(site.database, org, key) == 1_000
    seed.more_evidence(site.database, org, key, 1_001, 30, "a late needle")
    # A file that had been there already has left a gap.
    seed.more_evidence(site.database, org, key, 200_001, 5, "a later needle")
    late, wanted = list(range(1_001, 1_031)), list(range(1_001, 1_031)) + list(range(200_001, 200_006))

    def found(query):
        return [row["id"] for row in walk(person, key, f"{query}&page_size=20", 1_035)]
    for indexed in (1_000, 200_005):
        assert seed.searchable_to(site.database, key) == indexed
        assert found("search=late needle") == late and found("search=needle&ordering=-id") == wanted[::-1]
        assert sorted(found("search=needle&ordering=timestamp")) == sorted(found("search=needle&ordering=severity")) == wanted
        assert len(found("search=number 99")) == 11
        assert person.ok("GET", f"audits/{key}/evidence/?search=needle")["count"] == 35
        seed.make_searchable(site.database, org, key)


def test_an_index_is_no_ones_but_its_audits(site, person, audit):
    """Two audits of one organization, and one of another's: each finds its own."""
    other = site.newcomer()
    mine = seed.varied_audit(site.database, person.org["id"], 300)
    theirs = seed.varied_audit(site.database, other.org["id"], 300)
    seed.more_evidence(site.database, person.org["id"], mine, 1_001, 1, "said of mine")
    seed.more_evidence(site.database, other.org["id"], theirs, 70_001, 1, "told of theirs")
    seed.make_searchable(site.database, person.org["id"], mine)
    seed.make_searchable(site.database, other.org["id"], theirs)
    assert walk(person, mine, "search=needle", 301) == [] and walk(other, theirs, "search=needle", 301) == []
    assert len(walk(person, mine, "search=said of mine", 301)) == len(walk(other, theirs, "search=told of theirs", 301)) == 1
    assert other.get(f"audits/{audit}/evidence/?cursor=&search=needle").status_code == 404


def test_an_import_is_searchable_by_itself(site, person):
    rows = "".join(f"bucket-{n},public_access,FAIL,high,2026-01-02T03:04:05Z,{'the one needle' if n == 20_500 else 'open'}\n" for n in range(21_000))
    reply = person.post("audits/import/", data=(HEAD + rows).encode(), params={"format": "generic"}, headers={"Content-Type": "application/octet-stream"})
    assert reply.status_code == 201, reply.text
    key = wait_audit(person, reply.json()["id"])["id"]
    for _ in range(600):
        if seed.searchable_to(site.database, key) == 21_000:
            break
        seed.time.sleep(0.1)
    body = person.ok("GET", f"audits/{key}/evidence/?cursor=&search=NEEDLE")
    assert [row["id"] for row in body["results"]] == [20_501] and body["next"] is None
    # A few rows are not worth it.
    few = person.post("audits/import/", data=(HEAD + rows[:2000].rsplit("\n", 1)[0] + "\n").encode(), params={"format": "generic"},
                      headers={"Content-Type": "application/octet-stream"})
    few = wait_audit(person, few.json()["id"])["id"]
    assert site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'audit.search' AND object_id = ?", few)[0][0] == 0
    assert seed.searchable_to(site.database, few) == 0
    # It goes with its audit.
    person.ok("DELETE", f"audits/{key}/")
    assert site.database.execute("SELECT count(*) FROM evidence_trigrams WHERE audit_id = ?", key)[0][0] == 0
