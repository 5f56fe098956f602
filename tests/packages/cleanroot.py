"""A clean Debian in a folder, with namespaces of its own for processes, mounts and network, so that it has a port 80 and
ends with the test. Made by mmdebstrap from the registry that this machine's apt is set up for, once a checkout; below
build/, by what the packages depend on.
"""

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from saastest.places import AS_ROOT, BUILD, clean_environment, program

CLONE_NEWNET = 0x40000000
# apt's words for a machine without network. In CI that is a failure as any other.
AWAY = re.compile(r"Could not (resolve|connect)|Temporary failure|Network is unreachable|Connection (timed out|refused)|Failed to fetch")


def field(deb, name):
    return subprocess.check_output(["dpkg-deb", "-f", str(deb), name], text=True).strip()


def needed(debs):
    """The packages that these depend on, without themselves and without versions."""
    own = {field(deb, "Package") for deb in debs}
    names = {re.split(r"[ (|]", part.strip())[0] for deb in debs for part in field(deb, "Depends").split(",")}
    return sorted(names - own)


def base(debs):
    """The archive of a Debian in which only these packages are missing."""
    include = ",".join(["apache2", "ca-certificates", "curl", *needed(debs)])
    release = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.M).group(1)
    key = hashlib.sha256(f"{release} {include}".encode()).hexdigest()[:12]
    archive = BUILD / "cleanroot" / f"{release}-{key}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        sources = [str(p) for p in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
                   if p.suffix in (".list", ".sources") and p.is_file()]
        new = archive.with_suffix(f".{os.getpid()}.tar")
        done = subprocess.run([program("mmdebstrap"), "--quiet", "--variant=apt", f"--include={include}", release, str(new), *sources],
                              capture_output=True, text=True, env=clean_environment())
        if done.returncode != 0 and AWAY.search(done.stderr) and not os.environ.get("CI"):
            pytest.skip("no clean Debian: the registry of packages cannot be reached")
        assert done.returncode == 0, f"mmdebstrap made no Debian: {done.stderr[-2000:]}"
        for old in archive.parent.glob("*.tar"):
            if old != new and f".{os.getpid()}." not in old.name:
                old.unlink()
        new.rename(archive)
    return archive


class CleanRoot:
    """debs: what will be installed, and lies in /srv/packages already."""

    def __init__(self, debs):
        if not AS_ROOT:
            pytest.skip("a clean Debian is made and entered by root alone")
        archive = base(debs)
        self.path = Path(tempfile.mkdtemp(prefix="saas-root-"))
        self.keeper = None
        try:
            subprocess.run(["tar", "-xf", str(archive), "-C", str(self.path), "--numeric-owner"], check=True)
            self.file("/etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')   # there is nobody to ask
            # Its init scripts start services, there being no systemd.
            policy = self.file("/usr/sbin/policy-rc.d")
            policy.write_text("#!/bin/sh\nexit 0\n")
            policy.chmod(0o755)
            self.put(debs)
            # A first process that takes leave of those that have ended, as init does: a shell that waits.
            self.keeper = subprocess.Popen([program("setpriv"), "--pdeathsig", "KILL", program("unshare"), "--mount", "--pid", "--net", "--fork",
                                            "--kill-child", f"--mount-proc={self.path}/proc", "chroot", str(self.path), "sh", "-c",
                                            "sleep infinity & wait"], stdin=subprocess.DEVNULL)
            self.inner = self._inner()
            subprocess.run([program("nsenter"), f"--net=/proc/{self.inner}/ns/net", program("ip"), "link", "set", "lo", "up"], check=True)
        except BaseException:
            self.close()
            raise

    def _inner(self):
        """The first process inside, once it is where it belongs."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = Path(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children").read_text().split()
            if found and os.readlink(f"/proc/{found[0]}/root") == str(self.path):
                return int(found[0])
            assert self.keeper.poll() is None, "unshare has ended"
            time.sleep(0.02)
        raise RuntimeError("no clean root after 30 s")

    def put(self, debs):
        """These packages, and no others, are in /srv/packages now."""
        folder = self.path / "srv" / "packages"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for deb in debs:
            shutil.copy(deb, folder)

    def run(self, script, check=True):
        """What sh says to a script in there, as root, in the folder with the packages."""
        done = subprocess.run([program("nsenter"), "-t", str(self.inner), "-m", "-p", "-n", "-r", "-w", "/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                               "sh", "-euc", "cd /srv/packages 2>/dev/null || cd /; " + script],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300)
        assert not check or done.returncode == 0, f"{script}\nended with {done.returncode}: {done.stdout[-4000:]}"
        return done.stdout if check else done

    def mount(self, folder, name):
        """A folder of this machine is seen in there, too, under a name."""
        self.file(name).mkdir()
        subprocess.run([program("nsenter"), "-t", str(self.inner), "-m", "mount", "--bind", str(folder), str(self.file(name))], check=True)

    @contextlib.contextmanager
    def network(self):
        """What this thread opens meanwhile it opens in there."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(name):
            fd = os.open(name, os.O_RDONLY)
            try:
                if libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns {name}")
            finally:
                os.close(fd)

        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        enter(f"/proc/{self.inner}/ns/net")
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{own}")
            os.close(own)

    def file(self, name):
        return self.path / name.lstrip("/")

    def close(self):
        if self.keeper:
            self.keeper.kill()      # and with it everything in there
            self.keeper.wait()
        if not os.environ.get("SAAS_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)
