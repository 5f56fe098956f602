"""A name server that changes its mind: what it answers is a function of the name, the type and how often it was asked, and it
notes every question. A server is made to ask it by a mount namespace of its own, in which /etc/resolv.conf is another: so
the C library's resolver is used as it is, and nothing else on the machine notices. Needs root.
"""

import os
import random
import socket
import struct
import subprocess
import threading

from .places import program

A, CNAME, TXT, AAAA = 1, 5, 16, 28


def can_be_asked():
    """Whether this process may make mount namespaces and listen on the port of DNS."""
    return os.geteuid() == 0 and subprocess.run([program("unshare"), "--mount", "true"], capture_output=True, check=False).returncode == 0


def name_of(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.rstrip(".").split(".")) + b"\0"


class NameServer:
    """answer(name, kind, nth) -> texts: addresses of that kind, strings of a TXT, or one ("CNAME", name, *addresses); None: no
    such name. Names are without the last dot, in lower case. asked: [(name, kind)]."""

    def __init__(self, answer):
        self.answer, self.asked, self.times = answer, [], {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.address = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.53"
            try:
                self.socket.bind((self.address, 53))
                break
            except OSError:
                continue
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                packet, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            reply = self._reply(packet)
            if reply:
                self.socket.sendto(reply, peer)

    def _reply(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
            at += 1 + packet[at]
        name, (kind,) = ".".join(labels), struct.unpack(">H", packet[at + 1:at + 3])
        question = packet[12:at + 5]
        self.asked.append((name, kind))
        nth = self.times[name, kind] = self.times.get((name, kind), 0) + 1
        texts = self.answer(name, kind, nth)
        records = [] if texts is None else self._records(kind, texts)
        flags = 0x8580 | (3 if texts is None else 0)
        return packet[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)

    @staticmethod
    def _records(kind, texts):
        def record(owner, of, data):
            return owner + struct.pack(">HHIH", of, 1, 0, len(data)) + data

        owner, records = b"\xc0\x0c", []
        if texts and texts[0] == "CNAME":
            records.append(record(owner, CNAME, name_of(texts[1])))
            owner, texts = name_of(texts[1]), texts[2:]
        for text in texts:
            if kind == TXT:
                data = b"".join(bytes([len(text[n:n + 255])]) + text[n:n + 255].encode() for n in range(0, len(text), 255))
            else:
                data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, text)
            records.append(record(owner, kind, data))
        return records

    def wrapped(self, binary, folder):
        """The path of a program that is `binary`, but asks this server for names."""
        conf, script = folder / "resolv.conf", folder / "resolving"
        conf.write_text(f"nameserver {self.address}\noptions timeout:1 attempts:2\n")
        script.write_text(f"""#!/bin/sh
exec {program("unshare")} --mount --propagation private /bin/sh -c 'mount --bind "{conf}" /etc/resolv.conf && exec "{binary}" "$@"' {binary} "$@"
""")
        script.chmod(0o755)
        conf.chmod(0o644)
        return str(script)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
