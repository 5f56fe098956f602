"""Sessions listed and revoked; stored passwords of other systems; the price of guessing."""

import base64
import hashlib
import itertools
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import argon2
import bcrypt
import pytest

from saastest import Api, Httpd, seed
from saastest.client import PASSWORD
from saastest.places import free_port, port_is_open, program
from saastest.windows import in_one_window

pytestmark = pytest.mark.long(60)
SITE_CONF = "SaasHashConcurrency 2\n"
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
MISSING = "01900000-0000-7000-8000-000000000000"


def login(site, email, password, agent=None, address=None):
    api = Api(site.base, address=address)
    if agent:
        api.http.headers["User-Agent"] = agent
    return api, api.post("auth/login/", {"email": email, "password": password})


# -------------------------------------------------------------------- sessions --

def test_sessions_are_listed_with_the_current_one(site):
    person = site.newcomer()
    other, reply = login(site, person.email, person.password, "Firefox on a train")
    assert reply.status_code == 200
    body = person.ok("GET", "auth/sessions/")
    assert body["count"] == 2 and body["next"] is body["previous"] is None
    newest, oldest = body["results"]
    assert set(newest) == {"id", "current", "address", "user_agent", "created_at", "expires_at"}
    assert oldest["current"] is True and newest["current"] is False
    assert newest["user_agent"] == "Firefox on a train" and newest["address"] == other.address
    assert all(TIME.match(s[k]) for s in body["results"] for k in ("created_at", "expires_at"))
    assert newest["expires_at"] > newest["created_at"]
    assert [s["current"] for s in other.ok("GET", "auth/sessions/")["results"]] == [True, False]
    assert person.http.cookies["saas_session"] not in str(body)


def test_a_session_is_revoked_at_once(site):
    person = site.newcomer()
    other = login(site, person.email, person.password)[0]
    key = next(s["id"] for s in person.ok("GET", "auth/sessions/")["results"] if not s["current"])
    reply = person.delete(f"auth/sessions/{key}/")
    assert reply.status_code == 204 and reply.content == b"" and "Set-Cookie" not in reply.headers
    assert other.get("auth/me/").status_code == 401 and person.get("auth/me/").status_code == 200
    assert person.delete(f"auth/sessions/{key}/").status_code == 404
    assert person.ok("GET", "auth/sessions/")["count"] == 1


def test_ones_own_session_loses_its_cookie_too(site):
    person = site.newcomer()
    stolen = person.http.cookies["saas_session"]
    key = person.ok("GET", "auth/sessions/")["results"][0]["id"]
    reply = person.delete(f"auth/sessions/{key.upper()}/")
    assert reply.status_code == 204 and "Max-Age=0" in reply.headers["Set-Cookie"]
    thief = Api(site.base)
    thief.http.cookies.set("saas_session", stolen)
    assert thief.get("auth/me/").status_code == 401


def test_nobody_elses(site):
    person, other = site.newcomer(), site.newcomer()
    key = other.ok("GET", "auth/sessions/")["results"][0]["id"]
    foreign, missing = person.delete(f"auth/sessions/{key}/"), person.delete(f"auth/sessions/{MISSING}/")
    assert foreign.status_code == missing.status_code == 404 and foreign.content == missing.content
    assert person.delete("auth/sessions/nonsense/").status_code == 404
    assert other.get("auth/me/").status_code == 200
    assert person.ok("GET", "auth/sessions/")["count"] == 1
    assert site.nobody().get("auth/sessions/").status_code == 401


def test_expired_ones_are_gone(site):
    person = site.newcomer()
    other = login(site, person.email, PASSWORD)[0]
    key = next(s["id"] for s in other.ok("GET", "auth/sessions/")["results"] if not s["current"])
    site.database.execute("UPDATE sessions SET expires_at = ? WHERE id = ?", "2026-01-01T00:00:00.000000Z", key)
    seed.change_counts()
    assert person.get("auth/me/").status_code == 401
    assert other.ok("GET", "auth/sessions/")["count"] == 1
    assert other.delete(f"auth/sessions/{key}/").status_code == 404


