"""How many changes of rights a second the feed of changes bears. NOTIFY takes a lock of the whole cluster at each commit that notifies,
and holds it until the commit is on the disk: so roles are changed with the trigger that notifies, and with one in its place that writes
a row which nodes ask for every 20 ms, both against the same changes told to nobody. And what either takes while nothing changes.
"""

import contextlib
import itertools
import random
import select
import statistics
import subprocess
import threading
import time

import growth
import turns
from measure import Result, compare, figure, spent
from pgbench import Pgbench
from saastest import Places, Postgres
from saastest.places import clean_environment
from saastest.postgres import bindir
from saastest.site import Pgsql

ORGANIZATIONS = 2000
CLIENTS = (1, 2, 4, 8, 16, 32)
TURN = 100      # milliseconds
# As a node has them.
NODES, BEAT, POLL = 3, 0.25, 0.02
# What a change finds when so many come a second, by themselves.
OFFERED, AT_ONCE = (50, 200, 500, 1000, 2000), 16
FLEETS, IDLE = (3, 10, 30), 5.0
CHANGES = 200
KEPT = 100_000

NOBODY, NOTIFY, TABLE = "nobody", "NOTIFY", "table"
CHANNEL = "saas_changes"
CHANGE = "UPDATE memberships SET role = CASE role WHEN 'ADMIN' THEN 'MEMBER' ELSE 'ADMIN' END, updated_at = now() WHERE org_id = {key} AND user_id = {key}"
SCRIPT = "\\set n random(1, :organizations)\n" + CHANGE.format(key=growth.KEY.replace("+ n)", "+ :n)")) + ";\n"
FEEDS = {
    NOBODY: ("ALTER TABLE memberships DISABLE TRIGGER memberships_changed",),
    NOTIFY: (),
    TABLE: (
        "CREATE TABLE changes (xid xid8 NOT NULL DEFAULT pg_current_xact_id(), subject text NOT NULL, made_at timestamptz NOT NULL DEFAULT now())",
        "CREATE INDEX changes_xid ON changes (xid)",
        "CREATE INDEX changes_made ON changes USING brin (made_at)",
        "CREATE FUNCTION write_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"
        " AS $$ BEGIN INSERT INTO changes (subject) VALUES ('u:' || NEW.user_id); RETURN NULL; END $$",
        "DROP TRIGGER memberships_changed ON memberships",
        "CREATE TRIGGER memberships_changed AFTER UPDATE ON memberships FOR EACH ROW WHEN (OLD.role IS DISTINCT FROM NEW.role)"
        " EXECUTE FUNCTION write_change()"),
}
# What can be seen now and could not be seen in the snapshot before: each change once, whenever its transaction began.
ASK = ("PREPARE ask (pg_snapshot) AS SELECT pg_current_snapshot()::text, array(SELECT subject FROM changes"
       " WHERE xid >= pg_snapshot_xmin($1) AND NOT pg_visible_in_snapshot(xid, $1))")


