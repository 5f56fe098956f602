"""A real Django: Debian's, with the project in tests/ctl/djangoproject, in a database of its own."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from saastest.places import clean_environment

PROJECT = Path(__file__).resolve().parent / "djangoproject"
PASSWORD = "Brought along älso 1"
# By Django's names for them: what it switches on, of all its versions, and the plain bcrypt.
HASHERS = ("pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "scrypt", "bcrypt")


class Django:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {**clean_environment(), "DJANGO_DATABASE": str(folder / "django.db"), "DJANGO_PASSWORD": PASSWORD,
                            "DJANGO_HASHERS": " ".join(HASHERS), "PYTHONDONTWRITEBYTECODE": "1"}
        self.manage("migrate", "--run-syncdb", "--verbosity", "0")
        self.create_superuser()
        self.run("fill.py")

    def run(self, *args):
        done = subprocess.run([sys.executable, *args], cwd=PROJECT, env=self.environment, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def manage(self, *args):
        return self.run("manage.py", *args)

    def create_superuser(self):
        """At a terminal, where one may leave out the address; elsewhere Django asks for it."""
        child, terminal = pty.fork()
        if not child:
            os.chdir(PROJECT)
            os.execve(sys.executable, [sys.executable, "manage.py", "createsuperuser"], self.environment)
        said = b""
        for question, answer in (("Username", "root"), ("Email", ""), ("Password:", PASSWORD), ("again", PASSWORD)):
            while question.encode() not in said:
                said += os.read(terminal, 4096)
            os.write(terminal, answer.encode() + b"\n")
        try:
            while more := os.read(terminal, 4096):
                said += more
        except OSError:  # how Linux says that nobody is at the other end
            pass
        os.close(terminal)
        assert os.waitpid(child, 0)[1] == 0 and b"created successfully" in said, said

    def dump(self, name, *options):
        """manage.py dumpdata, as it comes; the path of what it has written."""
        path = self.folder / f"{name}.json"
        path.write_text(self.manage("dumpdata", *options), encoding="utf-8")
        return str(path)
