"""Installs what the benchmarks compare with, where apt-get and root's rights (or sudo) are there; says what to
install where they are not. Part of `make bench` alone: neither the build nor the tests need any of it.
"""

import shutil
import subprocess
import sys

from saastest.places import AS_ROOT, clean_environment

# Debian's name of a package, and the program that shows on another system that it is there.
PACKAGES = {
    "wrk": "wrk",
    "gunicorn": "gunicorn",
    "sslscan": "sslscan",
    "valgrind": "valgrind",
    "python3-django": None,
    "python3-djangorestframework": None,
    "python3-psycopg2": None,
    "libaprutil1-dbd-pgsql": None,
}


def _installed(package):
    shown = PACKAGES[package]
    if shutil.which("dpkg-query"):
        state = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True)
        return state.stdout == "installed"
    # Without dpkg only programs can be looked for; what else is missing, the peer says when it starts.
    return shown is None or shutil.which(shown) is not None


def _give_up(missing, why):
    sys.exit(f"bench: {why}. As root on Debian: apt-get install --no-install-recommends {' '.join(missing)}")


def install():
    """Everything in PACKAGES is there afterwards, or the program has ended with what to do."""
    missing = [package for package in PACKAGES if not _installed(package)]
    if not missing:
        return
    sudo = [] if AS_ROOT else [shutil.which("sudo")]
    if not shutil.which("apt-get"):
        _give_up(missing, "no apt-get here to install the peers with")
    if None in sudo:
        _give_up(missing, "neither root nor sudo to install the peers with")
    print("Installing:", *missing, flush=True)
    environment = clean_environment(DEBIAN_FRONTEND="noninteractive")
    if sudo:
        sudo += ["env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.run([*sudo, "apt-get", "update", "-q"], stdout=subprocess.DEVNULL, env=environment)
    done = subprocess.run([*sudo, "apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-q", "--no-install-recommends",
                           *missing], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    missing = [package for package in PACKAGES if not _installed(package)]
    if done.returncode or missing:
        sys.stderr.write(done.stdout[-2000:])
        _give_up(missing or list(PACKAGES), "apt-get could not install the peers")
