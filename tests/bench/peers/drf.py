"""Runs the Django REST Framework twin (peers/twin) under gunicorn on the database of an installation of mod_saas."""

import os
import signal
import subprocess
import time
from pathlib import Path

from saastest.places import Places, clean_environment, command_as, free_port, httpd_user, port_is_open, program

HERE = Path(__file__).parent / "twin"


class Twin:
    """Two processes with four threads each. database: a Pgsql."""

    def __init__(self, database):
        self.places = Places()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        # A copy that the unprivileged user can read, wherever the checkout is.
        code = self.places.folder("twin")
        for path in HERE.glob("*.py"):
            (code / path.name).write_text(path.read_text())
            os.chmod(code / path.name, 0o644)
        self.log = self.places.path / "gunicorn.log"
        cluster = database.cluster
        # As the owner, whose policies show every tenant's rows: nothing has to be set for each request.
        environment = clean_environment(TWIN_DB_HOST=cluster.socket, TWIN_DB_NAME=database.name, TWIN_DB_USER=cluster.OWNER,
                                        PYTHONDONTWRITEBYTECODE="1")
        argv = [program("gunicorn"), "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "2",
                "--threads", "4", "--keep-alive", "75", "--timeout", "300", "--chdir", code,
                "--log-level", "warning", "wsgi:application"]
        shared = Path("/dev/shm")
        if shared.is_dir():
            argv[1:1] = ["--worker-tmp-dir", shared]
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(command_as(httpd_user(), argv, True), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=environment, cwd="/", start_new_session=True)
        until = time.monotonic() + 30
        while not port_is_open(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(errors="replace")[-2000:]
                self.close()
                raise RuntimeError("the Django twin did not start: " + said)
            time.sleep(0.05)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait(10)
        self.places.close()
