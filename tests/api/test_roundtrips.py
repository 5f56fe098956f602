"""How often the database is asked: a gated request at most once, an ungated location not at all. PostgreSQL counts
the transactions itself, and each of the server's statements outside of a transaction is one. And how often a webhook
waits for an answer of the database's, which is what a distance between them multiplies: a relay counts."""

import contextlib
import secrets
import socket
import statistics
import threading
import time
import uuid

import pytest

from saastest import Api, Site, stripe
from saastest.client import PASSWORD, invite_token
from test_invites import address, invite

pytestmark = pytest.mark.only_db("pgsql")

# No background work and no change feed: they ask, too. And no cache, which would not ask at all.
SITE_CONF = """
SaasJobThreads 0
SaasCacheSize 0
<Location "/gated">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
"""
REQUESTS = 200
# Those of the test itself and of PostgreSQL's own housekeeping.
OTHERS = 40


def transactions(site):
    """The count, once it has stood still: idle sessions hand in what they counted within a second or so."""
    last = -1
    for _ in range(20):
        now = site.database.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")[0][0]
        if 0 <= now - last <= 4:
            return now
        last = now
        time.sleep(1.2)
    raise AssertionError("the count never stood still")


def asked(site, call):
    call()
    before = transactions(site)
    for _ in range(REQUESTS):
        call()
    return transactions(site) - before


def test_a_gated_request_asks_at_most_once(site, payer):
    (site.httpd.docs / "gated").mkdir()
    (site.httpd.docs / "gated" / "index.html").write_text("paid\n")

    def call():
        assert payer.get("/gated/").status_code == 200

    assert asked(site, call) <= REQUESTS + OTHERS


def test_an_ungated_location_asks_nothing(site, payer):
    def call():
        assert payer.get("/index.html").status_code == 200

    assert asked(site, call) <= OTHERS


class Counting:
    """TCP to a cluster's socket; counts the messages Sync of PostgreSQL's protocol, after each of which httpd waits."""

    def __init__(self, cluster):
        self.target = str(cluster.socket / ".s.PGSQL.5432")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.waits = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client, server):
        data, begun = bytearray(), False
        with contextlib.suppress(OSError):
            while got := client.recv(65536):
                data += got
                while len(data) >= (8 if not begun else 5):
                    # The first message has no type.
                    size = int.from_bytes(data[1:5], "big") + 1 if begun else int.from_bytes(data[:4], "big")
                    if len(data) < size:
                        break
                    self.waits += begun and data[:1] == b"S"
                    del data[:size]
                    begun = True
                # After it is counted: who has the answer finds it in the count.
                server.sendall(got)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _back(self, server, client):
        with contextlib.suppress(OSError):
            while got := server.recv(65536):
                client.sendall(got)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relayed(site, conf=""):
    """A second httpd on the same database, through the relay."""
    relay = Counting(site.database.cluster)

    class Relayed:
        def conf(self):
            return (f'DBDriver pgsql\nDBDMin 1\nDBDKeep 1\nDBDMax 1\nDBDParams "host=127.0.0.1 port={relay.port} '
                    f'dbname={site.database.name} user={site.database.cluster.APP} sslmode=disable gssencmode=disable'
                    ' connect_timeout=5"')

        def close(self):
            pass

    # One child, of one connection, whom nobody keeps waiting.
    made = Site(Relayed(), mpm="prefork", with_stripe=False,
                conf="SaasJobThreads 0\nSaasCacheSize 0\nStartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n"
                     f"KeepAlive Off\n{conf}")
    try:
        made.start()
        made.relay = relay
        yield made
    finally:
        made.close()
        relay.close()


@pytest.fixture(scope="module")
def counted(site):
    with relayed(site) as made:
        yield made


@pytest.fixture(scope="module")
def planned(site):
    """One with plans, all of which limit what there is."""
    with relayed(site, "SaasPlan free limit.members=500 limit.audits=1000/month limit.targets=5\n"
                       "SaasPlan pro price_pro limit.members=500 limit.audits=1000/day limit.targets=5\n") as made:
        yield made


