"""Where things are and as whom they run: the checkout, the build tree, scratch folders that the
unprivileged users of httpd and PostgreSQL can enter even when the checkout is below a home that only
its owner may enter. Never writes into the checkout outside build/.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SAAS_BUILD", ROOT / "build")).absolute()

PLUGINS = ("accounts", "organizations", "audits", "billing", "webhooks", "export", "mail", "notify", "console", "engine_web", "engine_import")
AS_ROOT = os.geteuid() == 0


def program(*names):
    """The full path of the first of these programs that is installed; system folders count too."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise RuntimeError("none of these programs is installed: " + ", ".join(names))


def account(*names):
    """The passwd entry of the first of these users that exists."""
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("none of these users exists: " + ", ".join(names))


def httpd_user():
    """The account httpd's children run as, or None when we are not root and nothing can be switched."""
    return account("www-data", "apache", "httpd", "nobody") if AS_ROOT else None


def postgres_user():
    """The account PostgreSQL runs as (it refuses root), or None when we are not root."""
    return account("postgres", "nobody") if AS_ROOT else None


def give(path, user):
    """Hand a file, or a folder with all that is in it, to an account; nothing to do when not root."""
    if user is None:
        return
    path = Path(path)
    os.lchown(path, user.pw_uid, user.pw_gid)
    if path.is_dir() and not path.is_symlink():
        for below in path.rglob("*"):
            os.lchown(below, user.pw_uid, user.pw_gid)


def command_as(user, argv, die_with_parent):
    """argv, prefixed so that it runs as user and, if wanted, ends when this process dies."""
    prefix = []
    if user is not None:
        prefix += ["--reuid", user.pw_name, "--regid", str(user.pw_gid), "--init-groups"]
    if die_with_parent:
        prefix += ["--pdeathsig", "TERM"]
    return ([program("setpriv")] + prefix + ["--"] if prefix else []) + [str(a) for a in argv]


def clean_environment(**more):
    """An environment with nothing of the caller's that could change what a server does."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "SAAS", "STRIPE", "LC_", "http", "HTTP", "APACHE"))}
    keep.update({"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})
    keep.update({k: str(v) for k, v in more.items()})
    return keep


_claims = []


def ephemeral():
    """The first port that the kernel gives to clients on its own."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 32768


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses now, and that stays ours until this process ends: below those of
    clients, whose connections would take it before its server listens, and claimed by a name that the kernel keeps
    unique among all test processes of the machine, and drops with its holder.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(max(1024, ephemeral() - 16384), max(2048, ephemeral()))
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0saas-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError("no free port")


def port_is_open(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def end_process(process, seconds=10):
    """Ends a child of ours: by SIGTERM, and where that is not enough by SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(seconds)


def halt(pid):
    """Stops a process where it is (SIGSTOP); returns when it is: until each of its threads has been scheduled, those that
    have not been go on, and could take what is sent next with them."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 10
    while any(state not in "TtZX" for state in thread_states(pid)):
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.001)


def thread_states(pid):
    """The letters of proc(5), one for each thread."""
    states = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            states.append((task / "stat").read_text().rsplit(")", 1)[1].split()[0])
        except FileNotFoundError:
            pass
    return states


class Places:
    """One scratch folder, short enough for a unix socket, that everybody can enter."""

    def __init__(self, path=None):
        self.own = path is None
        self.path = Path(path) if path else Path(tempfile.mkdtemp(prefix="saas-"))
        os.chmod(self.path, 0o755)

    def folder(self, name, user=None, mode=0o755):
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        os.chmod(path, mode)
        give(path, user)
        return path

    def close(self):
        if self.own and not os.environ.get("SAAS_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)


def saasctl(db, *args, stdin=None, check=True, timeout=120, wrapped=()):
    """Run the operator's command against a database URL; returns what it printed, without the last newline. wrapped: words in
    front of it, of a program that runs it."""
    done = subprocess.run([*wrapped, str(BUILD / "bin" / "saasctl"), "--db", db, *args], input=stdin, text=True, timeout=timeout,
                          capture_output=True, env=clean_environment(SAASCTL_SQL=ROOT / "sql"), cwd=ROOT)
    if check and done.returncode != 0:
        raise RuntimeError(f"saasctl {' '.join(args)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n") if check else done
