"""A real SMTP server (aiosmtpd) on 127.0.0.1 that keeps what it is given, and can be told to refuse, to speak
TLS, to want a password, to be away.
"""

import email
import email.policy
import ssl
import subprocess
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from .places import free_port, program


class Message:
    """One delivery: envelope, raw bytes as they came, parsed message, whether over TLS, who logged in."""

    def __init__(self, envelope, session):
        self.sender, self.recipients = envelope.mail_from, list(envelope.rcpt_tos)
        self.raw = envelope.original_content or envelope.content
        self.parsed = email.message_from_bytes(self.raw, policy=email.policy.SMTP)
        self.tls = session.ssl is not None
        self.user = session.auth_data.login.decode() if session.authenticated and session.auth_data else None

    def part(self, subtype):
        for part in self.parsed.walk():
            if part.get_content_type() == f"text/{subtype}":
                return part.get_content()
        return None


class SmtpServer:
    """refuse: {"MAIL" | "RCPT" | "DATA": reply}, in force until taken out."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.messages, self.refuse, self.attempts = [], {}, 0
        self.lock = threading.Lock()
        self.controller = None

    def start(self, tls=None, require_tls=False, user=None, password=None):
        """tls: (certificate, key) offers STARTTLS."""
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)

        def authenticate(server, session, envelope, mechanism, data):
            good = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=good, handled=good, auth_data=data)

        more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls is not None} if user else {}
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True, tls_context=context,
                                     require_starttls=require_tls, data_size_limit=1 << 20, **more)
        self.controller.start()
        return self

    def stop(self):
        if self.controller:
            self.controller.stop()
            self.controller = None

    def restart(self, **more):
        self.stop()
        return self.start(**more)

    # aiosmtpd's hooks
    async def handle_MAIL(self, server, session, envelope, address, options):
        self.attempts += 1
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "RCPT" in self.refuse:
            return self.refuse["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        with self.lock:
            self.messages.append(Message(envelope, session))
        return "250 Message accepted"

    def to(self, address):
        with self.lock:
            return [m for m in self.messages if address in m.recipients]

    def wait(self, address, count=1, seconds=60):
        """The messages to an address, once there are so many of them."""
        until = time.monotonic() + seconds
        while len(self.to(address)) < count:
            assert time.monotonic() < until, f"{len(self.to(address))} of {count} messages to {address}"
            time.sleep(0.05)
        return self.to(address)


def certificate(folder, name="localhost"):
    """(certificate, key) of a self-signed pair for localhost and 127.0.0.1, or for another name alone."""
    paths = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    names = "DNS:localhost,IP:127.0.0.1" if name == "localhost" else f"DNS:{name}"
    subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={names}", "-keyout", paths[1], "-out", paths[0]], check=True, capture_output=True)
    return paths
