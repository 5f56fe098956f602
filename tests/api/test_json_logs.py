"""httpd's logs as JSON, by saaslog: every line is an object with the fields of the format and no other, whatever clients send."""

import atexit
import json
import random
import re
import shutil
import subprocess
import time

import pytest

from saastest import BUILD, ROOT, Places

# Where there is no space in the path, which httpd would take for the end of the program's name.
PLACES = Places()
atexit.register(PLACES.close)
SAASLOG = PLACES.path / "saaslog"
shutil.copy(BUILD / "bin" / "saaslog", SAASLOG)
SITE_STRIPE = False
EXAMPLE = (ROOT / "conf" / "examples" / "json-log.conf").read_text()
# The example's own lines, into files of the test's; the error log of one host, so that the other's stays what fixtures read.
LINES = [line.replace("/usr/bin/saaslog /var/log/apache2", f"{SAASLOG} {{docs}}/..") for line in EXAMPLE.splitlines() if line and line[0] != "#"]
SITE_CONF = f"""
{LINES[2]}
{LINES[3]}
<VirtualHost *>
    ServerName logged.example.test
    DocumentRoot "{{docs}}"
    LogLevel saas:info core:info
    {LINES[0]}
    {LINES[1]}
</VirtualHost>
<Location "/area">
    AuthType Saas
    Require saas-user
</Location>
"""
HOST = {"Host": "logged.example.test"}
KNOWN = {"time", *re.findall(r"(?:\"|\\t(?:% )?)(\w+):%", EXAMPLE)}


def lines(site, name, until, seconds=8):
    """The objects of a log, once one of them is as until() wants it."""
    end = time.monotonic() + seconds
    while True:
        path = site.httpd.docs.parent / name
        text = path.read_text() if path.exists() else ""
        found = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        if any(until(line) for line in found) or time.monotonic() > end:
            assert any(until(line) for line in found), text[-2000:]
            assert not set().union(*found) - KNOWN
            return found
        time.sleep(0.05)


def test_both_logs_name_the_request(site, person):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = site.nobody().get("/area/?a=b", headers={**HOST, "X-Request-ID": "of-both", "traceparent": trace})
    assert reply.status_code == 401
    line, = (x for x in lines(site, "access.json", lambda x: x.get("request") == "of-both") if x.get("request") == "of-both")
    assert (line["method"], line["url"], line["status"], line["verdict"], line["trace"]) == ("GET", "/area/?a=b", "401", "not_authenticated", trace)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) and "user" not in line
    line = next(x for x in lines(site, "error.json", lambda x: x.get("request") == "of-both") if x.get("request") == "of-both")
    assert line["module"] and line["level"] and line["trace"] == trace and "message" in line


@pytest.mark.parametrize("sent", ['"', "\\", "\\x41", 'x","level":"x', "tab\tstatus:200", "é", b"\xff\xfe", "<script>"])
def test_what_a_client_sends_stays_in_its_field(site, sent):
    mark = f"mark{random.SystemRandom().randrange(10**12)}"
    raw = sent if isinstance(sent, bytes) else sent.encode()
    agent = mark.encode() + raw
    site.nobody().get("/" + mark + "".join(f"%{byte:02x}" for byte in raw), headers={**HOST, "User-Agent": agent})
    found = [x for x in lines(site, "access.json", lambda x: mark in x.get("agent", "")) if mark in x.get("agent", "")]
    assert len(found) == 1 and found[0]["agent"] == agent.decode("utf-8", "replace") and found[0]["status"] == "404"
    found = [x for x in lines(site, "error.json", lambda x: mark in x.get("message", "")) if mark in x.get("message", "")]
    assert len(found) == 1 and found[0]["level"] == "info" and found[0]["message"].endswith(mark + raw.decode("utf-8", "replace"))


def run(data, *args):
    return subprocess.run([SAASLOG, *args], input=data, capture_output=True, timeout=60)


@pytest.mark.only_db("sqlite")
def test_any_bytes_become_lines_of_json(db_kind):
    chosen = random.Random(7)
    pieces = [b"a:", b"\t", b"\\x", b"\\xe9", b"\\n", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\x00", b'"', b"\\", b"-", b"\xf4\x90\x80\x80", b"x"]
    data = b"".join(b"".join(chosen.choices(pieces, k=chosen.randrange(40))) + b"\n" for _ in range(3000))
    out = run(data).stdout.decode("utf-8").splitlines()
    assert len(out) == data.count(b"\n") and all(isinstance(json.loads(line), dict) for line in out)
    # The most that a line can grow, and lines that are too long.
    for worst in (b"\xff\t" * 40000, b"a:\xff\t" * 20000, b'"' * 200000, b"\x01" * 65536):
        out = run(worst + b"\nnext\n").stdout.decode("utf-8").splitlines()
        assert len(out) == 2 and json.loads(out[0]) and json.loads(out[1])["message"] == "next"


@pytest.mark.only_db("sqlite")
def test_what_cannot_be_written_is_told_of_and_wrong_use_too(db_kind, places):
    file = places.path / "log.json"
    assert run(b"a:1\tb:2\n", str(file)).returncode == 0 and run(b"a:3\tb:4", str(file)).returncode == 0
    assert [json.loads(line)["a"] for line in file.read_text().splitlines()] == ["1", "3"]
    assert file.stat().st_mode & 0o777 == 0o640
    done = run(b"", str(places.path / "no" / "log"))
    assert done.returncode == 1 and b"no/log" in done.stderr
    assert run(b"", "--help").returncode == 2
