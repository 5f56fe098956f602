"""make bench: mod_saas against its peers, in alternation. Prints a table and leaves results.json and results.svg in
build/bench. Asserts nothing: a machine that is busy misses targets.
"""

import argparse
import dataclasses
import importlib
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import decide  # noqa: E402
import report  # noqa: E402
import turns  # noqa: E402
from peers import install  # noqa: E402
from saastest import BUILD, Places, Postgres  # noqa: E402
from saastest.site import Pgsql, Sqlite  # noqa: E402

BOTH, PGSQL = ("pgsql", "sqlite"), ("pgsql",)

# After so long the quick form measures each row that is left for the least time there is, decided or not.
QUICK_SECONDS = 80


@dataclasses.dataclass
class Part:
    """Rows of the table that --only chooses by name. what: "module" or "module.function", of a generator
    (database, args, say) that yields Results; called once for each of the databases, with a fresh one. Of args it may
    read quick, patience and rows (of an export). quick: in the quick form too."""

    name: str
    what: str
    databases: tuple
    quick: bool

    def measure(self, database, args, say):
        module, _, function = self.what.partition(".")
        return getattr(importlib.import_module(module), function or "measure")(database, args, say)


PARTS = (
    Part("export", "exports", BOTH, True),
    Part("gates", "gated", BOTH, True),
    Part("counts", "counted", PGSQL, True),
    Part("ungated", "ungated", PGSQL, True),
    Part("twin", "twin", PGSQL, False),
    Part("webhooks", "webhooks", PGSQL, True),
    Part("notify", "notify", BOTH, False),
    Part("revocation", "revocation", PGSQL, True),
    Part("fronted", "fronted", PGSQL, True),
    Part("revocation-fronted", "fronted.revoked", PGSQL, True),
    Part("audit", "audit", PGSQL, False),
    Part("import", "imports", PGSQL, False),
    Part("findings", "findings", BOTH, False),
    Part("console", "console", BOTH, False),
    Part("memory", "memory", PGSQL, False),
    Part("growth", "growth", BOTH, False),
    Part("scale", "scale", PGSQL, False),
    Part("costs", "costs", PGSQL, False),
    Part("feedrate", "feedrate", PGSQL, False),
)


def say(text):
    print(text, flush=True)


def busy(seconds=1.0):
    """The part of the processors' time that others take, nothing of ours running; None where it cannot be told."""
    def times():
        with open("/proc/stat", encoding="ascii") as stat:
            figures = [int(word) for word in stat.readline().split()[1:9]]
        return sum(figures), figures[3] + figures[4]
    try:
        all_before, idle_before = times()
        time.sleep(seconds)
        all_after, idle_after = times()
    except OSError:
        return None
    return 1 - (idle_after - idle_before) / max(all_after - all_before, 1)


def measure_all(args, databases):
    for part in PARTS:
        if args.only and part.name not in args.only:
            continue
        for kind in part.databases:
            if kind not in args.db:
                continue
            if args.quick and not part.quick and not args.only:
                say(f"{part.name}, {kind}: left out of the quick form")
                continue
            yield from part.measure(databases(kind, part.name), args, say)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, two minutes at most")
    parser.add_argument("--db", action="append", choices=BOTH, help="only this database")
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="only this part; may be given twice")
    parser.add_argument("--rows", type=int, help="rows of an export")
    parser.add_argument("--most", type=float, help="seconds that a row is measured for at most, until it is decided")
    args = parser.parse_args()
    args.db = args.db or list(BOTH)
    args.rows = args.rows or (100_000 if args.quick else 1_000_000)
    install.install()
    if args.quick:
        args.patience = decide.Patience(1.5, args.most or 12, time.monotonic() + QUICK_SECONDS)
    else:
        args.patience = decide.Patience(5, args.most or 40)
    others = busy()
    first = turns.first_of_all()
    warning = ""
    if others is not None and others > 0.1:
        warning = f"Others took {others:.0%} of the processors when this began: " + (
            "they wait for what is measured." if first else "what is close to its target may stay undecided.")
        say(warning)
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
            if result.name in [one.name for one in results]:
                raise RuntimeError(f"two rows are named {result.name}")
            results.append(result)
            say(f"  {result.name}: {result.said()}")
    finally:
        for cluster in clusters:
            cluster.close()
        places.close()
        if results:
            out = BUILD / "bench"
            out.mkdir(parents=True, exist_ok=True)
            (out / "results.json").write_text(report.as_json(results))
            (out / "results.svg").write_text(report.svg(results))
            say("\n" + report.table(results) + f"\n\n{out}/results.json, results.svg" + f"\n{warning}" * bool(warning))


if __name__ == "__main__":
    main()
