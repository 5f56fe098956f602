"""A private PostgreSQL cluster on a unix socket: no TCP, no fsync (what is committed survives the death of
every process, not of the machine), trust for whoever can enter the folder. Made for tests that stop, kill and freeze it, and for the demo, which leaves it running.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2

from .places import Places, clean_environment, command_as, give, httpd_user, postgres_user, program

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0777
max_connections = 100
shared_buffers = 64MB
fsync = {durable}
full_page_writes = {durable}
log_min_messages = warning
logging_collector = off
timezone = 'UTC'
lc_messages = 'C'
"""


def bindir():
    return Path(subprocess.check_output([program("pg_config"), "--bindir"], text=True).strip())


class Postgres:
    """owner: owns the database and may create roles (migrations). app: what httpd connects as."""

    OWNER, APP = "saas_owner", "saas_app"

    def __init__(self, places=None, detached=False, durable=False):
        self.places = places or Places()
        self.detached = detached
        self.user = postgres_user()
        # Who can enter this folder is any role of the cluster: httpd's and PostgreSQL's users, and root.
        self.socket = self.places.folder("s", self.user, 0o750)
        if self.user is not None:
            os.chown(self.socket, self.user.pw_uid, httpd_user().pw_gid)
        if len(str(self.socket)) + len("/.s.PGSQL.5432") > 107:
            raise RuntimeError(f"{self.socket} is too long for a unix socket")
        self.data = self.places.path / "pg"
        self.durable = durable
        self.process = None
        self.frozen = []

    def _run(self, *argv):
        done = subprocess.run(command_as(self.user, argv, False), capture_output=True, text=True,
                              env=clean_environment(), cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]} failed: {done.stderr.strip() or done.stdout.strip()}")

    def create(self):
        """initdb and the two roles; leaves the cluster running."""
        self.data.mkdir(mode=0o700)
        give(self.data, self.user)
        self._run(bindir() / "initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(SETTINGS.format(socket=self.socket, durable="on" if self.durable else "off"))
        self.start()
        self.sql("postgres", f"CREATE ROLE {self.OWNER} LOGIN CREATEROLE", f"CREATE ROLE {self.APP} LOGIN NOINHERIT")
        return self

    def standby(self):
        """A streaming replica of this one, running, with a socket of its own."""
        made = Postgres(durable=self.durable, detached=self.detached)
        made.data.mkdir(mode=0o700)
        give(made.data, made.user)
        made._run(bindir() / "pg_basebackup", "-D", made.data, "-d", f"host={self.socket} user=postgres application_name=standby", "-R", "-X", "stream",
                  "-c", "fast", "--no-sync")
        with open(made.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{made.socket}'\n")
        return made.start()

    def synchronous(self, names):
        """What is committed here waits for these standbys; '' for none."""
        self.sql("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "SELECT pg_reload_conf()")

    def configure(self, **settings):
        """Started anew with these; None: as it comes."""
        self.sql("postgres", *(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}" for name, value in settings.items()))
        self.restart()

    def promote(self):
        """The standby is the primary from now on, and waits for nobody."""
        self.sql("postgres", "SELECT pg_promote(true, 60)")
        self.synchronous("")

    def start(self):
        self.log = self.places.path / "postgres.log"
        out = open(self.log, "ab")
        argv = command_as(self.user, [bindir() / "postgres", "-D", self.data], not self.detached)
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                                        env=clean_environment(), start_new_session=True)
        out.close()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        until = time.monotonic() + seconds
        while True:
            try:
                psycopg2.connect(self.dsn("postgres", "postgres")).close()
                return
            except psycopg2.OperationalError:
                if self.process is not None and self.process.poll() is not None:
                    raise RuntimeError("PostgreSQL ended: " + self.log.read_text(errors="replace")[-2000:])
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, mode="fast"):
        """fast: refuse and end everybody now. immediate: as if the machine lost power."""
        self.thaw()
        if self.process is None or self.process.poll() is not None:
            return
        os.kill(self.process.pid, {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}[mode])
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def restart(self, mode="fast", down=0.0):
        self.stop(mode)
        time.sleep(down)
        self.start()

    def freeze(self):
        """Stop the postmaster and every backend where they are, as a hung host would."""
        pids = [self.process.pid] + [int(p) for p in subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout.split()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGSTOP)
                self.frozen.append(pid)
            except ProcessLookupError:
                pass

    def thaw(self):
        for pid in self.frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.frozen = []

    def close(self):
        self.stop("immediate")
        if self.places.own:
            shutil.rmtree(self.data, ignore_errors=True)
        self.places.close()

    def dsn(self, db, user):
        return f"host={self.socket} dbname={db} user={user} connect_timeout=3"

    def url(self, db):
        """How saasctl names a database, connecting as its owner."""
        return "pgsql:" + self.dsn(db, self.OWNER)

    def connect(self, db, user=None):
        connection = psycopg2.connect(self.dsn(db, user or self.OWNER))
        connection.autocommit = True
        return connection

    def sql(self, db, *statements, user="postgres"):
        """The rows of the last one, if it has any."""
        connection = self.connect(db, user)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def database(self, name, template=None):
        """A fresh database owned by the owner role, empty or as a copy of another one."""
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
                 f'CREATE DATABASE "{name}" OWNER {self.OWNER}' + (f' TEMPLATE "{template}"' if template else ""))
        return name
