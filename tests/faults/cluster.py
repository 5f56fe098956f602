"""Three nodes behind HAProxy on a primary with a synchronous standby, and what breaks in it. Each node has cables of its own to
both databases.
"""

import contextlib
import os
import signal
import time

import nodes as asked
from clocks import Clock
from feed import Relay
from saastest import Places, Postgres, Site
from saastest.fronts import Balancer
from saastest.places import free_port
from saastest.site import Pgsql

CONF = asked.CONF + """
SaasNodeName node{n}
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
SaasNotifyAllow 127.0.0.2
SaasNotifyHTTP On
"""


class Wired:
    """The database as one node reaches it: both servers, each over a cable that can be cut or made slow."""

    kind = "pgsql"

    def __init__(self, database, servers, opened):
        self.database = database
        self.cables = [opened.enter_context(Relay(server.socket / ".s.PGSQL.5432", "127.0.0.1")) for server in servers]

    def conf(self):
        hosts, ports = (",".join(words) for words in zip(*((cable.host, str(cable.port)) for cable in self.cables)))
        dsn = (f"host={hosts} port={ports} dbname={self.database.name} user={self.database.cluster.APP} connect_timeout=2"
               " target_session_attrs=read-write")
        return f'DBDriver pgsql\nDBDParams "{dsn}"\nDBDMax 12'

    def __getattr__(self, name):
        return getattr(self.database, name)

    def close(self):
        pass


class Cluster:
    """What a fault is called is the name of its method; each returns when it is over and the cluster whole again, but for the
    standby that has become the primary: it has none until `mend_databases`."""

    NODES = 3

    def __init__(self):
        self.opened = contextlib.ExitStack()
        self.places = self.opened.enter_context(contextlib.closing(Places()))
        self.primary = Postgres().create()
        self.opened.callback(lambda: self.primary.close())
        self.database = Pgsql(self.primary, "saas_cluster")
        self.standby = self.primary.standby()
        self.opened.callback(lambda: self.standby and self.standby.close())
        self.primary.synchronous("*")
        self.sites, self.wires = [], []
        port = free_port()
        try:
            for n in range(1, self.NODES + 1):
                wired = Wired(self.database, (self.primary, self.standby), self.opened)
                site = Site(wired, conf=CONF.format(n=n), with_stripe=False, modules=("remoteip",), port=free_port(),
                            frontend=None)
                site.clock = Clock(site)
                self.opened.callback(site.close)
                self.sites.append(site)
                self.wires.append(wired)
            for site in self.sites:
                asked.pages(site.start())
            self.front = self.opened.enter_context(contextlib.closing(Balancer([site.httpd.port for site in self.sites])))
            for site in self.sites:
                asked.until_live(site)
        except BaseException:
            self.opened.close()
            raise

    def close(self):
        self.opened.close()

    @property
    def base(self):
        return self.front.base

    # ------------------------------------------------------------ faults --

    def nodes_restarted_one_after_the_other(self):
        for site in self.sites:
            site.httpd.process.send_signal(signal.SIGWINCH)     # as apachectl graceful-stop does
            site.httpd.process.wait(60)
            self._start(site)

    def nodes_configured_anew(self):
        for site in self.sites:
            site.httpd.graceful()

    def node_killed(self, n=0):
        site = self.sites[n]
        os.killpg(site.httpd.process.pid, signal.SIGKILL)
        self._start(site)

    def node_cut_off(self, n=1, seconds=4):
        with self._each(self.wires[n].cables, Relay.cut, Relay.mend):
            time.sleep(seconds)
        asked.until_live(self.sites[n])

    def databases_slow(self, seconds=4, late=0.02):
        cables = [cable for wired in self.wires for cable in wired.cables]
        with self._each(cables, lambda cable: setattr(cable, "late", late), lambda cable: setattr(cable, "late", 0.0)):
            time.sleep(seconds)

    def clock_of_a_node_set(self, n=2, hours=(1, -1), seconds=2):
        clock = self.sites[n].clock
        for hour in hours:
            clock.set(hour * 3600)
            time.sleep(seconds)
        clock.set(0)
        asked.until_live(self.sites[n])

    def primary_lost(self):
        """As when its process is gone; the standby is promoted."""
        self._promote(self._end)

    def primary_cut_off(self):
        """It lives, nobody reaches it, and it reaches nobody; fenced before it is to be had again."""
        with self._each(self._cables(self.primary), Relay.cut, Relay.mend):
            self._promote(lambda old: old.freeze(), self._end)

    # ------------------------------------------------------------- parts --

    @staticmethod
    @contextlib.contextmanager
    def _each(things, do, undo):
        try:
            for thing in things:
                do(thing)
            yield
        finally:
            for thing in things:
                undo(thing)

    def which(self, server):
        """The number of its cable."""
        target = str(server.socket / ".s.PGSQL.5432")
        return next(n for n, cable in enumerate(self.wires[0].cables) if cable.target == target)

    def _cables(self, server):
        return [wired.cables[self.which(server)] for wired in self.wires]

    def _end(self, server):
        # First the door: libpq asks the next host if nobody listens, and not if it was let in and put out again.
        for cable in self._cables(server):
            cable.refuse()
        server.stop("immediate")

    def _start(self, site):
        site.httpd.stop()
        (site.httpd.root / "httpd.pid").unlink(missing_ok=True)
        site.httpd.start()
        asked.until_live(site)

    def _promote(self, lose, fence=lambda old: None):
        old = self.primary
        lose(old)
        self.standby.promote()
        self.primary, self.standby = self.standby, None
        self.database.cluster, self.database.url = self.primary, self.primary.url(self.database.name)
        fence(old)
        old.close()
        for site in self.sites:
            asked.until_live(site)

    def mend_databases(self):
        """A new standby in the place of the server that was lost."""
        lost = 1 - self.which(self.primary)
        self.standby = self.primary.standby()
        for wired in self.wires:
            wired.cables[lost].listen(self.standby.socket / ".s.PGSQL.5432")
        self.primary.synchronous("*")
