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
KEPT = 3        # archives, for what the packages depend on changes
# apt's words for a machine without network. In CI that is a failure as any other.
AWAY = re.compile(r"Could not (resolve|connect)|Temporary failure|Network is unreachable|Connection (timed out|refused)|Failed to fetch")


def field(deb, name):
    return subprocess.check_output(["dpkg-deb", "-f", str(deb), name], text=True).strip()


def needed(debs):
    """The packages that these depend on, without themselves and without versions."""
    own = {field(deb, "Package") for deb in debs}
    names = {re.split(r"[ (|]", part.strip())[0] for deb in debs for part in field(deb, "Depends").split(",")}
    return sorted(names - own)


def node(debs):
    """What a Debian has in which only these packages are missing."""
    return ["apache2", "ca-certificates", "curl", *needed(debs)]


def base(packages):
    """The archive of a Debian that has these packages."""
    include = ",".join(packages)
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
        new.rename(archive)
        for old in sorted(archive.parent.glob(f"{release}-????????????.tar"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
            old.unlink()
    else:
        os.utime(archive)
    return archive


class CleanRoot:
    """debs: what will be installed, and lies in /srv/packages already. packages: what is there, else what debs depend on."""

    def __init__(self, debs=(), packages=None):
        if not AS_ROOT:
            pytest.skip("a clean Debian is made and entered by root alone")
        archive = base(packages or node(debs))
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
            self.keeper = subprocess.Popen([program("setpriv"), "--pdeathsig", "KILL", program("unshare"), "--mount", "--pid", "--net", "--uts", "--fork",
                                            "--kill-child", f"--mount-proc={self.path}/proc", "chroot", str(self.path), "sh", "-c",
                                            "sleep infinity & wait"], stdin=subprocess.DEVNULL)
            self.inner = self._inner()
            subprocess.run([program("nsenter"), f"--net=/proc/{self.inner}/ns/net", program("ip"), "link", "set", "lo", "up"], check=True)
            self.file("/dev/shm").mkdir(exist_ok=True)
            self._mount("-t", "tmpfs", "-o", "mode=1777", "shm", self.file("/dev/shm"))
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

    def run(self, script, check=True, **env):
        """What sh says to a script in there, as root, in the folder with the packages."""
        done = subprocess.run([program("nsenter"), "-t", str(self.inner), "-m", "-p", "-n", "-u", "-r", "-w", "/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                               *(f"{name}={value}" for name, value in env.items()), "sh", "-euc", "cd /srv/packages 2>/dev/null || cd /; " + script],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300)
        assert not check or done.returncode == 0, f"{script}\nended with {done.returncode}: {done.stdout[-4000:]}"
        return done.stdout if check else done

    def mount(self, folder, name):
        """A folder of this machine is seen in there, too, under a name."""
        self.file(name).mkdir()
        self._mount("--bind", folder, self.file(name))

    def _mount(self, *args):
        subprocess.run([program("nsenter"), "-t", str(self.inner), "-m", "mount", *map(str, args)], check=True)

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


class Lan:
    """A network between clean Debians, with no way out of it: machines is {name: (address, CleanRoot)}; each knows the others
    by name."""

    def __init__(self, machines):
        self.machines = machines
        self.keeper = subprocess.Popen([program("setpriv"), "--pdeathsig", "KILL", program("unshare"), "--net", "sleep", "infinity"],
                                       stdin=subprocess.DEVNULL)
        try:
            own, end = os.readlink("/proc/self/ns/net"), time.monotonic() + 30
            while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == own:
                assert time.monotonic() < end and self.keeper.poll() is None, "unshare has made no network"
                time.sleep(0.02)
            self._ip(self.keeper.pid, "link add lan type bridge", "link set lan up")
            hosts = "".join(f"{address} {name}\n" for name, (address, _) in machines.items())
            for number, (name, (address, root)) in enumerate(machines.items()):
                self._ip(self.keeper.pid, f"link add port{number} type veth peer name eth0 netns {root.inner}", f"link set port{number} master lan up")
                self._ip(root.inner, f"addr add {address}/24 dev eth0", "link set eth0 up")
                root.file("/etc/hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
                root.run(f"hostname {name}")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _ip(process, *commands):
        for command in commands:
            subprocess.run([program("nsenter"), f"--net=/proc/{process}/ns/net", program("ip"), *command.split()], check=True)

    def cut(self, name, off=True):
        """A machine has no network, or has it again."""
        self._ip(self.keeper.pid, f"link set port{list(self.machines).index(name)} {'down' if off else 'up'}")

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
