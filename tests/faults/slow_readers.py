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
    """One client; keeps the digest of its body, not the body."""

    def __init__(self, port, request):
        self.port, self.request = port, request
        self.refused = 0
        self.again_at = 0.0
        self.open()

    def open(self):
        self.head, self.rest = bytearray(), bytearray()
        self.digest = hashlib.sha256()
        self.admitted = self.whole = False
        self.became = None
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
            got, self.became = b"", type(failure).__name__
        if not got:
            self.close()
        elif self.admitted:
            self.take(got)
        else:
            self.head += got
            end = self.head.find(b"\r\n\r\n")
            if end >= 0 and self.head.startswith(b"HTTP/1.1 200"):
                self.admitted = True
                self.take(self.head[end + 4:])

    def take(self, got):
        """Chunks as far as they are there."""
        self.rest += got
        at = 0
        while (end := self.rest.find(b"\r\n", at)) >= 0:
            length = int(self.rest[at:end], 16)
            if len(self.rest) < end + 4 + length:
                break
            self.digest.update(self.rest[end + 2:end + 2 + length])
            at = end + 4 + length
            if self.whole:
                self.became = "more after the end"
            self.whole = self.whole or length == 0
        del self.rest[:at]

    def close(self):
        self.socket.close()
        if self.head.startswith(b"HTTP/1.1 503") and b"etry-After:" in self.head:
            self.refused += 1
            self.again_at = time.monotonic() + 1
        elif not self.admitted:
            self.became = self.became or "no 200"
        else:
            self.became = self.became or ("whole" if self.whole and not self.rest else "cut off")


def read_slowly(readers, rate):
    """One tick of everybody who is neither done nor to come again later."""
    now = time.monotonic()
    for reader in readers:
        if reader.again_at and now >= reader.again_at:
            reader.again_at = 0.0
            reader.open()
        elif not reader.became and not reader.again_at:
            reader.read(int(rate * TICK) if reader.admitted else 1024)
    time.sleep(max(0.0, now + TICK - time.monotonic()))


def read_fast(readers, end):
    """All that there is to come, as fast as it comes."""
    waiting = selectors.DefaultSelector()
    for reader in readers:
        if not reader.became and not reader.again_at:
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            waiting.register(reader.socket, selectors.EVENT_READ, reader)
    while waiting.get_map() and time.monotonic() < end:
        for key, _ in waiting.select(1):
            key.data.read(1 << 18)
            if key.data.became:
                waiting.unregister(key.fileobj)


def main():
    port, path, cookie, count, rate = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: saas_session={cookie}\r\n\r\n").encode()
    readers = []
    told = False
    stdin = selectors.DefaultSelector()
    stdin.register(sys.stdin, selectors.EVENT_READ)
    end = time.monotonic() + 240
    while time.monotonic() < end and not (told and stdin.select(0)):
        # A few new ones in each tick: a crowd that comes within seconds, not at one instant.
        for _ in range(min(10, count - len(readers))):
            readers.append(Reader(port, request))
        read_slowly(readers, rate)
        if not told and len(readers) == count and all(r.admitted for r in readers):
            print("all", sum(r.refused for r in readers), flush=True)
            told = True
    read_fast(readers, time.monotonic() + 240)
    for reader in readers:
        print(reader.became or "cut off", reader.digest.hexdigest(), flush=True)


if __name__ == "__main__":
    main()
