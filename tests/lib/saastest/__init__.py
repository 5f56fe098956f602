"""Real parts for the tests and the demo: a private PostgreSQL cluster, a private httpd, the Stripe
sandbox, scan targets, a client of the HTTP contract. Nothing in here is a double of mod_saas itself,
and nothing in here may know how mod_saas is made inside: it starts programs and speaks HTTP to them.
"""

from .client import Api, Person, wait_audit
from .httpd import Httpd, LogWatch
from .places import BUILD, ROOT, Places, saasctl
from .postgres import Postgres
from .sandbox import Sandbox
from .servers import EchoServer, TargetServer
from .site import Site
from . import seed, stripe

__all__ = ["Api", "BUILD", "EchoServer", "Httpd", "LogWatch", "Person", "Places", "Postgres", "ROOT", "Sandbox",
           "Site", "TargetServer", "saasctl", "seed", "stripe", "wait_audit"]
