"""The rooms of the host, and who knows whom: from the order in mod_saas/rooms.mk, the includes, and the objects of the
build. A room knows those before it, by their one header; all but the purest know mod_saas.h, which stands beside them.
"""

import re
import subprocess
from pathlib import PurePosixPath

import source
from saastest import BUILD, ROOT
from saastest.places import program

HOST = ROOT / "mod_saas"
# httpd finds a module's configuration and its log level by the module's own record, so every room has to name it.
EVERYBODYS = {"saas_module"}
PUBLIC = "mod_saas.h"
# Where there is nothing of httpd.
PURE = {"core", "drivers"}


def order():
    """The rooms from the ground up."""
    line = re.search(r"^ROOMS\s*=\s*(.+)$", (HOST / "rooms.mk").read_text(), re.M)
    return line.group(1).split()


def room_of(name):
    """The room of a file, by its path below mod_saas/; ".": beside the rooms."""
    return str(PurePosixPath(name).parent)


def judge_include(rooms, name, included, exists):
    """None, or what is wrong with a file (below mod_saas/) that includes a quoted name. exists tells of names below."""
    room = room_of(name)
    if "/" not in included and included != PUBLIC and exists(f"{room}/{included}"):
        return None
    if included == PUBLIC:
        return f"{name} includes {PUBLIC}, which knows httpd" if room in PURE else None
    other = room_of(included)
    if other not in rooms:
        return f"{name} includes {included}, which is in no room"
    if other == room:
        return f"{name} includes {included}: files of its own room go by their name alone"
    if rooms.index(other) > rooms.index(room):
        return f"{name} includes {included}: {other} is above {room}; let {room} offer a registration instead"
    if other != "core" and included != f"{other}/{other}.h":
        return f"{name} includes {included}, which is private to {other}: what others may use is in {other}/{other}.h"
    return None


def wrong_includes(rooms):
    found = []
    for path in source.files("mod_saas/*/*.[ch]"):
        name = str(path.relative_to(HOST))
        for included in source.includes(path)[0]:
            wrong = judge_include(rooms, name, included, lambda below: (HOST / below).is_file())
            if wrong:
                found.append(wrong)
    return found


def objects():
    """(defines, needs) of each object of the host, by the path of its source below mod_saas/."""
    sources = [path.relative_to(HOST) for path in source.files("mod_saas/*/*.c")]
    paths = {str(BUILD / "obj" / "mod_saas" / name.with_suffix(".o")): str(name) for name in sources}
    out = subprocess.run([program("nm"), "-A", "-P", *paths], capture_output=True, text=True, check=True).stdout
    found = {name: (set(), set()) for name in paths.values()}
    for line in out.splitlines():
        match = re.match(r"(.*\.o): (\S+) (\S)", line)
        path, symbol, kind = match.groups()
        if kind in "Uw":
            found[paths[path]][1].add(symbol)
        elif kind in "TDBRCVW":
            found[paths[path]][0].add(symbol)
    return found


def arrows(tables):
    """(from, to, symbol) for each symbol that one file takes from another."""
    homes = {symbol: name for name, (defines, _) in tables.items() for symbol in defines}
    return [(name, homes[symbol], symbol) for name, (_, needs) in sorted(tables.items()) for symbol in sorted(needs)
            if symbol in homes and homes[symbol] != name and symbol not in EVERYBODYS]


def wrong_arrows(rooms, tables):
    return [f"{name} takes {symbol} from {other}: {room_of(other)} is above {room_of(name)}"
            for name, other, symbol in arrows(tables) if rooms.index(room_of(other)) > rooms.index(room_of(name))]
