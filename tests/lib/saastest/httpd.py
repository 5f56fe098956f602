"""A private Apache httpd: own ServerRoot, own port, own log, the modules of build/ copied to where its
children can read them, any MPM. Starts, stops and signals it; reads its error log.
"""

import functools
import os
import re
import shutil
import signal
import subprocess
import time

from .places import (BUILD, PLUGINS, Places, clean_environment, command_as, free_port, give, httpd_user, port_is_open,
                     program)

# What the base configuration loads, where it is not built in. A test adds more through `modules`.
MODULES = ("authn_core", "authz_core", "authz_host", "authz_user", "unixd", "log_config", "mime", "dir", "alias", "env",
           "headers", "setenvif", "proxy", "proxy_http", "status", "dbd")

LEVEL = re.compile(r"\[[\w-]*:(warn|error|crit|alert|emerg)\]")
CRASH = re.compile(r"exit signal (?!Killed|Terminated)|AH00051|stack smashing|runtime error:|AddressSanitizer|Assertion .* failed")
KILLED = re.compile(r"exit signal Killed")

# Said by httpd itself about what a test sandbox is, not about mod_saas.
HARMLESS = ("AH00558", "AH00098",
            # A child of event that is told to end closes its pollset under a thread that hands a connection back.
            "(9)Bad file descriptor: AH03093")

# How the children of each MPM are cut small, so that tests see several of them.
MPM = {
    "event": "StartServers 2\nServerLimit 3\nThreadsPerChild 16\nMaxRequestWorkers 48\nMinSpareThreads 8\nMaxSpareThreads 48",
    "worker": "StartServers 2\nServerLimit 3\nThreadsPerChild 16\nMaxRequestWorkers 48\nMinSpareThreads 8\nMaxSpareThreads 48",
    "prefork": "StartServers 4\nMinSpareServers 4\nMaxSpareServers 8\nMaxRequestWorkers 16",
}


@functools.lru_cache(maxsize=None)
def apxs(what):
    return subprocess.check_output([program("apxs", "apxs2"), "-q", what], text=True).strip()


@functools.lru_cache(maxsize=None)
def built_in_modules(binary):
    return subprocess.check_output([binary, "-l"], text=True)


def httpd_environment():
    """Modules that were built with sanitizers need their libraries before everything else in a httpd that was not."""
    preload = os.environ.get("SAAS_HTTPD_PRELOAD")
    return clean_environment(LD_PRELOAD=preload) if preload else clean_environment()


class LogWatch:
    """The error log since a mark: what in it nobody has announced."""

    def __init__(self, path):
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0
        self.kept = None

    def keep(self):
        """Remembers the text of until now, for after the log is gone."""
        if self.kept is None:
            self.kept = self.text()

    def text(self):
        if self.kept is not None:
            return self.kept
        if not self.path.exists():
            return ""
        with open(self.path, "rb") as log:
            log.seek(self.offset)
            return log.read().decode("utf-8", "replace")

    def mark(self):
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def problems(self, expected=(), kills=False):
        """Lines at warn or above that hold none of the expected words, and every crash."""
        found = []
        for line in self.text().splitlines():
            if CRASH.search(line) or (KILLED.search(line) and not kills):
                found.append(line)
            elif LEVEL.search(line) and not any(word in line for word in (*expected, *HARMLESS)):
                found.append(line)
        return found


