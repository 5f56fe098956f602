"""What it costs nginx to ask mod_saas before it lets a request pass (SaasVerify, auth_request), and how soon a right that is
taken away is refused there: with the shipped configuration, in front of an application that is nginx, too, so that nothing
but the question is measured.
"""

import contextlib

import decide
import revocation
import turns
from gated import KEEP, PAGE, WORKERS, make_member
from measure import compare
from peers.drf import Twin
from saastest import Site
from saastest.fronts import EXAMPLES, Nginx
from saastest.places import free_port

NAME = "nginx with auth_request"
CONF = (EXAMPLES / "verify.conf").read_text() + KEEP + "LogLevel authz_core:crit\nKeepAliveTimeout 60\n"
HTTP = "keepalive_requests 1000000000;\n"
APPLICATION = "server {{ listen 127.0.0.1:{port}; root {folder}; }}\n"
OPEN = "server {{ listen 127.0.0.1:{port}; location / {{ {inside} }} }}\n"
ASK = """server {{
    listen 127.0.0.1:{port};
    location = /.ask {{ internal; proxy_pass {whom}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass_request_body off;
        proxy_set_header Content-Length ""; proxy_set_header X-Original-Method $request_method; proxy_set_header X-Original-URI $request_uri; }}
    location / {{ auth_request /.ask; {inside} }}
}}
"""


class Asking(Nginx):
    """The example's server, and others beside it: the application; without a question; with a page of nginx's own instead of
    an application's, with and without one; asking somebody else."""

    def __init__(self, asked, twin=None):
        self.twin = twin
        self.application = free_port()
        self.doors = {name: free_port() for name in ("open", "own page", "own page, open", "twin")}
        super().__init__(self.application, asked)
        self.doors["asked"] = self.port

    def example(self, name):
        self.root.chmod(0o755)
        (self.root / "admin").mkdir()
        for page in ("page.html", "admin/page.html"):
            (self.root / page).write_text(PAGE)
        own, proxied = f"root {self.root};", f"proxy_set_header Host $http_host; proxy_pass http://127.0.0.1:{self.application};"
        text = HTTP + super().example(name) + APPLICATION.format(port=self.application, folder=self.root)
        text += OPEN.format(port=self.doors["open"], inside=proxied) + OPEN.format(port=self.doors["own page, open"], inside=own)
        text += ASK.format(port=self.doors["own page"], inside=own, whom="http://saas/verify/nginx")
        if self.twin:
            text += f"upstream twin {{ server 127.0.0.1:{self.twin.port}; keepalive 16; }}\n"
            text += ASK.format(port=self.doors["twin"], inside=proxied, whom="http://twin/gated/page.html")
        return text


def against(front, bearer, name, ours, peer, peer_name, target, patience):
    pages = [turns.get(f"http://127.0.0.1:{front.doors[door]}/page.html", bearer) for door in (ours, peer)]
    return decide.until_decided(turns.taker(*pages), lambda rounds: [
        compare(name, peer_name, *turns.series(rounds, "rate"), "req/s", target)], patience)


def measure(database, args, say):
    say(f"{NAME}: {turns.CONNECTIONS} connections in turns of {turns.MILLISECONDS} ms")
    with contextlib.ExitStack() as opened:
        site = opened.enter_context(contextlib.closing(Site(database, with_stripe=False, conf=CONF, workers=WORKERS))).start()
        person, bearer = make_member(site, database)
        twin = None if args.quick else opened.enter_context(contextlib.closing(Twin(database)))
        front = opened.enter_context(contextlib.closing(Asking(site.httpd.port, twin)))
        yield from against(front, bearer, NAME, "asked", "open", "nginx ungated", 0.5, args.patience)
        if args.quick:
            return
        yield from against(front, bearer, f"{NAME}, a page of nginx's own", "own page", "own page, open", "nginx ungated", None, args.patience)
        yield from against(front, bearer, f"{NAME}, to Django's", "asked", "twin", "Django REST Framework asked", 5, args.patience)


def revoked(database, args, say):
    # As many refusals as an interval for the 99th percentile takes.
    times = 110 if args.quick else 200
    with contextlib.ExitStack() as opened:
        site = opened.enter_context(contextlib.closing(Site(database, with_stripe=False, conf=CONF + "SaasFeedTimeout 1s\n"))).start()
        front = opened.enter_context(contextlib.closing(Asking(site.httpd.port)))
        yield from revocation.refusals("revocation through nginx", database, [site], [front.port], "/admin/page.html", times, say)
