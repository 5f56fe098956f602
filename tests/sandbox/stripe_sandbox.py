#!/usr/bin/python3
"""Starts the Stripe sandbox: a stand-in for Stripe on 127.0.0.1, for tests and demos.

See README.md beside this file. It keeps everything in memory, talks to nobody but
the webhook URL it is given, and must never be reachable from outside the machine.
"""

import argparse
import os
import signal
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox import catalog, versions  # noqa: E402
from sandbox.api import Api  # noqa: E402
from sandbox.billing import Billing  # noqa: E402
from sandbox.control import Control  # noqa: E402
from sandbox.faults import Faults, Journal  # noqa: E402
from sandbox.idempotency import Idempotency  # noqa: E402
from sandbox.server import Server  # noqa: E402
from sandbox.store import Store  # noqa: E402
from sandbox.webhooks import Sender  # noqa: E402


def seconds_list(text):
    values = [float(part) for part in text.split(",") if part.strip()]
    if any(value < 0 for value in values):
        raise ValueError("negative")
    return values


def price(text):
    try:
        return catalog.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


def arguments():
    parser = argparse.ArgumentParser(description="A stand-in for Stripe, for tests and demos.")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--port-file", help="the port is written here once listening")
    parser.add_argument("--base-url", help="what checkout and portal URLs begin with")
    parser.add_argument("--webhook-url", help="where events are sent; without it nowhere")
    parser.add_argument("--webhook-secret", action="append", metavar="whsec_…",
                        help="give it twice to sign with two, as during a rotation")
    parser.add_argument("--secret-key", required=True, metavar="sk_test_…")
    parser.add_argument("--price", action="append", type=price, metavar="price_…[,amount=2900,…]",
                        help="a price that exists, by default price_sandbox_premium; with %s as wanted"
                             % ", ".join(name + "=" for name in catalog.FIELDS if name != "id"))
    parser.add_argument("--api-version", type=versions.resolve,
                        default=versions.resolve("basil"), metavar="VERSION",
                        help="of events, and of replies to calls without Stripe-Version: %s, or a "
                             "full version (default: basil)" % ", ".join(versions.NAMES))
    parser.add_argument("--retry", type=seconds_list, default=[0.5, 1, 2, 4],
                        help="pauses before webhook retries (default: 0.5,1,2,4)")
    parser.add_argument("--webhook-timeout", type=float, default=10)
    parser.add_argument("--redirect-wait", type=float, default=5,
                        help="how long Pay waits for the webhooks' answers (default: 5; 0 = not)")
    parser.add_argument("--verbose", action="store_true", help="log requests to stderr")
    options = parser.parse_args()
    if options.webhook_url and not any(options.webhook_secret or []):
        parser.error("--webhook-url needs a --webhook-secret")
    return options


def write_port(path, port):
    """Written beside and renamed: whoever waits for the file never reads half of it."""
    temporary = "%s.%d" % (path, os.getpid())
    with open(temporary, "w", encoding="ascii") as out:
        out.write("%d" % port)
    os.replace(temporary, path)


def main():
    options = arguments()
    if options.port_file and os.path.exists(options.port_file):
        os.unlink(options.port_file)
    try:
        server = Server(("127.0.0.1", options.port), options.verbose)
    except OSError as error:
        sys.exit("stripe sandbox: cannot listen on 127.0.0.1:%d: %s" % (options.port, error))
    port = server.server_address[1]
    base_url = (options.base_url or "http://127.0.0.1:%d" % port).rstrip("/")

    store = Store(options.price or [price("price_sandbox_premium")], base_url)
    sender = Sender(options.webhook_url, options.webhook_secret or ["whsec_sandbox"],
                    options.retry, options.webhook_timeout)
    billing = Billing(store, sender, options.api_version)
    idempotency = Idempotency(store.now)
    faults, journal = Faults(), Journal()
    settings = {"redirect_wait": options.redirect_wait, "event_version": options.api_version}
    api = Api(store, billing, idempotency, options.secret_key, options.api_version)
    control = Control(store, billing, sender, faults, journal, idempotency, settings)
    server.attach(api, billing, control, faults, journal, settings)

    def stop(signum, frame):
        server.stopping.set()
        sender.stop()
        threading.Thread(target=server.shutdown, daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    if options.port_file:
        write_port(options.port_file, port)
    else:
        print("stripe sandbox: %s" % base_url, flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