def test_pages(site):
    person = site.newcomer()
    for _ in range(4):
        assert login(site, person.email, person.password)[1].status_code == 200
    first = person.ok("GET", "auth/sessions/?page_size=2")
    assert first["count"] == 5 and len(first["results"]) == 2 and "page=2" in first["next"]
    third = person.ok("GET", "auth/sessions/?page_size=2&page=3")
    assert len(third["results"]) == 1 and third["results"][0]["current"] and third["next"] is None
    assert person.get("auth/sessions/?page=9").status_code == 404 and person.get("auth/sessions/?page_size=0").status_code == 400


def test_a_token_of_an_organization_knows_no_sessions(site):
    person = site.newcomer()
    bound, free = person.as_token(), person.as_token(organization=None)
    key = person.ok("GET", "auth/sessions/")["results"][0]["id"]
    assert bound.ok("GET", "auth/sessions/")["count"] == 0
    assert bound.delete(f"auth/sessions/{key}/").status_code == 404
    listed = free.ok("GET", "auth/sessions/")
    assert listed["count"] == 1 and listed["results"][0]["current"] is False
    assert person.get("auth/me/").status_code == 200
    assert free.delete(f"auth/sessions/{key}/").status_code == 204 and person.get("auth/me/").status_code == 401


def test_a_revocation_from_elsewhere_is_refused(site):
    person = site.newcomer()
    key = person.ok("GET", "auth/sessions/")["results"][0]["id"]
    reply = person.delete(f"auth/sessions/{key}/", headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403 and reply.json()["code"] == "csrf_failed"
    assert person.get("auth/me/").status_code == 200


def test_a_changed_password_ends_the_others_only(site):
    person = site.newcomer()
    other = login(site, person.email, person.password)[0]
    assert person.post("auth/password/", {"old": person.password, "new": "another good password 2"}).status_code == 204
    assert other.get("auth/me/").status_code == 401 and person.get("auth/me/").status_code == 200
    assert [s["current"] for s in person.ok("GET", "auth/sessions/")["results"]] == [True]


# ------------------------------------------------------- passwords from elsewhere --

# Of "Brought along and upgraded 1", as `htpasswd -B` makes it.
BCRYPT = "$2y$05$KqNYygyWrRZgKaMq3GbK2elRwQUumtnS4l4pQ9tw3avqg8JpgaXMq"


def django(password, iterations=20000):
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), b"seasalt123", iterations)
    return f"pbkdf2_sha256${iterations}$seasalt123${base64.b64encode(key).decode()}"


def openssl_passwd(*options):
    return lambda password: subprocess.check_output([program("openssl"), "passwd", *options, "-salt", "abcdefgh", password], text=True).strip()


def django_scrypt(password, n=16384, p=1):
    key = hashlib.scrypt(password.encode(), salt=b"seasalt123", n=n, r=8, p=p, maxmem=160 << 20, dklen=64)
    return f"scrypt${n}$seasalt123$8${p}${base64.b64encode(key).decode()}"


def django_argon2(password):
    """With what Django 3.2 to 5.2 take."""
    return "argon2" + argon2.low_level.hash_secret(password.encode(), b"seasalt123", time_cost=2, memory_cost=102400, parallelism=8,
                                                   hash_len=16, type=argon2.low_level.Type.ID).decode()


def django_bcrypt(password):
    return "bcrypt_sha256$" + bcrypt.hashpw(hashlib.sha256(password.encode()).hexdigest().encode(), bcrypt.gensalt(12)).decode()


FORMS = {"Django's": django, "Django's scrypt": django_scrypt, "Django's argon2": django_argon2, "Django's bcrypt_sha256": django_bcrypt,
         "htpasswd's MD5": openssl_passwd("-apr1"), "SHA-1": lambda p: "{SHA}" + base64.b64encode(hashlib.sha1(p.encode()).digest()).decode(),
         "bcrypt": lambda p: BCRYPT, "SHA-512": openssl_passwd("-6")}


