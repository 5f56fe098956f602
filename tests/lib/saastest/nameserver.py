"""A name server that changes its mind: what it answers is a function of the name, the type and how often it was asked, and it
notes every question. A server is made to ask it by a mount namespace of its own, in which /etc/resolv.conf is another: so
the C library's resolver is used as it is, and nothing else on the machine notices. Needs root.
"""

import os
import random
import socket
import subprocess
import threading
import time

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec

from .places import program

A, CNAME, SOA, MX, TXT, AAAA, DS, DNSKEY, HTTPS, CAA = 1, 5, 6, 15, 16, 28, 43, 48, 65, 257
SILENCE = ...


def can_be_asked():
    """Whether this process may make mount namespaces and listen on the port of DNS."""
    return os.geteuid() == 0 and subprocess.run([program("unshare"), "--mount", "true"], capture_output=True, check=False).returncode == 0


def rrset_of(name, kind, texts):
    """Records of a kind, each as in a zone file but for TXT, whose text is taken as it is and cut as it has to be."""
    quoted = [" ".join('"' + text[n:n + 255].replace("\\", "\\\\").replace('"', '\\"') + '"' for n in range(0, max(len(text), 1), 255)) for text in texts] \
        if kind == TXT else texts
    return dns.rrset.from_text(name, 0, "IN", dns.rdatatype.to_text(kind), *quoted)


class Signatures:
    """The zones that are signed: the root, and those top-level ones that are named. Others are proven to be not. What is in
    `wrong` is signed, and not by the zone's key."""

    def __init__(self, signed=("example",), wrong=()):
        self.keys, self.wrong = {}, {dns.name.from_text(name) for name in wrong}
        for zone in ("", *signed):
            private = ec.generate_private_key(ec.SECP256R1())
            self.keys[dns.name.from_text(zone)] = private, dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", 257)
        self.other = ec.generate_private_key(ec.SECP256R1())

    def anchor(self):
        """The root's key, as a file of trust anchors has it."""
        return f". IN DNSKEY {self.keys[dns.name.root][1].to_text()}\n"

    def zone_of(self, name):
        top = dns.name.Name(name.labels[-2:])
        return top if top in self.keys else dns.name.root if name == dns.name.root else None

    def sign(self, rrset, zone):
        """The rrset and its signature."""
        private, public = self.keys[zone]
        now = int(time.time())
        made = dns.dnssec.sign(rrset, self.other if rrset.name in self.wrong else private, zone, public, inception=now - 3600, expiration=now + 86400)
        return [rrset, dns.rrset.from_rdata(rrset.name, rrset.ttl, made)]

    def of_zones(self, name, kind):
        """(answer, authority) of what is asked of zones as such; None: it is not."""
        top = len(name.labels) == 2
        if kind == DNSKEY and name in self.keys:
            return self.sign(dns.rrset.from_rdata(name, 0, self.keys[name][1]), name), []
        if kind == SOA and name == dns.name.root:
            return self.sign(self.start_of(name), name), []
        if kind == DS and top and name in self.keys:
            return self.sign(dns.rrset.from_rdata(name, 0, dns.dnssec.make_ds(name, self.keys[name][1], "SHA256")), dns.name.root), []
        if kind == DS and top:
            none = dns.rrset.from_text(name, 0, "IN", "NSEC", f"\\000.{name} NS RRSIG NSEC")
            return [], [*self.sign(self.start_of(dns.name.root), dns.name.root), *self.sign(none, dns.name.root)]
        return None

    @staticmethod
    def start_of(name):
        return dns.rrset.from_text(name, 0, "IN", "SOA", ". . 1 3600 600 86400 0")


class NameServer:
    """answer(name, kind, nth) -> texts: addresses of that kind, strings of a TXT, records of another kind as in a zone file, or one
    ("CNAME", name, *addresses); None: no such name. Names are without the last dot, in lower case. asked: [(name, kind)].
    signatures: what is signed; None: nothing, and nobody is told so."""

    def __init__(self, answer, signatures=None):
        self.answer, self.asked, self.times, self.signatures = answer, [], {}, signatures
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
        try:
            query = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), int(question.rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AA
        signing = self.signatures if query.ednsflags & dns.flags.DO else None
        zones = signing.of_zones(question.name, kind) if signing else None
        if zones:
            reply.answer, reply.authority = zones
            return reply.to_wire(max_size=65535)
        self.asked.append((name, kind))
        nth = self.times[name, kind] = self.times.get((name, kind), 0) + 1
        texts = self.answer(name, kind, nth)
        if texts is SILENCE:
            return None
        if texts is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        for rrset in self._records(question.name, kind, texts or []):
            zone = signing.zone_of(rrset.name) if signing else None
            reply.answer += signing.sign(rrset, zone) if zone else [rrset]
        return reply.to_wire(max_size=65535)

    @staticmethod
    def _records(name, kind, texts):
        if texts and texts[0] == "CNAME":
            yield dns.rrset.from_text(name, 0, "IN", "CNAME", texts[1] + ".")
            name, texts = dns.name.from_text(texts[1]), texts[2:]
        if texts:
            yield rrset_of(name, kind, texts)

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
