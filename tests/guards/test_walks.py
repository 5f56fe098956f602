"""Walks through the evidence of an audit (plugins/audits/walk.h): a page far in costs what the first one costs, and what is
tried on rows is tried on no more than a page may read. Counted is what the databases do, not how long they take: rows and
pages of PostgreSQL's plans, whether it has statistics or not, and steps of SQLite's machine.
"""

import json
import re
import uuid

import pytest

from saastest import ROOT, seed
from saastest.site import Pgsql as PgsqlDatabase, Sqlite as SqliteDatabase
from test_statements import statements  # noqa: F401

ROWS, SIZE, NEVER = 30_000, 50, str(2**63 - 1)
MOST = int(re.search(r"#define WALK_MOST (\d+)", (ROOT / "plugins" / "audits" / "walk.h").read_text())[1])
ORG, MUTES = str(uuid.uuid4()), 20
HOST = "https://host-{}.example.test/"
TARGET, SCHEDULE, NEWEST = "https://aimed-at.example.test/", str(uuid.uuid4()), "ffffffff-ffff-7fff-bfff-ffffffffffff"
INDEX = "INSERT INTO evidence_trigrams (org_id, audit_id, slice, segment, postings) SELECT {key}, n % 1024, n / 1024, 'AAEAAA==' FROM {series}"
AUDITS = ("INSERT INTO audits (org_id, id, engine, targets, status, schedule_id, created_at) SELECT {org}, {id}, 'web', {targets}, 'completed', {schedule},"
          " {now} FROM {series}")
MUTE = ("INSERT INTO triage (org_id, resource_id, check_name, muted, updated_at) SELECT '{org}'{uuid}, 'https://host-' || n || '.example.test/',"
        " 'check_5', {true}, {now}")
NOWHERE = "%there is no such text%"
# Pages of PostgreSQL, tens of steps of SQLite, that it takes to try a search on a row.
PER_ROW = {"pgsql": 1, "sqlite": 5}
FILTERS = ("status", "severity", "check", "pattern", "resource", "muted")


def time_of(n):
    """As seed.varied_audit() has it."""
    return f"2026-01-01T00:00:{n * 7 % 50021 // 10000:02}.000000Z"


def value_of(name, n):
    """Of the column that a walk goes by."""
    return {"time": time_of(n), "check": f"check_{n * 7 % 97}", "resource": HOST.format(n % 750)}[name.split("_by_")[1].split("_")[0]]


def walked(name):
    """The rows' numbers in the order of a walk."""
    return sorted(range(1, ROWS + 1), key=lambda n: (value_of(name, n), n)) if "_by_" in name else range(1, ROWS + 1)


def filters(**asked):
    return [asked.get(name) for name in FILTERS]


WALKS = {
    "evidence_walk": filters(), "evidence_walk_check": filters(check="check_5"), "evidence_walk_resource": filters(resource=HOST.format(77)),
    "evidence_walk_status": filters(status="FAIL"), "evidence_walk_severity": filters(severity="critical"),
    "evidence_walk_status_severity": filters(status="FAIL", severity="high"), "evidence_walk_by_time": filters(),
    "evidence_walk_by_check": filters(), "evidence_walk_by_resource": filters(),
}


def page(name, down, asked, after, until=None):
    """(statement, arguments) of the page after a row; the audit is put in."""
    until = until or ("0" if down else NEVER)
    place = [after, until]
    if "_by_" in name:
        place = [part for n in (after, until) for part in (n, None if n in ("0", NEVER) else value_of(name, int(n)))]
    return name + ("_desc" if down else ""), [ORG, None, *asked, *place, str(SIZE + 1)]


class Walked:
    def of_audit(self, name, args):
        """What is about evidence is about this audit's."""
        return [args[0], self.audit, *args[2:]] if "evidence" in name else args