@pytest.mark.parametrize("form", FORMS)
def test_passwords_of_other_systems_are_taken_and_upgraded(site, form):
    password = "Brought along and upgraded 1" if form == "bcrypt" else "Brought along ünd upgraded 1"
    person = site.newcomer()
    stored = FORMS[form](password)
    seed.password(site.database, person.user["id"], stored)
    assert login(site, person.email, password + "x")[1].status_code == 401
    assert seed.stored_password(site.database, person.user["id"]) == stored, "only the right password upgrades"
    assert login(site, person.email, password)[1].status_code == 200
    upgraded = seed.stored_password(site.database, person.user["id"])
    assert upgraded.startswith("$scrypt$ln=15,r=8,p=3$")
    assert login(site, person.email, password)[1].status_code == 200
    assert seed.stored_password(site.database, person.user["id"]) == upgraded, "upgraded once"
    assert login(site, person.email, password + "x")[1].status_code == 401


def test_weaker_scrypt_is_upgraded(site):
    key = hashlib.scrypt(b"an older password 1", salt=b"0123456789abcdef", n=1 << 14, r=8, p=1, maxmem=64 << 20, dklen=32)
    plain = lambda raw: base64.b64encode(raw).decode().rstrip("=")
    person = site.newcomer()
    seed.password(site.database, person.user["id"], f"$scrypt$ln=14,r=8,p=1${plain(b'0123456789abcdef')}${plain(key)}")
    assert login(site, person.email, "an older password 1")[1].status_code == 200
    assert seed.stored_password(site.database, person.user["id"]).startswith("$scrypt$ln=15,r=8,p=3$")


@pytest.mark.expects("SAAS2003")
@pytest.mark.parametrize("stored", ["argon2$argon2id$v=19$x", "pbkdf2_sha256$99999999$a$" + "A" * 43 + "=", "plain text", "$scrypt$ln=30,r=8,p=1$AAAA$AAAA", PASSWORD])
def test_forms_that_are_not_known_let_nobody_in(site, stored):
    person = site.newcomer()
    seed.password(site.database, person.user["id"], stored)
    reply, unknown = login(site, person.email, PASSWORD)[1], login(site, "nobody-at-all@example.test", PASSWORD)[1]
    assert reply.status_code == 401 and reply.content == unknown.content


# ------------------------------------------------------------------------ timing --

