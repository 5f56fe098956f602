"""Real proxies that stand in front of an application and ask a SaasVerify section before they let a request pass, with
the configurations of conf/examples/proxies as they are, but for addresses.
"""

import subprocess
import time

from .places import ROOT, Places, clean_environment, command_as, end_process, free_port, httpd_user, port_is_open, program

EXAMPLES = ROOT / "conf" / "examples" / "proxies"


class Front:
    """One proxy on a port of its own; application and asked are ports."""

    name = None

    def __init__(self, application, asked):
        self.places = Places()
        self.root = self.places.folder(self.name, httpd_user())
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.ports = {"127.0.0.1:8000": f"127.0.0.1:{self.port}", "127.0.0.1:9000": f"127.0.0.1:{application}",
                      "127.0.0.1:8080": f"127.0.0.1:{asked}"}
        self.log = self.root / "front.log"
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(command_as(None, self.command(), True), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=clean_environment(HOME=self.root, XDG_DATA_HOME=self.root, XDG_CONFIG_HOME=self.root),
                                            cwd=self.root, start_new_session=True)
        until = time.monotonic() + 30
        while not port_is_open(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text()
                self.close()
                raise RuntimeError(f"{self.name} did not start: {said}")
            time.sleep(0.02)

    def example(self, name):
        text = (EXAMPLES / name).read_text()
        for address, ours in self.ports.items():
            text = text.replace(address, ours)
        return text

    def put(self, name, text):
        path = self.root / name
        path.write_text(text)
        return path

    def command(self):
        raise NotImplementedError

    def close(self):
        end_process(self.process)
        self.places.close()


class Nginx(Front):
    name = "nginx"

    def command(self):
        user = httpd_user()
        folders = "\n".join(f"    {what}_temp_path {self.root}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.put("nginx.conf", "\n".join([
            f"user {user.pw_name};" if user else "", "daemon off;", "worker_processes 1;", f"pid {self.root}/nginx.pid;",
            f"error_log {self.root}/error.log;", "events { worker_connections 256; }", "http {", "    access_log off;", folders,
            self.example("nginx.conf"), "}"]))
        return [program("nginx"), "-c", conf, "-p", self.root, "-e", self.root / "error.log"]


class Haproxy(Front):
    name = "haproxy"

    def command(self):
        self.put("haproxy-saas.lua", self.example("haproxy-saas.lua"))
        return [program("haproxy"), "-db", "-f", self.put("haproxy.cfg", self.example("haproxy.cfg"))]


class Caddy(Front):
    name = "caddy"

    def command(self):
        conf = "{\n\tadmin off\n\tauto_https off\n}\n" + self.example("Caddyfile")
        return [program("caddy"), "run", "--adapter", "caddyfile", "--config", self.put("Caddyfile", conf)]


def nodes_configuration(port, nodes):
    """HAProxy before several nodes, as conf/examples/nodes.cfg has it; nodes are ports."""
    lines = (ROOT / "conf" / "examples" / "nodes.cfg").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}").splitlines()
    lines = [line for line in lines if not line.strip().startswith("server node")]
    return "\n".join([*lines, *(f"    server node{n} 127.0.0.1:{each}" for n, each in enumerate(nodes, 1)), ""])


class Balancer(Front):
    """HAProxy before several nodes."""

    name = "balancer"

    def __init__(self, nodes):
        self.nodes = nodes
        super().__init__(None, None)

    def command(self):
        return [program("haproxy"), "-db", "-f", self.put("haproxy.cfg", nodes_configuration(self.port, self.nodes))]


FRONTS = {front.name: front for front in (Nginx, Haproxy, Caddy)}
