"""A server whose clock is set while it runs (libfaketime). Timers that count from the start of the machine go on as they did, as
they do when a real clock is set."""

import email.utils
import glob
import time

import pytest


class Clock:
    def __init__(self, site):
        found = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))
        if not found:
            pytest.skip("no libfaketime: install the package faketime")
        self.file = site.places.folder("clock") / "offset"
        self.file.parent.chmod(0o755)
        self.site = site
        self.set(0)
        site.httpd.environment = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                                  "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def set(self, seconds):
        """So many seconds before or behind everybody else's."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.chmod(0o644)
        new.replace(self.file)

    def shows(self, seconds):
        """The server's own word for it, in its answers' Date."""
        said = email.utils.parsedate_to_datetime(self.site.nobody().get("auth/me/").headers["Date"]).timestamp()
        return abs(said - time.time() - seconds) < 60