def worked(site):
    """Seconds of processor time that the server's children have had so far, to the microsecond."""
    return sum(int(Path(task, "schedstat").read_text().split()[0])
               for pid in site.httpd.children() for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def least_times(site, sets):
    """What a refusal of each kind takes, by sets of addresses of every kind; ends early when all take as long."""
    seed.change_counts()
    # Of each the least; an address is throttled at its eleventh attempt.
    least = {kind: float("inf") for kind in sets[0]}
    for turn in range(9 * len(sets)):
        for kind, email in sets[turn // 9].items():
            before = worked(site)
            assert login(site, email, "not the password 1")[1].status_code == 401
            least[kind] = min(least[kind], worked(site) - before)
        if turn >= 2 and max(least.values()) < 1.1 * min(least.values()):
            break
    return least


def test_unknown_wrong_locked_and_disabled_take_the_same_time(site):
    """Of the processor's: what else the machine does is hardly in it."""
    sets = []
    for number in range(3):
        wrong, locked, disabled, none, old = (site.newcomer() for _ in range(5))
        site.database.execute("UPDATE users SET is_active = " + ("0" if site.database.kind == "sqlite" else "FALSE") + " WHERE id = ?", locked.user["id"])
        seed.password(site.database, disabled.user["id"], "!disabled")
        seed.password(site.database, none.user["id"], None)
        seed.password(site.database, old.user["id"], FORMS["htpasswd's MD5"](PASSWORD))
        sets.append({"unknown": f"ghost{number}@example.test", "wrong": wrong.email, "locked": locked.email, "disabled": disabled.email,
                     "none": none.email, "old": old.email})
    least = least_times(site, sets)
    assert min(least.values()) > 0.02, f"no hash was computed: {least}"
    assert max(least.values()) < 1.25 * min(least.values()), least


def one_of_ours():
    """Seconds of a processor that a hash takes."""
    began = time.process_time()
    hashlib.scrypt(b"x", salt=b"0123456789abcdef", n=1 << 15, r=8, p=3, maxmem=64 << 20, dklen=32)
    return time.process_time() - began


def test_a_dearer_form_is_not_told_by_its_time(site):
    """Once one of its users has been there, every refusal takes as long, in every child: so does a form in between."""
    people = {"unknown": None, "wrong": None, "disabled": "!disabled", "md5": FORMS["htpasswd's MD5"](PASSWORD),
              "half": django_scrypt(PASSWORD, 1 << 14, 3), "twice": django_scrypt(PASSWORD, 1 << 16, 3)}
    ours = min(one_of_ours() for _ in range(4))
    sets = []
    for number in range(3):
        persons = {kind: site.newcomer() for kind in people if kind != "unknown"}
        for kind, person in persons.items():
            if people[kind]:
                seed.password(site.database, person.user["id"], people[kind])
        sets.append({"unknown": f"spectre{number}@example.test", **{kind: person.email for kind, person in persons.items()}})
    teacher = site.newcomer()
    seed.password(site.database, teacher.user["id"], people["twice"])
    assert login(site, teacher.email, PASSWORD)[1].status_code == 200
    least = least_times(site, sets)
    assert min(least.values()) > 1.5 * ours, (ours, least)
    assert max(least.values()) < 1.25 * min(least.values()), (ours, least)


# ------------------------------------------------------------------ concurrency --

def at_once(site, logins):
    """(status, Retry-After) of log-ins all at once, and what memory grew by meanwhile."""
    answers, lock = [], threading.Lock()
    before, peak, done = site.httpd.resident(), [0], threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], site.httpd.resident())
            time.sleep(0.02)

    def one(email, password):
        reply = login(site, email, password)[1]
        with lock:
            answers.append((reply.status_code, reply.headers.get("Retry-After")))

    threads = [threading.Thread(target=one, args=who) for who in logins]
    watcher = threading.Thread(target=watch)
    watcher.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    return answers, peak[0] - before


# On a slow machine the last of them may wait longer than they are given.
@pytest.mark.expects("SAAS1005")
def test_many_log_ins_at_once_are_served_in_turn_and_in_bounds(site):
    """Two at a time in each child: all are served or told to come back, and memory stays that of a few hashes."""
    person = site.newcomer()
    answers, grown = at_once(site, [(person.email, person.password)] * 24)
    assert {status for status, _ in answers} <= {200, 503} and answers.count((200, None)) >= 4, answers
    assert all(retry for status, retry in answers if status == 503)
    # 3 children x 2 hashes x 32 MiB; without the cap it would be 24 x 32 MiB.
    assert grown < 3 * 2 * 32 * 2**20 + 120 * 2**20, grown


@pytest.mark.expects("SAAS1005")
def test_a_form_that_takes_more_memory_counts_for_several(site):
    """Of 100 MiB one at a time in each child."""
    stored = django_argon2(PASSWORD)
    people = [site.newcomer() for _ in range(18)]
    for person in people:
        seed.password(site.database, person.user["id"], stored)
    seed.change_counts()
    answers, grown = at_once(site, [(person.email, PASSWORD) for person in people])
    assert {status for status, _ in answers} <= {200, 503} and answers.count((200, None)) >= 4, answers
    # 3 children x 100 MiB; counted as one of ours each they would be 6 x 100 MiB.
    assert grown < 3 * 100 * 2**20 + 40 * 2**20, grown