class Node(threading.Thread):
    """What a node does to hear of changes: heard, how many; when, the time of the last; delays, of its heartbeats, seconds."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.connection = database.cluster.connect(database.name, database.cluster.OWNER)
        self.cursor = self.connection.cursor()
        self.cursor.execute("SET synchronous_commit TO off")
        self.heard, self.when, self.delays = 0, 0.0, []
        self.going, self.failure = True, None
        self.begin()

    def take(self, count):
        if count:
            self.heard, self.when = self.heard + count, time.monotonic()

    def run(self):
        try:
            while self.going:
                self.once()
        except Exception as failure:  # told by close()
            self.failure = failure

    def close(self):
        self.going = False
        self.join(30)
        self.connection.close()
        if self.failure:
            raise self.failure


class Listener(Node):
    def begin(self):
        self.cursor.execute(f"LISTEN {CHANNEL}")
        self.name, self.next, self.sent = f"h:{id(self)}", time.monotonic() + random.random() * BEAT, None

    def once(self):
        now = time.monotonic()
        if now >= self.next and self.sent is None:
            self.sent, self.next = now, now + BEAT
            self.cursor.execute(f"NOTIFY {CHANNEL}, '{self.name}'")
        elif select.select([self.connection], [], [], max(0, min(self.next - now, 0.05)))[0]:
            self.connection.poll()
        texts = [notify.payload for notify in self.connection.notifies]
        self.connection.notifies.clear()
        if self.name in texts:
            self.delays.append(time.monotonic() - self.sent)
            self.sent = None
        self.take(sum(not text.startswith("h:") for text in texts))


class Asker(Node):
    def begin(self):
        self.cursor.execute(ASK)
        self.cursor.execute("SELECT pg_current_snapshot()::text")
        self.snapshot, = self.cursor.fetchone()
        self.next = time.monotonic() + random.random() * POLL

    def once(self):
        time.sleep(max(0, self.next - time.monotonic()))
        began = time.monotonic()
        self.next = max(self.next + POLL, began)
        self.cursor.execute(f"EXECUTE ask ('{self.snapshot}')")
        self.snapshot, subjects = self.cursor.fetchone()
        self.delays.append(time.monotonic() - began)
        self.take(len(subjects))


HEARS = {NOTIFY: Listener, TABLE: Asker}


@contextlib.contextmanager
def nodes(database, feed, count=NODES):
    several = [HEARS[feed](database) for _ in range(count)] if feed in HEARS else []
    try:
        for one in several:
            one.start()
        yield several
    finally:
        for one in several:
            one.close()


class Rights:
    """The same memberships in a database for each way to tell of changes, in a cluster that writes to the disk."""

    def __init__(self, name):
        self.places, self.cluster, self.runs = Places(), Postgres(durable=True), itertools.count()
        self.cluster.create()
        try:
            self.cluster.configure(max_connections=200, max_wal_size="8GB", shared_buffers="256MB")
            self.databases = {feed: Pgsql(self.cluster, f"{name}_{feed.lower()}") for feed in FEEDS}
            for feed, database in self.databases.items():
                growth.fill_people(database, ORGANIZATIONS)
                self.cluster.sql(database.name, *FEEDS[feed], user=self.cluster.OWNER)
                database.execute("VACUUM ANALYZE")
            self.script = self.places.folder("pgbench") / "change.sql"
            self.script.write_text(SCRIPT)
        except BaseException:
            self.close()
            raise

    def tidy(self):
        for feed, database in self.databases.items():
            database.execute("VACUUM memberships")
        self.databases[TABLE].execute("TRUNCATE changes")

    def connected(self, database, clients):
        """So many have asked for something, and with it prepared it."""
        with contextlib.closing(self.cluster.connect(database.name, "postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s AND query LIKE 'UPDATE%%'",
                           (database.name, self.cluster.APP))
            return cursor.fetchone()[0] >= clients

    def pgbench(self, feed, clients, synchronous):
        database = self.databases[feed]
        return Pgbench(database, self.script, self.script.with_name(f"log.{next(self.runs)}"), clients, 2, {"organizations": ORGANIZATIONS},
                       lambda: self.connected(database, clients), f"-c role=saas_system -c synchronous_commit={synchronous}")

    def take(self, clients, synchronous, seconds):
        """{feed: changes a second in each turn}; every node hears of each change once."""
        self.tidy()
        with contextlib.ExitStack() as opened:
            hearing = {feed: opened.enter_context(nodes(database, feed)) for feed, database in self.databases.items()}
            with contextlib.ExitStack() as running:
                several = {feed: running.enter_context(self.pgbench(feed, clients, synchronous)) for feed in FEEDS}
                rounds = turns.take([turns.process(one.process.pid) for one in several.values()], seconds, TURN)
            for feed, heard in hearing.items():
                self.all_heard(feed, heard, several[feed].done())
            self.delays = {feed: sorted(delay for one in heard for delay in one.delays) for feed, heard in hearing.items()}
        return {feed: one.rates(column) for (feed, one), column in zip(several.items(), zip(*rounds))}

    @staticmethod
    def all_heard(feed, several, changes):
        """Each node of each change, once."""
        end = time.monotonic() + 30
        while any(one.heard < changes for one in several) and time.monotonic() < end and not any(one.failure for one in several):
            time.sleep(0.02)
        time.sleep(0.1)
        if any(one.heard != changes for one in several):
            raise RuntimeError(f"{feed}: of {changes} changes nodes have heard {[one.heard for one in several]}, {[one.failure for one in several]}")

    def at_rate(self, feed, rate):
        """Milliseconds of a change, from when it was due, in a second: the median and the 99th percentile."""
        dsn, took = self.cluster.dsn(self.databases[feed].name, self.cluster.APP), []
        while not took:  # on a busy machine the second may be over before the first has begun
            prefix = self.script.with_name(f"log.{next(self.runs)}")
            subprocess.run([bindir() / "pgbench", "-n", "-M", "prepared", "-c", str(AT_ONCE), "-j", "2", "-T", "1", "-R", str(rate),
                            "-f", self.script, "-l", f"--log-prefix={prefix}", "-D", f"organizations={ORGANIZATIONS}", dsn],
                           check=True, capture_output=True, env=clean_environment(PGOPTIONS="-c role=saas_system"))
            words = [path.read_text().split() for path in prefix.parent.glob(f"{prefix.name}.*")]
            took = sorted(int(micros) / 1e3 for each in words for micros in each[2::7])
        return statistics.median(took), took[len(took) * 99 // 100]

    def close(self):
        self.cluster.close()
        self.places.close()


def changes_a_second(rights, args):
    """As many as clients can make."""
    for synchronous, clients in itertools.product(("on", "off"), CLIENTS):
        rates = rights.take(clients, synchronous, args.patience.least)
        how = f"changes of rights, {clients} clients, synchronous_commit {synchronous}"
        for feed in HEARS:
            yield compare(f"{how}: {feed}", "told to nobody", rates[feed], rates[NOBODY], "changes/s", None)
        beats = rights.delays[NOTIFY]
        if beats:
            yield figure(f"{how}: heartbeat, 99th percentile", [delay * 1e3 for delay in beats], "ms", None, 0.99)


def at_rates(rights, args):
    """How long one takes when they come at a rate."""
    for rate in OFFERED:
        with contextlib.ExitStack() as opened:
            for feed, database in rights.databases.items():
                opened.enter_context(nodes(database, feed))
            series = {feed: [] for feed in FEEDS}
            for number in range(9):
                for feed in list(FEEDS)[::-1 if number % 2 else 1]:
                    series[feed].append(rights.at_rate(feed, rate))
        for feed in HEARS:
            for place, what in enumerate(("median", "99th percentile")):
                yield compare(f"{rate:,} changes of rights a second, {what}: {feed}", "told to nobody",
                              *([pair[place] for pair in series[one]] for one in (feed, NOBODY)), "ms", None)


def idle(rights, args):
    """What is taken of the processors while nothing changes."""
    for feed, count in itertools.product(HEARS, FLEETS):
        with nodes(rights.databases[feed], feed, count):
            time.sleep(0.5)
            began = spent(rights.cluster.pid())
            time.sleep(IDLE)
            yield Result(f"no changes, {count} nodes: {feed}, PostgreSQL's part of a processor", (spent(rights.cluster.pid()) - began) / IDLE * 100, "%",
                         spread=f"{IDLE:.0f} s")


def soon(rights, args):
    """From the commit until each node has heard of it."""
    for feed in HEARS:
        with nodes(rights.databases[feed], feed) as several, contextlib.closing(rights.databases[feed].connect()) as connection:
            lags = []
            for n in range(1, CHANGES + 1):
                time.sleep(random.random() * POLL)
                connection.cursor().execute(CHANGE.format(key=growth.KEY.replace("+ n)", f"+ {n})")))
                committed = time.monotonic()
                while any(one.heard < n for one in several):
                    time.sleep(0.0005)
                    if time.monotonic() > committed + 10:
                        raise RuntimeError(f"{feed}: change {n} was not heard of: {[one.failure for one in several]}")
                lags.append(max(0, max(one.when for one in several) - committed) * 1e3)
        yield figure(f"a change until {NODES} nodes have heard of it: {feed}, median", lags, "ms", None)
        yield figure(f"a change until {NODES} nodes have heard of it: {feed}, 99th percentile", lags, "ms", None, 0.99)


def kept(rights, args):
    """What one asks for again and again, while a transaction that has written is open."""
    database = rights.databases[TABLE]
    with contextlib.closing(database.connect()) as writer, contextlib.closing(database.connect()) as other:
        writer.autocommit = False
        writer.cursor().execute("SELECT pg_current_xact_id()")
        other.cursor().execute(f"INSERT INTO changes (subject) SELECT 'u:' || gen_random_uuid() FROM generate_series(1, {KEPT})")
        with nodes(database, TABLE, 1) as (one,):
            time.sleep(2)
        yield figure(f"asking for changes behind an open transaction, {KEPT:,} since it began", [delay * 1e3 for delay in one.delays], "ms", None)


def measure(database, args, say):
    say(f"feed of changes: {NODES} nodes hear, in turns of {TURN} ms, on a cluster that waits for the disk")
    with contextlib.closing(Rights("feedrate")) as rights:
        for part in (changes_a_second, at_rates, idle, soon, kept):
            yield from part(rights, args)
