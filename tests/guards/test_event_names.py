"""What is kept of an event's JSON (plugins/webhooks/skim.c) is what its reader asks for."""

import re

from saastest import ROOT

SOURCES = ROOT / "plugins" / "webhooks"


def test_the_members_that_are_kept_are_those_that_are_asked_for():
    reader, skim = ((SOURCES / name).read_text() for name in ("event.c", "skim.c"))
    asked = set(re.findall(r', "(\w+)"\)', re.sub(r"strn?cmp\([^;]*?\)", "", reader)))
    known = re.search(r"known\[\] = \{(.*?)\};", skim, re.DOTALL).group(1)
    kept = re.findall(r'"(\w+)"', known)
    assert asked == set(kept)
    assert kept == sorted(kept) and len(kept) > 30, "it is searched by halves"
    # Whoever walks through all members of an object would miss some.
    assert "json_object_foreach" not in reader and "json_object_iter" not in reader and "json_object_size" not in reader