@pytest.mark.expects("SAAS1005")
def test_who_needs_more_memory_gets_his_turn(site):
    """Though others, who need less, never leave all of it free."""
    person, few = site.newcomer(), [site.newcomer() for _ in range(2)]
    for somebody in few:
        seed.password(site.database, somebody.user["id"], django_argon2(PASSWORD))
    seed.change_counts()
    done = threading.Event()

    def knock():
        while not done.is_set():
            login(site, person.email, person.password)

    threads = [threading.Thread(target=knock) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    statuses = [login(site, somebody.email, PASSWORD)[1].status_code for somebody in few]
    done.set()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 2


# ------------------------------------------------------------------- other nodes --

class Redis:
    """A private Redis; Debian's redis-tools has the server's program under another name."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                                        executable=program("redis-server", "redis-check-rdb"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not port_is_open(self.port):
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def redis():
    server = Redis()
    yield server
    server.stop()


@pytest.fixture
def nodes(site, redis, quiet_log):
    """Two servers over the site's database, whose attempts meet in one Redis; and their logs."""
    conf = f"SaasThrottleCache redis:127.0.0.1:{redis.port}"
    second = Httpd(modules=("socache_redis",))
    site.httpd.modules = (*site.httpd.modules, "socache_redis")
    site.httpd.restart("\n".join([*site.parts, conf]))
    second.start("\n".join([*site.parts, conf, "SaasNodeName other"]))
    quiet_log.append(second.watch())
    yield site, second
    quiet_log[-1].keep()  # as of the site, what it says while it serves
    second.close()
    site.httpd.modules = tuple(m for m in site.httpd.modules if m != "socache_redis")
    site.httpd.restart("\n".join(site.parts))


def attempt(base, email, password, address=None):
    return Api(base, address=address).post("auth/login/", {"email": email, "password": password}).status_code


def ask_reset(base, email):
    return Api(base).post("auth/password/reset/", {"email": email}).status_code


@in_one_window
def test_attempts_on_one_node_count_on_the_other(nodes):
    site, second = nodes
    person = site.newcomer()
    seen = [attempt((site.base, second.base)[n % 2], person.email, "wrong password 1") for n in range(12)]
    assert seen == [401] * 10 + [429] * 2
    assert attempt(site.base, person.email, PASSWORD) == attempt(second.base, person.email, PASSWORD) == 429
    other = site.newcomer()
    assert attempt(second.base, other.email, PASSWORD) == 200


def test_one_slow_answer_does_not_part_the_nodes(nodes, redis):
    """Else whoever can make the cache wait once guesses at each node anew."""
    site, second = nodes
    person = site.newcomer()
    assert [attempt(base, person.email, "wrong password 1") for base in (site.base, second.base)] == [401] * 2
    redis.process.send_signal(signal.SIGSTOP)
    again = threading.Timer(1.4, redis.process.send_signal, (signal.SIGCONT,))
    again.start()
    started = time.monotonic()
    assert attempt(site.base, person.email, "wrong password 1") == 401
    assert time.monotonic() - started > 1.1
    again.join()
    seen = [attempt((site.base, second.base)[n % 2], person.email, "wrong password 1") for n in range(9)]
    assert seen == [401] * 7 + [429] * 2


# The provider complains as well.
@pytest.mark.expects("SAAS1008", "[socache_redis:")
def test_without_the_cache_each_node_counts_on(nodes, redis):
    site, second = nodes
    redis.stop()
    person = site.newcomer()
    started = time.monotonic()
    seen = [attempt(site.base, person.email, "wrong password 1") for n in range(12)]
    assert seen == [401] * 10 + [429] * 2
    assert time.monotonic() - started < 60, "each attempt waits for a cache that is away"
    assert attempt(second.base, person.email, PASSWORD) == 200
    assert "SAAS1008" in site.httpd.error_log.read_text()
    redis.start()
    # Back by itself. Who asks for a new password is counted as well, and no password is hashed for it.
    deadline = time.monotonic() + 60
    for n in itertools.count():
        late = f"late{n}@example.test"
        assert [ask_reset(site.base, late) for _ in range(5)] == [202] * 5
        if ask_reset(second.base, late) == 429:
            break
        assert time.monotonic() < deadline, "the nodes did not find together again"
        time.sleep(0.5)
    # Each child finds it by itself.
    while True:
        late = site.newcomer()
        assert [attempt(site.base, late.email, "wrong password 1") for n in range(10)] == [401] * 10
        if attempt(second.base, late.email, PASSWORD) == 429:
            break
        assert time.monotonic() < deadline + 60, "some children did not find together again"
