"""Many clients that read an export slowly, in one process: python3 slow_readers.py PORT PATH COOKIE COUNT RATE.

Each opens a connection with a small receive buffer and reads RATE bytes a second. One that is refused with 503 asks
again a second later. On standard output "all" once every client has its 200, with the number of refusals; a line on
standard input lets them read as fast as they can; then one line for each, what became of it: "whole" or why not, and
the digest of its body.
"""

import hashlib
import selectors
import socket
import sys
import time

TICK = 0.1


class Reader:
    """One client; body() has what it got when it is done."""

    def __init__(self, port, request):
        self.port, self.request = port, request
        self.refused = 0
        self.again_at = 0.0
        self.open()

    def open(self):
        self.data = bytearray()
        self.admitted = False
        self.done = None
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.sendall(self.request)
        self.socket.setblocking(False)

    def read(self, most):
        try:
            got = self.socket.recv(most)
        except BlockingIOError:
            return
        except OSError as failure:
            got, self.done = b"", type(failure).__name__
        self.data += got
        status = bytes(self.data[9:12])
        if status == b"200":
            self.admitted = True
        if not got:
            self.close(status)

    def close(self, status):
        self.socket.close()
        if status == b"503" and b"etry-After:" in self.data:
            self.refused += 1
            self.again_at = time.monotonic() + 1
        else:
            self.done = self.done or "ended"

    def body(self):
        """(what became of it, the body without its frames)"""
        data = bytes(self.data)
        if not data.startswith(b"HTTP/1.1 200"):
            return "no 200", b""
        at, parts = data.index(b"\r\n\r\n") + 4, []
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                return "cut off", b"".join(parts)
            length = int(data[at:end], 16)
            if length == 0:
                return ("whole" if data[end:] == b"\r\n\r\n" else "more after the end"), b"".join(parts)
            parts.append(data[end + 2:end + 2 + length])
            at = end + 4 + length


def main():
    port, path, cookie, count, rate = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: saas_session={cookie}\r\n\r\n").encode()
    readers = []
    told = fast = False
    stdin = selectors.DefaultSelector()
    stdin.register(sys.stdin, selectors.EVENT_READ)
    end = time.monotonic() + 240
    while time.monotonic() < end and not (fast and all(r.done for r in readers)):
        now = time.monotonic()
        # A few new ones in each tick: a crowd that comes within seconds, not at one instant.
        for _ in range(min(10, count - len(readers))):
            readers.append(Reader(port, request))
        for reader in readers:
            if reader.again_at and now >= reader.again_at:
                reader.again_at = 0.0
                reader.open()
            elif not reader.done and not reader.again_at:
                reader.read(1 << 20 if fast else (int(rate * TICK) if reader.admitted else 1024))
        if not told and len(readers) == count and all(r.admitted for r in readers):
            print("all", sum(r.refused for r in readers), flush=True)
            told = True
        if told and not fast and stdin.select(0):
            fast = True
        if not fast:
            time.sleep(max(0.0, now + TICK - time.monotonic()))
    for reader in readers:
        became, body = reader.body()
        print(became, hashlib.sha256(body).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
