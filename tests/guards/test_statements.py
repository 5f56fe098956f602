"""Every SQL statement that the host and the plugins declare, as the databases get it: both can prepare it, the role
that it runs as may run it, and it finds its rows through an index.
"""

import json
import os
import re
import sqlite3
import subprocess
import uuid

import pytest

import source
from saastest import ROOT, Httpd
from saastest.places import BUILD, PLUGINS, clean_environment
from saastest.site import MOUNTS

DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'

# Statements that read a table from end to end, and why they may. By database, because the planners differ.
COUNTED = {"mod_saas/metrics_jobs": "what a monitoring system asks for: all work that is waiting, which is little",
           "notify/notify_waiting": "the same, of outgoing webhooks, by the index of what waits"}
GIVEN = "the transaction's own table of the rows that it has been given"
MAY_SCAN = {"pgsql": {**COUNTED, "audits/import_load": GIVEN, "audits/search_load": GIVEN}, "sqlite": {**COUNTED, "notify/notify_look": "its own rows: the endpoints that its walk along an index has found"}}


@pytest.fixture(scope="module")
def statements(places):
    """All of them, by owner and name, out of a real configuration of a real httpd."""
    so, listing = places.folder("statements") / "mod_saas.so", places.folder("statements") / "list"
    built = subprocess.run(["make", "-f", "tests/guards/statements.mk", f"OUT={so}", f"BUILD={os.path.relpath(BUILD, ROOT)}"], cwd=ROOT, text=True,
                           capture_output=True, env=clean_environment())
    assert built.returncode == 0, built.stdout + built.stderr
    server = Httpd()
    try:
        original = server.module_lines
        server.module_lines = lambda: [f'LoadModule saas_module "{so}"' if " saas_module " in line else line for line in original()]
        path = server.write(DB + MOUNTS)
        done = subprocess.run([server.binary, "-f", str(path), "-t"], capture_output=True, text=True,
                              env=clean_environment(STATEMENTS_FILE=listing))
        assert done.returncode == 0, done.stderr
    finally:
        server.close()
    found = [json.loads(line) for line in listing.read_text().splitlines()]
    return list({(s["owner"], s["name"]): s for s in found}.values())


def test_all_of_them_are_here(statements):
    """Nothing was lost on the way: what the sources name is in the list."""
    owners = {s["owner"] for s in statements}
    assert {"mod_saas", "accounts", "organizations", "audits", "billing", "webhooks", "export", "notify"} <= owners
    assert owners - {"mod_saas"} <= set(PLUGINS)
    named = {name for path in source.host() + source.plugins()
             for name in re.findall(r'\.name\s*=\s*"(\w+)"[^{}"]*(?:\.scope|_PAGE|_WHOLE|_FROM)', source.code(path))}
    assert len(named) > 50 and not named - {s["name"] for s in statements}, named - {s["name"] for s in statements}


def test_names_are_plain_and_unique(statements):
    for s in statements:
        assert re.fullmatch(r"[a-z0-9_]+", s["name"]), s["name"]


def test_a_statement_is_one(statements):
    for s in statements:
        for text in (s["pgsql"], s["sqlite"]):
            assert ";" not in re.sub(r"'[^']*'", "", text), f"{s['name']}: {text}"


def test_tenant_statements_say_whose_rows(statements):
    """$1 is not only there: each names org_id (or is about the organization's own row)."""
    for s in statements:
        if s["scope"] == "tenant":
            assert re.search(r"\borg_id\b|\bFROM organizations\b|\bUPDATE organizations\b|\bINTO organizations\b", s["pgsql"]), s


def explain_pgsql(cursor, s):
    """The generic plan, made as the role that the statement runs as; on a connection of saas_app's, as httpd's are."""
    cursor.execute("SET ROLE " + ("NONE" if s["scope"] == "tenant" else "saas_system"))
    cursor.execute("PREPARE s AS " + s["pgsql"])
    try:
        cursor.execute("SELECT coalesce(cardinality(parameter_types), 0) FROM pg_prepared_statements WHERE name = 's'")
        count = cursor.fetchone()[0]
        cursor.execute("EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE s" + (f"({', '.join(['NULL'] * count)})" if count else ""))
        return cursor.fetchone()[0][0]["Plan"]
    finally:
        cursor.execute("DEALLOCATE s")


