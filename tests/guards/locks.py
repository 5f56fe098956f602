"""sql/locks: which locks each migration takes on tables that are there, and which of them it writes anew. Measured, by
applying them one by one, each in a transaction, as saasctl migrate does; `make sql-locks` writes the file.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from saastest import ROOT, Postgres  # noqa: E402

HEAD = """# Locks on tables that are there, held until the migration is committed, beyond those that readers and writers take
# themselves; "rewrite": the table is written anew. Measured: `make sql-locks`. Read by saasctl migrate --plan.
"""
MODES = {"ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE", "ShareLock": "SHARE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
         "ExclusiveLock": "EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE"}
WEIGHT = list(MODES)
TABLES = ("SELECT c.oid, c.relname, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
          " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')")


def of_one(cursor, text):
    """{table: (mode, rewritten)} of one migration, in the transaction that is open."""
    cursor.execute(TABLES)
    before = {oid: (name, node) for oid, name, node in cursor.fetchall()}
    cursor.execute(text)
    cursor.execute("SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted")
    strongest = {}
    for relation, mode in cursor.fetchall():
        if relation in before and mode in MODES:
            strongest[relation] = max(strongest.get(relation, mode), mode, key=WEIGHT.index)
    cursor.execute(TABLES)
    after = {oid: node for oid, _, node in cursor.fetchall()}
    return {before[oid][0]: (MODES[mode], after.get(oid) not in (None, before[oid][1])) for oid, mode in strongest.items()}


def measure(cluster, name="saas_locks"):
    cluster.database(name)
    connection = cluster.connect(name)
    lines = []
    try:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
                       " applied_at timestamptz NOT NULL)")
        for path in sorted((ROOT / "sql/pgsql").glob("*.sql")):
            cursor.execute("BEGIN")
            for table, (mode, rewritten) in sorted(of_one(cursor, path.read_text()).items()):
                lines.append(f"{path.name[:4]} {table} {mode}{', rewrite' if rewritten else ''}\n")
            cursor.execute("COMMIT")
    finally:
        connection.close()
    return HEAD + "".join(lines)


if __name__ == "__main__":
    cluster = Postgres().create()
    try:
        (ROOT / "sql/locks").write_text(measure(cluster))
    finally:
        cluster.close()
