"""What ten times as many organizations and three times as many findings cost the ones that are there: 100,000 with 30 million rows
against 10,000 with 10 million, in the way of growth.py. An organization has as many audits on both sides, and those that are asked
for as many findings; of the larger one's fewer audits have any. And what all of it takes on the disk.
"""

import functools
import shutil

import growth
from gated import NO_CACHE
from growth import AUDITS, EVIDENCE, KEY, Kind, Side, audits, fill, gate, grown, load
from measure import Result
from saastest.site import Pgsql

SMALL, LARGE = 10_000, 100_000
# Of the larger one's audits so many have findings; these are asked for on both sides.
LOOKED_AT = 6
ROWS = LARGE * LOOKED_AT * EVIDENCE
# As many principals as there are organizations have room in it, on both sides.
CACHE = "SaasCacheSize 256M\n"
# PostgreSQL as it would be set up for so many: with the tests' own memory it would be asked for what it has thrown away.
MEMORY = {"shared_buffers": "2GB", "max_wal_size": "16GB"}
SOME, FEW = 2_000, 200
DISK = 45 << 30

ENTRIES = 10
ACTIVITY = (
    "INSERT INTO activity (org_id, id, created_at, actor_type, actor_id, actor_email, action, target_type, target_id, target_label,"
    " address, request_id) SELECT {key}, gen_random_uuid(), now(), 'user', {key}, 'u' || n || '@example.test', 'audit.started', 'audit',"
    " {key}, 'Audit ' || a, '192.0.2.1', md5(n::text) FROM generate_series(1, {entries}) a, generate_series(1, {organizations}) n")
# What an organization without an audit has: itself, a user, a membership, a token.
ORGANIZATION = ("users", "organizations", "memberships", "user_organizations", "tokens")

findings, small_export = (functools.partial(path, looked_at=LOOKED_AT) for path in (growth.findings, growth.export))

KINDS = {CACHE: {"gate, warm cache": Kind(gate, LARGE), "list of audits": Kind(audits, LARGE, target=None),
                 "page of findings, by status": Kind(findings, SOME), f"export of {EVIDENCE} findings": Kind(small_export, SOME),
                 "first export byte": Kind(small_export, FEW, 1, "first")},
         NO_CACHE: {"gate, cache off": Kind(gate, LARGE)}}


def disk(database, organizations):
    """Bytes of each thing, with its indexes."""
    def size(tables, count, what="total_relation"):
        return sum(database.execute(f"SELECT pg_{what}_size(?::regclass)", table)[0][0] for table in tables) / count
    rows = organizations * LOOKED_AT * EVIDENCE
    yield "an organization with one user and a token", size(ORGANIZATION, organizations)
    yield "an audit, without its findings", size(("audits", "audit_targets"), organizations * AUDITS)
    yield "a finding, with its indexes", size(("evidence",), rows)
    yield "a finding, its row alone", size(("evidence",), rows, "table")
    yield "an entry of the trail", size(("activity",), organizations * ENTRIES)


def measure(database, args, say):
    if shutil.disk_usage(database.cluster.data).free < DISK:
        say(f"scale: left out, it takes {DISK >> 30} GiB of disk")
        return
    say(f"scale: loading {ROWS:,} rows and {SMALL * AUDITS * EVIDENCE:,}")
    database.cluster.configure(**MEMORY)
    try:
        small = Pgsql(database.cluster, database.name + "_small")
        fill(small, SMALL)
        fill(database, LARGE, LOOKED_AT)
        load(database, "activity", ACTIVITY.format(key=KEY, entries=ENTRIES, organizations=LARGE))
        for what, bytes in disk(database, LARGE):
            yield Result(f"disk: {what}", bytes, "bytes", spread=f"{LARGE:,} organizations")
        for cache, kinds in KINDS.items():
            yield from grown(f"scale, {LARGE:,} organizations", Side(database, LARGE, cache), Side(small, SMALL, cache), kinds, LARGE, args.patience)
    finally:
        database.cluster.configure(**dict.fromkeys(MEMORY))