def scans_pgsql(plan):
    """Tables that a plan reads without an index condition."""
    found = []
    if plan["Node Type"] == "Seq Scan" or (plan["Node Type"].startswith("Index") and "Index Cond" not in plan):
        found.append(plan.get("Relation Name", plan.get("Index Name")))
    for below in plan.get("Plans", ()):
        found += scans_pgsql(below)
    return found


def explain_sqlite(connection, s):
    return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + s["sqlite"], [None] * highest(s["sqlite"]))]


def highest(text):
    return max([int(n) for n in re.findall(r"\?(\d+)", text)], default=0)


def scans_sqlite(plan):
    """Tables that a plan reads from end to end. What it has made of a subquery is none: the subquery has lines of its own."""
    made = {match[1] for line in plan if (match := re.match(r"(?:CO-ROUTINE|MATERIALIZE) (\w+)$", line))}
    return [line for line in plan if re.match(r"SCAN (?!CONSTANT ROW|\d+ CONSTANT|\(|json_)", line) and line.split()[1] not in made]


@pytest.fixture(scope="module")
def plans(migrated, statements):
    """name -> (plan, what it scans) on this database; fails at what cannot be prepared."""
    found, broken = {}, []
    if migrated.kind == "pgsql":
        connection = migrated.cluster.connect(migrated.name, migrated.cluster.APP)
        cursor = connection.cursor()
        # On empty tables reading all of one is always cheapest: ask what it would do if it were not.
        # What a load takes its rows from: see saas_db_load().
        cursor.execute(f"CREATE TEMPORARY TABLE saas_rows ({', '.join(f'c{n} text' for n in range(1, 20))})")
        for setting in ("plan_cache_mode = force_generic_plan", "enable_seqscan = off", f"saas.organization = '{uuid.uuid4()}'"):
            cursor.execute("SET " + setting)
    else:
        connection = migrated.connect()
        for name, arguments, result in (("now", 0, "2026-01-01T00:00:00.000000Z"), ("saas_now_plus", 1, "2026-01-01T00:00:00.000000Z"),
                                        ("saas_time", 1, "2026-01-01T00:00:00.000000Z")):
            connection.create_function(name, arguments, lambda *unused, result=result: result)
    try:
        for s in statements:
            key = f"{s['owner']}/{s['name']}"
            try:
                if migrated.kind == "pgsql":
                    plan = explain_pgsql(cursor, s)
                    found[key] = plan, scans_pgsql(plan)
                else:
                    plan = explain_sqlite(connection, s)
                    found[key] = plan, scans_sqlite(plan)
            except Exception as failure:
                broken.append(f"{key}: {str(failure).strip()}\n    {s[migrated.kind]}")
    finally:
        connection.close()
    assert not broken, "\n".join(broken)
    return found


def test_the_database_takes_every_statement(plans, statements):
    assert len(plans) == len(statements) > 60


def test_every_statement_finds_its_rows_through_an_index(plans, migrated):
    allowed = MAY_SCAN[migrated.kind]
    scanning = {key: scans for key, (_, scans) in plans.items() if scans and key not in allowed}
    assert not scanning, "\n".join(f"{key}: {scans}" for key, scans in scanning.items())
    assert not set(allowed) - {key for key, (_, scans) in plans.items() if scans}, "these scan no longer: take them off the list"


def test_a_scan_would_be_seen(migrated):
    """The guard above can fail."""
    probe = {"scope": "system", "pgsql": "SELECT id FROM users WHERE name = $1", "sqlite": "SELECT id FROM users WHERE name = ?1"}
    if migrated.kind == "sqlite":
        connection = migrated.connect()
        assert scans_sqlite(explain_sqlite(connection, probe))
    else:
        connection = migrated.cluster.connect(migrated.name, migrated.cluster.APP)
        cursor = connection.cursor()
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET plan_cache_mode = force_generic_plan")   # = NULL would be known to find nothing
        assert scans_pgsql(explain_pgsql(cursor, probe))
    connection.close()
