"""make bench: the export and the gates on both databases against their peers, in alternation. Prints a table and
leaves results.json and results.svg in build/bench. Asserts nothing: a machine that is busy misses targets.
"""

import argparse
import importlib
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import exports  # noqa: E402
import gated  # noqa: E402
import report  # noqa: E402
from saastest import BUILD, Places, Postgres  # noqa: E402
from saastest.site import Pgsql, Sqlite  # noqa: E402


def say(text):
    print(text, flush=True)


def measure_all(args, databases):
    for kind in args.db:
        if not args.only or args.only == "export":
            yield from exports.measure(databases(kind, "export"), args.rows, args.rounds, say)
    for kind in args.db:
        if not args.only or args.only == "gates":
            yield from gated.measure(databases(kind, "gates"), args.rounds, args.seconds, say)
    yield from measure_parts(args, databases)


# Each is measure(database, args, say) of a module of its name, on these databases.
PARTS = {"webhooks": ("pgsql",), "revocation": ("pgsql",), "audit": ("pgsql",), "memory": ("pgsql",), "growth": ("pgsql", "sqlite")}


def measure_parts(args, databases):
    for name, kinds in PARTS.items():
        if args.only in (None, name):
            for kind in kinds:
                if kind in args.db:
                    yield from importlib.import_module(name).measure(databases(kind, name), args, say)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 rows, three rounds, two minutes at most")
    parser.add_argument("--db", action="append", choices=("pgsql", "sqlite"), help="only this database")
    parser.add_argument("--only", choices=("export", "gates", *PARTS))
    parser.add_argument("--rows", type=int, help="rows of the export")
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    args.db = args.db or ["pgsql", "sqlite"]
    args.rows = args.rows or (200_000 if args.quick else 1_000_000)
    args.rounds = args.rounds or (3 if args.quick else 5)
    args.seconds = 1 if args.quick else 3
    if args.only != "export":
        gated.find_wrk()
    # An end by signal still stops the servers and removes their files.
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))

    places, clusters, results = Places(), [], []

    def databases(kind, name):
        if kind == "sqlite":
            return Sqlite(places, f"{name}.db")
        if not clusters:
            clusters.append(Postgres().create())
        return Pgsql(clusters[0], f"saas_bench_{name}")

    try:
        for result in measure_all(args, databases):
            results.append(result)
    finally:
        for cluster in clusters:
            cluster.close()
        places.close()
        if results:
            out = BUILD / "bench"
            out.mkdir(parents=True, exist_ok=True)
            (out / "results.json").write_text(report.as_json(results))
            (out / "results.svg").write_text(report.svg(results))
            say("\n" + report.table(results) + f"\n\n{out}/results.json, results.svg")


if __name__ == "__main__":
    main()
