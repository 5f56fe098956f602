"""What is in the checkout, and C read closely enough to tell code from comments and text."""

import os
import re
import subprocess

from saastest import ROOT

TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*patterns):
    """Paths below the checkout that match, sorted."""
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()})


def host():
    return files("mod_saas/*.[ch]", "mod_saas/*/*.[ch]")


def plugin_folders():
    """Folders of plugins by the name of their module: accounts, …, engine_web."""
    plain = {path.name: path for path in ROOT.glob("plugins/*") if path.name != "engines" and path.is_dir()}
    return {**plain, **{f"engine_{path.name}": path for path in ROOT.glob("plugins/engines/*") if path.is_dir()}}


def plugins():
    return files("plugins/*/*.[ch]", "plugins/engines/*/*.[ch]")


def code(path):
    """A C file without its comments; line numbers stay."""
    def blank(match):
        text = match.group()
        return re.sub(r"[^\n]", " ", text) if text.startswith(("//", "/*")) else text
    return TOKENS.sub(blank, path.read_text(encoding="utf-8"))


def literals(path):
    """The contents of a C file's string literals, escapes left as they are."""
    return [match.group()[1:-1] for match in TOKENS.finditer(path.read_text(encoding="utf-8")) if match.group().startswith('"')]


def includes(path):
    """(quoted, angled) names that a C file includes."""
    found = re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', code(path), re.M)
    return [name for kind, name in found if kind == '"'], [name for kind, name in found if kind == "<"]


def committed():
    """Every file of the project: what git keeps or would keep, or without git whatever is no product of a build."""
    done = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name.decode() for name in done.stdout.split(b"\0") if name and (ROOT / name.decode()).is_file()]
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in ("build", ".git", "node_modules", "__pycache__", ".pytest_cache")]
        found += [ROOT / folder / name for name in names if not name.endswith((".o", ".so", ".pyc"))]
    return found


def shown(path):
    return str(path.relative_to(ROOT))