def waits(site, events):
    """How often each of these deliveries waited; the usual number, as a child's first makes a connection ready besides."""
    seen = []
    for event in events:
        before = site.relay.waits
        assert site.deliver(event).status_code == 200
        seen.append(site.relay.waits - before)
    return statistics.mode(seen)


def test_how_often_a_webhook_waits_for_the_database(counted, site, person):
    site.database.execute("DELETE FROM stripe_events")
    story = stripe.Story(person.org["id"], counted.price)
    events = [story.updated(("active", "past_due")[n % 2], at=n) for n in range(20)]
    assert waits(counted, events) == 2
    assert person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"]
    assert waits(counted, events) == 2, "delivered again"
    assert waits(counted, [story.updated(("active", "past_due")[n % 2], at=30 + n, metadata={}) for n in range(20)]) == 3, "unnamed"
    assert waits(counted, [stripe.event("charge.refunded", {"id": f"ch_{n}", "object": "charge"}) for n in range(20)]) == 1
    assert waits(counted, [stripe.Story(str(uuid.uuid4()), counted.price).updated("active") for _ in range(20)]) == 2, "nobody's"
    verdicts = "SELECT verdict, count(*), sum(attempts) FROM stripe_events GROUP BY verdict ORDER BY verdict"
    assert site.database.execute(verdicts) == [("applied", 40, 60), ("ignored:type", 20, 20), ("ignored:unbound", 20, 20)]


def still(site):
    """The count, once it has stood still: what a request leaves to be done it does after its answer."""
    last, since = -1, 0.0
    while last != site.relay.waits or time.monotonic() - since < 0.1:
        if last != site.relay.waits:
            last, since = site.relay.waits, time.monotonic()
        time.sleep(0.01)
    return last


def each(site, calls):
    """How often each of these calls waits, but for the first, which makes the connection ready."""
    first, *others = calls
    assert first().status_code in (200, 201, 202)
    seen = []
    for call in others:
        before = still(site)
        assert call().status_code in (200, 201, 202)
        seen.append(still(site) - before)
    return seen


def starts(site, server, person):
    api = Api(server.base, token=person.new_token(organization=person.org["id"])["token"])
    return [lambda: api.post("audits/start/", {"targets": ["http://127.0.0.1:9/"]}) for _ in range(5)]


def keyed(site, server, person):
    """The same audit again and again."""
    api, key = Api(server.base, token=person.new_token(organization=person.org["id"])["token"]), secrets.token_hex(8)
    return [lambda: api.post("audits/start/", {"targets": ["http://127.0.0.1:9/"]}, headers={"Idempotency-Key": key}) for _ in range(5)]


def acceptances(site, server, person):
    def accept(guest):
        api, token = Api(server.base, token=guest.new_token()["token"]), invite_token(invite(person, guest.email))
        return lambda: api.post("invites/accept/", {"token": token})
    return [accept(site.newcomer()) for _ in range(5)]


def registrations(site, server, person):
    def register(email):
        token = invite_token(invite(person, email))
        return lambda: Api(server.base).post("auth/register/", {"email": email, "password": PASSWORD, "invite": token})
    return [register(address()) for _ in range(5)]


def invitations(site, server, person):
    api = Api(server.base, token=person.new_token(organization=person.org["id"])["token"])
    return [lambda: api.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "MEMBER"}) for _ in range(5)]


@pytest.mark.parametrize("made, most", [(starts, 3), (keyed, 4), (acceptances, 8), (registrations, 4), (invitations, 6)])
def test_a_limit_costs_no_round_trip(counted, planned, site, made, most):
    """Not with plans, and not counting where there are none; most: what it was before there were limits, and what
    it is where nothing of whoever calls is in memory."""
    person = site.newcomer()
    without, with_plans = each(counted, made(site, counted, person)), each(planned, made(site, planned, person))
    assert without == with_plans and max(without) <= most, (without, with_plans)