class Httpd:
    def __init__(self, conf="", places=None, mpm="event", port=None, plugins=PLUGINS, modules=(), detached=False,
                 with_saas=True, workers=None):
        self.binary = program("apache2", "httpd")
        self.places = places or Places()
        self.user = httpd_user()
        self.mpm = mpm
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.detached = detached
        self.process = None
        self.watches = []
        self.root = self.places.folder("httpd")
        self.docs = self.places.folder("httpd/htdocs")
        self.state = self.places.folder("httpd/state", self.user, 0o750)
        self.places.folder("httpd/run", self.user)
        self.error_log = self.root / "error.log"
        self.access_log = self.root / "access.log"
        self.plugins, self.modules, self.with_saas = plugins, modules, with_saas
        self.workers = workers
        self.environment = {}    # besides the usual
        self.conf = conf
        (self.docs / "index.html").write_text("<!doctype html><title>up</title>up\n")

    def module_lines(self):
        built_in = built_in_modules(self.binary)
        folder = apxs("LIBEXECDIR")
        lines = []
        for name in (f"mpm_{self.mpm}", *MODULES, *self.modules):
            source = {"mpm_event": "event.c", "mpm_worker": "worker.c", "mpm_prefork": "prefork.c"}.get(name, f"mod_{name}.c")
            if source not in built_in:
                lines.append(f'LoadModule {name}_module "{folder}/mod_{name}.so"')
        if self.with_saas:
            own = self.places.folder("httpd/modules")
            for name, symbol in [("mod_saas.so", "saas_module")] + [
                    (f"mod_saas_{p}.so", f"saas_{p}_module") for p in self.plugins]:
                # A new file, not new bytes in the old one: a running httpd has the old one mapped.
                shutil.copy2(BUILD / "modules" / name, own / (name + ".new"))
                os.chmod(own / (name + ".new"), 0o644)
                os.replace(own / (name + ".new"), own / name)
                lines.append(f'LoadModule {symbol} "{own / name}"')
        return lines

    def write(self, conf=None):
        """The configuration file anew; the server reads it at its next start or restart."""
        if conf is not None:
            self.conf = conf
        identity = f"User {self.user.pw_name}\nGroup #{self.user.pw_gid}" if self.user else ""
        text = "\n".join([
            f'ServerRoot "{self.root}"', f'DefaultRuntimeDir "{self.root}/run"', f'PidFile "{self.root}/httpd.pid"',
            "ServerName 127.0.0.1", f"Listen 127.0.0.1:{self.port}", *self.module_lines(), identity,
            self.workers or MPM[self.mpm],
            f'ErrorLog "{self.error_log}"', "LogLevel warn",
            'LogFormat "%h %t \\"%r\\" %>s %b %D" tests', f'CustomLog "{self.access_log}" tests',
            "TypesConfig /dev/null", "AddType text/html .html", "AddType text/plain .txt",
            f'DocumentRoot "{self.docs}"', "DirectoryIndex index.html",
            "<Directory />\n    AllowOverride None\n    Require all denied\n</Directory>",
            f'<Directory "{self.docs}">\n    Require all granted\n</Directory>',
            "KeepAlive On\nKeepAliveTimeout 5\nTimeout 30\nGracefulShutdownTimeout 20", self.conf, ""])
        path = self.root / "httpd.conf"
        path.write_text(text)
        return path

    def configtest(self, conf=None):
        """(exit status, what was printed) of `-t` for this configuration."""
        path = self.write(conf)
        done = subprocess.run([self.binary, "-f", str(path), "-t"], capture_output=True, text=True, env=httpd_environment())
        return done.returncode, done.stdout + done.stderr

    def start(self, conf=None, wait=True):
        path = self.write(conf)
        with open(self.root / "console.log", "ab") as out:
            self.process = subprocess.Popen(
                command_as(None, [self.binary, "-f", path, "-DFOREGROUND"], not self.detached),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**httpd_environment(), **self.environment}, cwd="/",
                start_new_session=True)
        until = time.monotonic() + 90
        while wait and not ((self.root / "httpd.pid").exists() and port_is_open(self.port)):
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError("httpd did not start: " + self.said())
            time.sleep(0.02)
        return self

    def said(self):
        """The end of what it wrote to its console and error log, for messages."""
        return "".join(p.read_text(errors="replace")[-4000:] for p in (self.root / "console.log", self.error_log) if p.exists())

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def children(self):
        """Process ids of the children that serve requests."""
        out = subprocess.run(["ps", "-o", "pid=,stat=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(pid) for pid, state in map(str.split, out.splitlines()) if not state.startswith("Z")]

    def kill_children(self, most=None):
        """Kills as many of the children as there are, or so many of them, and at least one; their process ids, once they are
        dead and their connections with them."""
        killed = []
        while not killed:
            for pid in self.wait_children()[:most]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                except ProcessLookupError:
                    pass  # it has ended by itself
        until = time.monotonic() + 60
        while set(killed) & set(self.children()):
            assert time.monotonic() < until, "killed children do not die"
            time.sleep(0.02)
        return killed

    def wait_children(self, count=1, seconds=60):
        until = time.monotonic() + seconds
        while len(self.children()) < count:
            assert time.monotonic() < until, "httpd has no children: " + self.said()
            time.sleep(0.05)
        return self.children()

    def graceful(self):
        """Ask for a graceful restart and wait until the next generation says it is up."""
        log = LogWatch(self.error_log)
        self.process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + 90
        while "resuming normal operations" not in log.text():
            if not self.alive() or time.monotonic() > until:
                raise RuntimeError("no graceful restart: " + self.said())
            time.sleep(0.02)

    def stop(self, seconds=30):
        if self.process is None:
            return
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        # Children of a parent that was killed are still in its session.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait(10)
        self.process = None

    def restart(self, conf=None):
        self.stop()
        return self.start(conf)

    def resident(self):
        """Resident memory of all children together, bytes (shared pages counted in each)."""
        total = 0
        for pid in self.children():
            try:
                with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
                    total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                pass
        return total

    def watch(self):
        self.watches.append(LogWatch(self.error_log))
        return self.watches[-1]

    def page(self, name, text):
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        give(path, None)
        return path

    def close(self):
        self.stop()
        for watch in self.watches:
            watch.keep()
        self.places.close()
