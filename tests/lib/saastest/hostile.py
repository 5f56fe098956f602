"""Servers that mean ill, for the scanner to survive: each behaviour is a coroutine of BEHAVIOURS and listens on a port of its
own. They run in one thread on an event loop; close() ends them. What they send is made while it is sent, so that ten
gigabytes cost the test nothing.
"""

import asyncio
import contextlib
import ctypes
import ctypes.util
import functools
import random
import ssl
import subprocess
import threading
import zlib

from .places import program

GIB = 1 << 30
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
ZEROS = bytes(1 << 20)


@functools.lru_cache(maxsize=None)
def deflated(what, times):
    """A gzip stream of `times` times the same bytes, as one that repeats its compressed form."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(what) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + once * times + b"\x03\x00" + bytes(8)


@functools.lru_cache(maxsize=None)
def brotli(what):
    """Debian's libcurl brings Google's library along, encoder included."""
    encoder = ctypes.CDLL(ctypes.util.find_library("brotlienc") or "libbrotlienc.so.1")
    size = ctypes.c_size_t(len(what) // 2 + 1024)
    out = ctypes.create_string_buffer(size.value)
    assert encoder.BrotliEncoderCompress(9, 22, 0, ctypes.c_size_t(len(what)), what, ctypes.byref(size), out)
    return out.raw[:size.value]


BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__] = function
    return function


async def asked(reader):
    with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return await reader.readuntil(b"\r\n\r\n")


async def send(writer, *parts):
    for part in parts:
        writer.write(part)
        await writer.drain()


@behaviour
async def says_nothing(reader, writer):
    await asyncio.sleep(3600)


async def takes_its_time(reader, writer):
    await asked(reader)
    await asyncio.sleep(0.1)
    await send(writer, OK + b"Content-Length: 0\r\n\r\n")


@behaviour
async def hangs_up(reader, writer):
    await asked(reader)


@behaviour
async def resets(reader, writer):
    writer.transport.abort()


@behaviour
async def speaks_noise(reader, writer):
    await send(writer, random.Random(1).randbytes(100000))


@behaviour
async def drips_headers(reader, writer):
    await asked(reader)
    for c in OK * 1000:
        await send(writer, bytes([c]))
        await asyncio.sleep(0.05)


@behaviour
async def drips_a_body(reader, writer):
    await asked(reader)
    await send(writer, OK + b"X-Frame-Options: DENY\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await send(writer, b"<")
        await asyncio.sleep(0.05)


@behaviour
async def redirects_for_ever(reader, writer):
    line = (await asked(reader) or b"GET /0").split()[1]
    n = int(line.strip(b"/") or 0) if line.strip(b"/").isdigit() else 0
    await send(writer, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /%d\r\n\r\n" % (n + 1))


@behaviour
async def redirects_with_fat_headers(reader, writer):
    await asked(reader)
    await send(writer, b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n", b"X-Fat: %s\r\n" % (b"x" * 30000) * 2, b"\r\n")


@behaviour
async def ten_gibibytes(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Content-Length: %d\r\n\r\n" % (10 * GIB), *[ZEROS] * 10240)


@behaviour
async def chunks_without_end(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await send(writer, b"10000\r\n", bytes(0x10000), b"\r\n")


@behaviour
async def gzip_bomb(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Content-Encoding: gzip\r\n\r\n", deflated(ZEROS, 10240))


EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 200000   # of deflate: a megabyte that unpacks to nothing


@functools.lru_cache(maxsize=None)
def gzip_of_nothing():
    """A gzip stream of a gzip stream of four gigabytes of empty blocks."""
    begin = deflated(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 1)[:-10]
    return begin + deflated(EMPTY_BLOCKS, 4000)[10:]


@behaviour
async def gzip_in_gzip_that_unpacks_to_nothing(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Content-Encoding: gzip, gzip\r\n\r\n", gzip_of_nothing())


@behaviour
async def brotli_bomb(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Content-Encoding: br\r\n\r\n", brotli(bytes(64 << 20)))


@behaviour
async def hundred_thousand_headers(reader, writer):
    await asked(reader)
    await send(writer, OK, *[b"".join(b"X-%d: v\r\n" % n for n in range(at, at + 1000)) for at in range(0, 100000, 1000)], b"\r\n")


@behaviour
async def tiny_headers(reader, writer):
    await asked(reader)
    await send(writer, OK + b"a:\r\n" * 16000 + b"\r\n")


@behaviour
async def folds_a_header(reader, writer):
    await asked(reader)
    await send(writer, OK + b"X-Folded: x\r\n" + b" a\r\n" * 15000 + b"\r\n")


@behaviour
async def one_long_header(reader, writer):
    await asked(reader)
    await send(writer, OK + b"X-Long: ", *[b"x" * 65536] * 160, b"\r\n\r\n")


@behaviour
async def continues_for_ever(reader, writer):
    await asked(reader)
    while True:
        await send(writer, b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@behaviour
async def many_cookies(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Set-Cookie: session=%s\r\n" % (b"v" * 100) * 450 + b"Content-Length: 0\r\n\r\n")


@behaviour
async def many_scripts(reader, writer):
    await asked(reader)
    await send(writer, OK + b"Connection: close\r\n\r\n", b"<script src=http://a.example/></script><meta http-equiv=content-security-policy content=x>" * 20000)


@behaviour
async def half_open_tls(reader, writer):
    """Takes the ClientHello and says nothing."""
    await reader.read(65536)
    await asyncio.sleep(3600)


@behaviour
async def drips_tls(reader, writer):
    """A ServerHello that never gets done."""
    await reader.read(65536)
    for c in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + bytes(16000):
        await send(writer, bytes([c]))
        await asyncio.sleep(0.05)


@behaviour
async def floods_tls(reader, writer):
    """Handshake records without end."""
    await reader.read(65536)
    while True:
        await send(writer, (b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + bytes(0x4000 - 4)) * 16)


@behaviour
async def drips_behind_tls(reader, writer):
    await drips_headers(reader, writer)


TLS_TARGETS = ("half_open_tls", "drips_tls", "floods_tls", "drips_behind_tls", "says_nothing", "speaks_noise")


class HostileServers:
    """All of BEHAVIOURS, each at address and ports[name]. folder: for a certificate. asks: connections that were made to each;
    most: how many were open together."""

    def __init__(self, folder, address="127.0.0.1"):
        self.address, self.ports, self.asks, self.open, self.most = address, {}, {}, {}, {}
        self.loop = asyncio.new_event_loop()
        self.tls = self._certificate(folder)
        self.servers, self.tasks = [], set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self.loop).result(30)

    @staticmethod
    def _certificate(folder):
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                        "-subj", "/CN=localhost", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context

    async def _begin(self):
        for name, function in BEHAVIOURS.items():
            await self.serve(name, function, self.address)

    async def serve(self, name, function, address):
        async def connected(reader, writer):
            self.asks[name] = self.asks.get(name, 0) + 1
            self.open[name] = self.open.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.open[name])
            self.tasks.add(asyncio.current_task())
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await function(reader, writer)
            self.open[name] -= 1
            writer.close()
            self.tasks.discard(asyncio.current_task())

        tls = self.tls if name.endswith("behind_tls") else None
        server = await asyncio.start_server(connected, address, 0, ssl=tls, backlog=512)
        self.servers.append(server)
        self.ports[name] = server.sockets[0].getsockname()[1]

    def more(self, function, addresses):
        """The same on many addresses; (address, port) of each."""
        async def begin():
            for address in addresses:
                await self.serve(address, function, address)

        asyncio.run_coroutine_threadsafe(begin(), self.loop).result(30)
        return [(address, self.ports[address]) for address in addresses]

    def urls(self):
        """http targets of all, and https ones of those that have to do with TLS."""
        return [f"http://{self.address}:{self.ports[name]}/" for name in BEHAVIOURS if not name.endswith("behind_tls")] + [
            f"https://{self.address}:{self.ports[name]}/" for name in TLS_TARGETS]

    def close(self):
        async def end():
            for server in self.servers:
                server.close()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
