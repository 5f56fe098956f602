"""Ways to cut a node off from its database without a word to either: a relay that stops forwarding, a network
namespace whose cable is pulled.
"""

import os
import secrets
import select
import socket
import subprocess
import threading
import time

from saastest.places import free_port, program


def proc_state(pid):
    """The state letter of a process: T when it is stopped."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


CANCEL_REQUEST = (16).to_bytes(4, "big") + (80877102).to_bytes(4, "big")


class Relay:
    """TCP on `host` to a unix socket. cut(): connections stay, bytes do not move; new ones are not answered.
    cancels: False keeps connections that bring a cancel, and neither forwards nor answers them. late: seconds that each
    piece of what is said waits."""

    def __init__(self, target, host, cancels=True):
        self.target, self.host, self.cancels = str(target), host, cancels
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self.closing = False
        self.late = 0.0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.closing = True
        self.open.set()
        self.listener.close()

    def cut(self):
        self.open.clear()

    def mend(self):
        self.open.set()

    def refuse(self):
        """Nobody listens here any more, as on a machine without the server."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def listen(self, target):
        """Somebody does again: this one."""
        self.target = str(target)
        self.listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        listener = self.listener
        while not self.closing:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.open.wait()
        if not self.cancels and client.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL) == CANCEL_REQUEST:
            while not self.closing:
                time.sleep(0.1)
            client.close()
            return
        try:
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(self.target)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ends = {client: server, server: client}
                while not self.closing:
                    for end in select.select(list(ends), [], [], 0.5)[0]:
                        self.open.wait()
                        data = end.recv(65536)
                        time.sleep(self.late)
                        self.open.wait()
                        if not data:
                            return
                        ends[end].sendall(data)
        except OSError:
            return


class Namespace:
    """A network namespace with two cables: one to its clients, one to its database, which can be pulled."""

    def __init__(self):
        if os.geteuid() != 0:
            raise RuntimeError("not root")
        self.ip = program("ip")
        tag = secrets.token_hex(3)
        self.name = f"saas{tag}"
        self.cables = {"c": f"sc{tag}", "d": f"sd{tag}"}
        net = 1 + secrets.randbelow(250)
        self.addresses = {"c": f"10.213.{net}.", "d": f"10.214.{net}."}
        self.client_host = self.addresses["c"] + "2"
        self.database_host = self.addresses["d"] + "1"
        self.port = free_port()
        self.listen = f"Listen {self.client_host}:{self.port}\n"

    def _run(self, *argv):
        subprocess.run([self.ip, *argv], check=True, capture_output=True, text=True)

    def __enter__(self):
        self._run("netns", "add", self.name)
        try:
            self._run("-n", self.name, "link", "set", "lo", "up")
            for which, cable in self.cables.items():
                self._run("link", "add", cable, "type", "veth", "peer", "name", "n" + cable, "netns", self.name)
                self._run("addr", "add", self.addresses[which] + "1/24", "dev", cable)
                self._run("link", "set", cable, "up")
                self._run("-n", self.name, "addr", "add", self.addresses[which] + "2/24", "dev", "n" + cable)
                self._run("-n", self.name, "link", "set", "n" + cable, "up")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        subprocess.run([self.ip, "netns", "del", self.name], capture_output=True)
        for cable in self.cables.values():
            subprocess.run([self.ip, "link", "del", cable], capture_output=True)

    def wrap(self, binary, places):
        """A program that runs `binary` inside."""
        path = places.path / "inside"
        path.write_text(f'#!/bin/sh\nexec {self.ip} netns exec {self.name} {binary} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def wait_open(self, seconds=30):
        until = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection((self.client_host, self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def cut(self):
        self._run("link", "set", self.cables["d"], "down")

    def mend(self):
        self._run("link", "set", self.cables["d"], "up")