class Pgsql(Walked):
    def __init__(self, database, statements):
        self.statements = {s["name"]: s["pgsql"] for s in statements}
        self.owner, self.app = database.connect(), database.cluster.connect(database.name, database.cluster.APP)
        with self.owner.cursor() as cursor:
            # The planner is to know nothing until it is told to look.
            cursor.execute("ALTER TABLE evidence SET (autovacuum_enabled = off)")
            cursor.execute("INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES (%s, 'Walk', 'walk', now(), now())", (ORG,))
            self.audit = seed.varied_audit(database, ORG, ROWS)
            cursor.execute(MUTE.format(org=ORG, uuid="::uuid", true="TRUE", now="now()") + f" FROM generate_series(1, {MUTES}) n")
        with self.app.cursor() as cursor:
            cursor.execute(f"SET saas.organization = '{ORG}'")

    def analyze(self):
        with self.owner.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    def fill_index(self, segments):
        self.fill(INDEX.format(key=f"'{ORG}'::uuid, '{self.audit}'::uuid", series=f"generate_series(0, {segments * 1024 - 1}) n"))

    def fill_audits(self, count, aimed):
        self.fill(AUDITS.format(org=f"'{ORG}'::uuid", id="gen_random_uuid()", now="now()", series=f"generate_series(0, {count - 1}) n",
                                targets=f"jsonb_build_array(CASE WHEN n % {count // aimed} = 0 THEN '{TARGET}' ELSE 'https://' || n || '.example.test/' END)",
                                schedule=f"CASE WHEN n % {count // aimed} = 0 THEN '{SCHEDULE}'::uuid ELSE gen_random_uuid() END"))

    def fill(self, insert):
        with self.owner.cursor() as cursor:
            cursor.execute(insert)

    def run(self, cursor, name, args):
        cursor.execute("PREPARE walk AS " + self.statements[name])
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE walk({', '.join(['%s'] * len(args))})", args)
        plan = cursor.fetchone()[0][0]["Plan"]
        cursor.execute("DEALLOCATE walk")
        return plan

    def cost(self, name, args):
        """(rows found, rows of evidence that were read, pages of the database), of the dearer plan."""
        found, args = [], self.of_audit(name, args)
        for mode in ("force_generic_plan", "force_custom_plan"):
            with self.app.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute(f"SET LOCAL plan_cache_mode = {mode}")
                if "evidence" in name:
                    self.run(cursor, "evidence_settings", [ORG, self.audit])
                plan = self.run(cursor, name, args)
                cursor.execute("COMMIT")
            found.append((plan["Actual Rows"], self.read(plan), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]))
        assert found[0][0] == found[1][0]
        return max(found)

    def rows(self, name, args):
        args[1] = self.audit
        with self.app.cursor() as cursor:
            cursor.execute("PREPARE walk AS " + self.statements[name])
            cursor.execute(f"EXECUTE walk({', '.join(['%s'] * len(args))})", args)
            found = cursor.fetchall()
            cursor.execute("DEALLOCATE walk")
            return found

    def read(self, plan):
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"] if plan.get("Relation Name") == "evidence" else 0
        return own + sum(self.read(below) for below in plan.get("Plans", ()))

    def close(self):
        self.owner.close(), self.app.close()


class Sqlite(Walked):
    def __init__(self, database, statements):
        self.statements = {s["name"]: s["sqlite"] for s in statements}
        self.connection = database.connect()
        self.connection.create_function("now", 0, lambda: "2026-01-01T00:00:00.000000Z")
        execute = self.connection.execute
        execute("INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES (?, 'Walk', 'walk', '2026', '2026')", (ORG,))
        self.connection.commit()
        self.audit = seed.varied_audit(database, ORG, ROWS)
        series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "
        execute(series.format(MUTES) + MUTE.format(org=ORG, uuid="", true="1", now="'2026'") + " FROM s")
        self.connection.commit()

    def analyze(self):
        self.connection.execute("ANALYZE")

    def fill_index(self, segments):
        self.fill(segments * 1024, INDEX.format(key=f"'{ORG}', '{self.audit}'", series="s"))

    def fill_audits(self, count, aimed):
        self.fill(count, AUDITS.format(org=f"'{ORG}'", id="lower(hex(randomblob(16)))", now="'2026'", series="s",
                                       targets=f"json_array(CASE WHEN n % {count // aimed} = 0 THEN '{TARGET}' ELSE 'https://' || n || '.example.test/' END)",
                                       schedule=f"CASE WHEN n % {count // aimed} = 0 THEN '{SCHEDULE}' ELSE lower(hex(randomblob(16))) END"))

    def fill(self, count, insert):
        self.connection.execute(f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {count - 1}) " + insert)
        self.connection.commit()

    def cost(self, name, args):
        """(rows found, 0, tens of steps)."""
        steps, args = [0], self.of_audit(name, args)

        def count():
            steps[0] += 1
        self.connection.set_progress_handler(count, 10)
        try:
            return len(self.connection.execute(self.statements[name], args).fetchall()), 0, steps[0]
        finally:
            self.connection.set_progress_handler(None, 0)

    def rows(self, name, args):
        args[1] = self.audit
        return self.connection.execute(self.statements[name], args).fetchall()

    def close(self):
        self.connection.close()


@pytest.fixture(scope="module", params=("new", "analyzed"))
def audited(request, db_kind, places, statements):  # noqa: F811
    """Each with a database of its own, for statistics do not go away."""
    if db_kind == "pgsql":
        database = PgsqlDatabase(request.getfixturevalue("cluster"), f"saas_walks_{request.param}")
    else:
        database = SqliteDatabase(places, f"walks-{request.param}.db")
    made = (Pgsql if db_kind == "pgsql" else Sqlite)(database, statements)
    if request.param == "analyzed":
        made.analyze()
    yield made
    made.close()
    database.close()


