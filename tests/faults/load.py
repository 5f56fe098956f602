"""Steady load from several threads, and what came of each request."""

import collections
import http.client
import threading
import time


class Load:
    """Sends GETs for `paths` with `headers` from `threads` threads, each on a new connection, until stop()."""

    def __init__(self, port, paths, headers, threads=6):
        self.port, self.paths, self.headers = port, paths, headers
        self.seen = []          # (when, path, status or the exception's name)
        self.going = True
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def _run(self, n):
        while self.going:
            path = self.paths[n % len(self.paths)]
            n += 1
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", path, headers={**self.headers, "Connection": "close"})
                reply = connection.getresponse()
                reply.read()
                outcome = reply.status
            except (OSError, http.client.HTTPException) as failure:
                outcome = type(failure).__name__
            finally:
                connection.close()
            self.seen.append((time.monotonic(), path, outcome))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.going = False
        for thread in self.threads:
            thread.join(40)

    def outcomes(self, since=0.0):
        return collections.Counter(outcome for when, _, outcome in self.seen if when >= since)

    def wait_for(self, outcome, since, seconds=30):
        """Until some request after `since` had this outcome."""
        end = time.monotonic() + seconds
        while not self.outcomes(since)[outcome]:
            assert time.monotonic() < end, f"no {outcome} within {seconds} s: {self.outcomes(since)}"
            time.sleep(0.05)
