"""The clients of a service that is being broken: each does what people, browsers and Stripe do, by way of the balancer, and writes
down what it was told (history.py).
"""

import http.client
import itertools
import json
import random
import secrets
import threading
import time

from saastest import seed, stripe
from saastest.client import PASSWORD, fresh_address
from saastest.site import WEBHOOK

NO_ANSWER = None
PATIENCE = 12       # seconds that a client waits for an answer


class Client(threading.Thread):
    """One process of the history. A method `turn` is run again and again."""

    numbers = itertools.count(1)

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.number, self.address = load, next(self.numbers), fresh_address()
        self.random = random.Random(load.seed * 1000 + self.number)
        self.failure, self.answered, self.last = None, 0.0, None

    def run(self):
        try:
            while self.load.going:
                self.turn()
                self.load.stopped.wait(self.random.uniform(0.0, 2 * self.pause))
        except Exception as failure:    # to be told by the test
            self.failure = failure

    pause = 0.05

    def turn(self):
        raise NotImplementedError

    def ask(self, method, path, headers=(), body=None):
        """(status, body), or (NO_ANSWER, why)."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.load.port, timeout=PATIENCE, source_address=(self.address, 0))
        try:
            text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            more = {"Content-Type": "application/json"} if text is not None else {}
            connection.request(method, path, text, {**more, **dict(headers), "Connection": "close"})
            reply = connection.getresponse()
            said = reply.read()
            self.last = reply.status, said[:300]
            if reply.status < 500:
                self.answered = began
            return reply.status, said
        except (OSError, http.client.HTTPException) as failure:
            self.last = NO_ANSWER, repr(failure).encode()
            return self.last
        finally:
            connection.close()

    def record(self, kind, key, value=None):
        return self.load.recorder.begin(self.number, kind, key, value)

    def tell(self, number, status, result=None):
        """What an answer says of a change."""
        what = "info" if status is NO_ANSWER or status >= 500 else "ok" if status < 300 else "fail"
        # Nobody judges why there was no answer; whoever reads the history wants to know.
        self.load.recorder.end(self.number, number, what, repr(self.last) if what == "info" else result)
        return what

    def change(self, kind, key, method, path, headers, body=None, value=None):
        number = self.record(kind, key, value)
        status, said = self.ask(method, path, headers, body)
        return self.tell(number, status), status, said


def as_token(token, **more):
    return {"Authorization": f"Bearer {token}", **more}


class Writer(Client):
    """Makes tokens; each is in the list of all that there are at the end."""

    pause = 0.08

    def __init__(self, load, person):
        super().__init__(load)
        self.cookies, self.names = load.cookies(person), itertools.count(1)
        self.key = f"tokens of {person.email}"

    def turn(self):
        name = f"w{self.number}-{next(self.names)}"
        self.change("write", self.key, "POST", "/api/v1/auth/tokens/", self.cookies, {"name": name}, value=name)


class Roles(Client):
    """Raises and lowers somebody's role. Whoever's is not known is left alone from then on."""

    pause = 0.3

    def __init__(self, load, owner, subjects):
        super().__init__(load)
        self.cookies, self.owner, self.subjects = load.cookies(owner), owner, subjects
        self.raised = True

    def turn(self):
        subject = self.subjects[0]
        kind, role = ("take", "VIEWER") if self.raised else ("give", "ADMIN")
        what, status, said = self.change(kind, subject.key, "PATCH", f"/api/v1/organizations/{self.owner.org['id']}/members/{subject.user}/",
                                         self.cookies, {"role": role})
        assert what != "fail", f"{role}: {status} {said}"
        if what == "ok":
            self.raised = not self.raised
        elif len(self.subjects) > 1:
            self.subjects.pop(0)
            self.raised = True


class Tokens(Client):
    """Makes a token, has it used, and revokes it."""

    pause = 0.4

    def __init__(self, load, person):
        super().__init__(load)
        self.cookies, self.token = load.cookies(person), None

    def turn(self):
        if self.token is None:
            status, said = self.ask("POST", "/api/v1/auth/tokens/", self.cookies, {"name": "short-lived"})
            if status == 201:
                self.token = json.loads(said)
                self.key = f"token {self.token['id']}"
                self.tell(self.record("give", self.key), 201)
                self.load.use("token", Subject(self.key, "/user/", self.token["token"]))
            return
        what, status, said = self.change("take", self.key, "DELETE", f"/api/v1/auth/tokens/{self.token['id']}/", self.cookies)
        # Sent again after an answer that was lost, it is not there any more: taken, and so it stays.
        if what != "info":
            assert status in (204, 404), f"{status} {said}"
            self.token = None


class Subscriptions(Client):
    """Stripe: sends each event until it is taken, and the next only then."""

    pause = 0.4

    def __init__(self, load, site, subject, org):
        super().__init__(load)
        self.story, self.secret, self.subject, self.org = stripe.Story(org, site.price), site.webhook_secret, subject, org
        self.steps = itertools.count(1)
        self.load.events = self.events = []

    def turn(self):
        step = next(self.steps)
        status = "active" if step % 2 else "unpaid"
        event = self.story.updated(status, at=step)
        self.events.append(event["id"])
        right = self.record("give" if step % 2 else "take", self.subject.key)
        while True:
            number = self.record("once", event["id"])
            payload = stripe.dump(event)
            code, said = self.ask("POST", WEBHOOK, {"Content-Type": "application/json", "Stripe-Signature": stripe.header(payload, self.secret)}, payload)
            # A node whose clock is an hour off refuses the signature; Stripe sends it again.
            assert code is NO_ANSWER or code in (200, 400) or code >= 500, f"{code} {said}"
            if self.tell(number, code) == "ok":
                self.load.recorder.end(self.number, right, "ok")
                return
            if not self.load.going:
                return
            self.load.stopped.wait(0.2)


class Visitor(Client):
    """Asks for pages behind gates."""

    pause = 0.01

    def turn(self):
        subject = self.random.choice(self.load.subjects())
        number = self.record("use", subject.key)
        status, said = self.ask("GET", subject.path, as_token(subject.token))
        if status in (200, 401, 403, 404):
            self.tell(number, 200, status == 200)
        else:
            self.tell(number, NO_ANSWER if status is NO_ANSWER or status >= 500 else status)
            assert status is NO_ANSWER or status >= 500, f"{subject.path}: {status} {said}"


class Log(Client):
    """Logs in, with the right password and with a wrong one."""

    pause = 0.7

    def __init__(self, load, people):
        super().__init__(load)
        self.people, self.turns = people, itertools.count()
        for person in people:
            self.tell(self.record("give", f"password of {person.email}"), 200)
            self.tell(self.record("take", f"wrong password of {person.email}"), 200)

    def turn(self):
        person, wrong = self.random.choice(self.people), next(self.turns) % 4 == 3
        self.address = fresh_address()
        number = self.record("use", f"{'wrong ' * wrong}password of {person.email}")
        status, said = self.ask("POST", "/api/v1/auth/login/", {"Origin": self.load.base, "Sec-Fetch-Site": "same-origin"},
                                {"email": person.email, "password": PASSWORD + "!" * wrong})
        # Limits of attempts are each node's own.
        if status == 429:
            self.load.recorder.end(self.number, number, "fail")
        else:
            self.tell(number, status if status is NO_ANSWER or status >= 500 else 200, status == 200)


class Auditor(Client):
    """Starts audits, each until it knows that it is started, and watches them."""

    pause = 0.3

    def __init__(self, load, person, target):
        super().__init__(load)
        self.cookies, self.target, self.names = load.cookies(person), target, itertools.count(1)
        self.key, self.watched = None, None

    def turn(self):
        if self.watched is None:
            self.key = self.key or f"audit {self.number}-{next(self.names)}"
            what, status, said = self.change("once", self.key, "POST", "/api/v1/audits/start/", {**self.cookies, "Idempotency-Key": self.key.replace(" ", "-")},
                                             {"targets": [f"{self.target}/{n}" for n in range(3)], "name": self.key})
            assert what != "fail", f"{status} {said}"
            if what == "ok":
                self.watched, self.asked = json.loads(said)["id"], 0
            return
        number = self.record("count", f"progress of {self.key}")
        status, said = self.ask("GET", f"/api/v1/audits/{self.watched}/", self.cookies)
        body = json.loads(said) if status == 200 else None
        self.tell(number, status, body and body["progress"]["done"])
        assert status is NO_ANSWER or status == 200 or status >= 500, f"{self.key}: {status} {said}"
        self.asked += 1
        if body and (body["status"] in ("completed", "failed", "canceled") or self.asked > 20):
            self.watched = self.key = None


class Exporter(Client):
    """Takes a whole export, again and again; one that ends early is seen to."""

    pause = 0.8

    def __init__(self, load, person, audit, rows):
        super().__init__(load)
        self.cookies, self.audit, self.rows = load.cookies(person), audit, rows

    def turn(self):
        number = self.record("whole", f"export of {self.audit}", self.rows)
        status, said = self.ask("GET", f"/api/v1/audits/{self.audit}/export/csv/", self.cookies)
        assert status is NO_ANSWER or status == 200 or status >= 500, f"{status} {said[:500]}"
        self.tell(number, status, said.count(b"\r\n") - 1 if status == 200 else None)


class Subject:
    """Whoever has a right, or had one: what it is called in the history, where it is asked for, and by which token."""

    def __init__(self, key, path, token, user=None):
        self.key, self.path, self.token, self.user = key, path, token, user


class Load:
    """All clients, from start to stop; `seed` decides what they do by chance."""

    ROWS = 5000

    def __init__(self, site, port, recorder, target, receiver, seed_number):
        self.port, self.base, self.recorder, self.seed = port, f"http://127.0.0.1:{port}", recorder, seed_number
        self.going, self.stopped = True, threading.Event()
        self.lock, self.used = threading.Lock(), {}
        self.site, database = site, site.database
        owner, payer, self.writer_person = (site.newcomer() for _ in range(3))
        self.owner = owner
        subjects = []
        for n in range(30):
            somebody = site.newcomer()
            seed.member(database, owner.org["id"], somebody.user["id"], "ADMIN")
            token = somebody.new_token(organization=owner.org["id"])["token"]
            subjects.append(Subject(f"role of {n}", "/admin/", token, somebody.user["id"]))
        subscription = Subject("subscription", "/premium/", payer.new_token(organization=payer.org["id"])["token"])
        database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", owner.org["id"])
        audit = seed.large_audit(database, owner.org["id"], self.ROWS)
        self.path = f"/{secrets.token_hex(4)}"
        seed.endpoint(database, owner.org["id"], receiver.url(self.path), ("audit.completed",))
        self.receiver = receiver
        for subject in subjects:
            recorder.end(0, recorder.begin(0, "give", subject.key), "ok")
        recorder.end(0, recorder.begin(0, "take", subscription.key), "ok")
        self.use("subscription", subscription)
        self.roles = subjects
        self.auditors = [Auditor(self, owner, target) for _ in range(2)]
        self.clients = [Writer(self, self.writer_person), Roles(self, owner, self.roles), Tokens(self, owner), Subscriptions(self, site, subscription, payer.org["id"]),
                        Visitor(self), Visitor(self), Log(self, [site.register() for _ in range(2)]), *self.auditors, Exporter(self, owner, audit, self.ROWS)]

    def cookies(self, person):
        """What a person's browser sends."""
        cookie = "; ".join(f"{c.name}={c.value}" for c in person.http.cookies)
        return {"Cookie": cookie, "Origin": self.base, "Sec-Fetch-Site": "same-origin"}

    def use(self, name, subject):
        with self.lock:
            # The last two tokens: one that was just revoked is asked for, too.
            self.used[name] = [*self.used.get(name, ())[-1:], subject]

    def subjects(self):
        with self.lock:
            return [self.roles[0], *itertools.chain(*self.used.values())]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        self.going = False
        self.stopped.set()
        for client in self.clients:
            client.join(60)

    def fault(self, break_it):
        """Breaks something while all go on, and writes it down."""
        number = self.recorder.begin(0, "fault", break_it.__name__.replace("_", " "))
        break_it()
        self.recorder.end(0, number, "ok")
        self.until_all_answered()

    def until_all_answered(self, seconds=60):
        """Until each client has had an answer to something that it has asked for from now on."""
        since = time.monotonic()
        for client in self.clients:
            while client.is_alive() and client.answered < since:
                assert time.monotonic() < since + seconds, f"{type(client).__name__} has no answer after {seconds} s: {client.last}"
                time.sleep(0.02)

    def broken(self):
        """Clients that met what is against the contract."""
        return [f"{type(client).__name__}: {client.failure}" for client in self.clients if client.failure]