@pytest.mark.parametrize("down", (False, True), ids=("up", "down"))
@pytest.mark.parametrize("name", WALKS)
def test_a_page_far_in_costs_what_the_first_one_costs(audited, db_kind, name, down):
    order = walked(name)
    places = [NEVER, str(order[ROWS // 2]), str(order[599])] if down else ["0", str(order[ROWS // 2]), str(order[ROWS - 601])]
    costs = [audited.cost(*page(name, down, WALKS[name], after)) for after in places]
    for found, read, done in costs:
        assert found <= SIZE + 1 and read <= (SIZE + 1) * 5, costs
        # Of less than a page, less; of a whole one, some more or less of an index's pages.
        assert done <= costs[0][2] * 1.2 + 10, costs
    if name not in ("evidence_walk_resource", "evidence_walk_check"):
        assert [found for found, *_ in costs[:2]] == [SIZE + 1] * 2
    # A row is looked up, with what was decided about it, and not more: SIZE rows are some hundreds of pages, thousands of steps.
    assert costs[0][2] <= (400 if db_kind == "pgsql" else 2500), costs


@pytest.mark.parametrize("down", (False, True), ids=("up", "down"))
@pytest.mark.parametrize("name, more", [("evidence_walk", ()), ("evidence_walk_by_time", (None,)), ("evidence_walk_by_check", (None,)), ("evidence_walk_by_resource", (None,)),
                                        ("evidence_walk_check", ("check_5",)),
                                        ("evidence_walk_resource", (HOST.format(77),))])
def test_what_is_tried_on_rows_is_tried_up_to_the_end(audited, db_kind, name, more, down):
    """A search that finds nothing reads so many rows and no more."""
    begin = NEVER if down else "0"
    ends = audited.rows(name.replace("walk", "end") + ("_desc" if down else ""), [ORG, None, begin, *more])
    if more and more[0]:
        assert ends == []
        most = ROWS // (97 if "check" in name else 750) + 1
    else:
        most = MOST
        assert ends[0][0] == walked(name)[-MOST if down else MOST - 1]
    asked = [*WALKS[name][:3], NOWHERE, *WALKS[name][4:]]
    found, read, done = audited.cost(*page(name, down, asked, begin, ends and str(ends[0][0])))
    # By a text: the row behind which none is, and the pages of an index whose entries are larger.
    text = name.endswith(("_by_check", "_by_resource"))
    assert found == 0 and read <= most + text and done <= 300 + most * PER_ROW[db_kind] * (1.05 if text else 1)


@pytest.mark.parametrize("name", ("evidence_walk_muted", "evidence_walk_by_time_muted", "evidence_walk_by_check_muted", "evidence_walk_by_resource_muted"))
def test_what_is_muted_is_found_from_what_was_decided(audited, db_kind, name):
    """A resource has ROWS / 750 rows: none but those of the muted ones are read."""
    _, read, done = audited.cost(*page(name, False, filters(muted="true"), "0"))
    assert read <= MUTES * ROWS // 750 and done <= 5000
    if db_kind == "pgsql":
        assert read == MUTES * ROWS // 750


BLOCKS = [[12_032, 12_159], [20_096, 20_223]]


@pytest.mark.parametrize("name", ("evidence_walk_found", "evidence_walk_found_desc", "evidence_walk_by_time_found", "evidence_walk_by_check_found",
                                  "evidence_walk_by_resource_found_desc", "evidence_list_found"))
def test_where_the_index_of_texts_says_that_a_text_may_be_is_read_and_no_more(audited, db_kind, name):
    asked = filters(pattern="%number 20100%")
    if name == "evidence_list_found":
        args = [ORG, None, *asked, "check_name", json.dumps(BLOCKS), str(SIZE), "0"]
    else:
        args = page(name.replace("_desc", ""), name.endswith("desc"), asked, NEVER if name.endswith("desc") else "0")[1] + [json.dumps(BLOCKS)]
    found, read, done = audited.cost(name, args)
    assert found == 1 and done <= 300 + 256 * PER_ROW[db_kind]
    if db_kind == "pgsql":
        assert read == 256 + ("_by_resource" in name and name.endswith("_desc"))    # the row behind which no text is


def test_a_page_of_the_index_of_texts_is_little(audited, db_kind):
    """Of an audit of some million rows: eight slices of 64 segments, of all that there are."""
    audited.fill_index(128)
    found, _, done = audited.cost("evidence_trigrams", [ORG, None, json.dumps(list(range(0, 1024, 128))), "64", "127"])
    assert found == 8 * 64 and done <= (600 if db_kind == "pgsql" else 1500)


def test_the_audits_of_a_target_or_a_schedule_are_found_among_many(audited, request):
    """Twenty of three thousand."""
    audited.fill_audits(3000, 20)
    if "analyzed" in request.node.name:
        audited.analyze()
    rows = {"trend_list": [ORG, TARGET, None, "50", "0"], "audit_scheduled_created_desc": [ORG, None, None, SCHEDULE, "50", "0"],
            "alert_before": [ORG, NEWEST, "web", json.dumps([TARGET])]}
    for name, args in rows.items():
        found, _, done = audited.cost(name, args)
        assert found == (1 if name == "alert_before" else 20) and done <= 400, (name, found, done)


def test_a_search_without_an_end_would_be_seen(audited, db_kind):
    """The measure can fail: it reads all there is."""
    name = "evidence_walk" if db_kind == "pgsql" else "evidence_walk_by_time"
    _, read, done = audited.cost(*page(name, False, filters(pattern=NOWHERE), "0"))
    assert read == ROWS if db_kind == "pgsql" else done > 300 + MOST * PER_ROW[db_kind]
