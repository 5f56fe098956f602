"""GET evidence/ of an audit with a million findings, by cursor: each filter and order, its first page and one far in, in milliseconds
from the request to the answer's last byte. How much a page reads is tests/guards/test_walks.py's; how soon a person sees it,
console.py's.
"""

import base64
import time

import decide
from measure import figure
from saastest import Site, seed

# Milliseconds of a page that an index finds, and of one that is tried on the most rows that a page reads.
FOUND, SEARCHED = 20, 300
WALKS = {
    "all": ("", FOUND), "a status": ("status=FAIL", FOUND), "a severity": ("severity=critical", FOUND), "both": ("status=ERROR&severity=low", FOUND),
    "a check": ("check=check_5", FOUND), "a resource": ("resource_id=https://host-77.example.test/", FOUND), "muted": ("muted=true", FOUND),
    "by severity": ("ordering=severity", FOUND), "failed, by severity": ("status=FAIL&ordering=severity", FOUND), "by time": ("ordering=-timestamp", FOUND),
    "by status": ("ordering=status", FOUND), "by check": ("ordering=-check_name", FOUND), "by resource": ("ordering=resource_id", FOUND),
    "a text of many": ("search=check_5", FOUND), "a text of one": ("search=number 777777", FOUND), "a text of none": ("search=no such text", FOUND),
    "two letters of none": ("search=zq", SEARCHED),
}


def after(number, query):
    """The cursor behind a row, as plugins/audits/evidence.c makes it."""
    order = {"": "a", "severity": "s2", "-timestamp": "T", "status": "u1", "-check_name": "C", "resource_id": "r"}[dict(part.split("=", 1) for part in query.split("&") if part).get("ordering", "")]
    return base64.urlsafe_b64encode(f"{order}{number}".encode()).decode().rstrip("=")


def measure(database, args, say):
    rows = 100_000 if args.quick else 1_000_000
    label = "PostgreSQL" if database.kind == "pgsql" else "SQLite"
    say(f"findings, {label}: loading {rows:,}")
    site = Site(database, with_stripe=False)
    try:
        site.start()
        person = site.newcomer()
        audit = seed.varied_audit(database, person.org["id"], rows)
        seed.make_searchable(database, person.org["id"], audit)
        person.ok("PATCH", f"audits/{audit}/evidence/?resource_id=https://host-77.example.test/&severity=high", {"muted": True, "reason": "known"})
        for name, (query, target) in WALKS.items():
            for place, cursor in (("first page", ""), ("far in", after(rows // 2, query))):
                def take(seconds, url=f"audits/{audit}/evidence/?cursor={cursor}&{query}"):
                    values, end = [], time.monotonic() + seconds
                    while time.monotonic() < end or len(values) < decide.FEWEST:
                        began = time.perf_counter()
                        person.ok("GET", url)
                        values.append((time.perf_counter() - began) * 1000)
                    return values
                take(0)
                row = f"evidence of {rows:,}, {label}: {name}, {place}"
                yield from decide.until_decided(take, lambda values, row=row, target=target: [figure(row, values, "ms", target)], args.patience)
    finally:
        site.close()
