"""The host has rooms, and arrows between them point one way: measured in the includes and in the objects."""

import re

import pytest

import rooms
import source
from saastest import ROOT

ORDER = rooms.order()


def test_each_folder_is_a_room_and_has_its_header():
    assert len(ORDER) == len(set(ORDER)) > 5
    assert sorted(ORDER) == sorted(path.name for path in rooms.HOST.iterdir() if path.is_dir()), "a folder without a place in rooms.mk"
    for room in ORDER:
        assert source.files(f"mod_saas/{room}/*.c"), f"{room} has no code"
        # The core's units are as many things of their own.
        assert room == "core" or (rooms.HOST / room / f"{room}.h").is_file(), f"{room} has no header {room}/{room}.h"
    assert not list(rooms.HOST.glob("*/*/**/*.c")), "a room within a room"
    assert sorted(path.name for path in rooms.HOST.iterdir() if path.is_file()) == [rooms.PUBLIC, "rooms.mk"], "a file without a room"


def test_the_manual_tells_of_each_in_the_same_order():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)/` \| (\S.*) \|$", text, re.M)
    assert [room for room, _ in told] == ORDER
    assert all(len(sentence) > 20 for _, sentence in told)


def test_includes_point_down():
    assert rooms.wrong_includes(ORDER) == []


def test_symbols_point_down():
    tables = rooms.objects()
    assert len(rooms.arrows(tables)) > 100, "the objects were not read"
    assert {rooms.room_of(name) for name in tables} == set(ORDER)
    assert rooms.wrong_arrows(ORDER, tables) == []


# --------------------------------------------------- the guard, guarded --

FILES = {"a/a.h", "a/one.c", "a/inner.h", "b/b.h", "b/two.c", "core/x.h", "mod_saas.h"}


@pytest.mark.parametrize("name, included, word", [
    ("a/one.c", "inner.h", None), ("a/one.c", "mod_saas.h", None), ("a/one.c", "core/x.h", None), ("b/two.c", "a/a.h", None),
    ("a/one.c", "b/b.h", "b is above a"), ("a/one.c", "top.h", "in no room"),
    ("b/two.c", "a/inner.h", "private to a"), ("b/two.c", "inner.h", "in no room"), ("a/one.c", "a/a.h", "own room"),
    ("core/x.h", "mod_saas.h", "knows httpd"), ("core/x.h", "a/a.h", "a is above core"),
    ("a/one.c", "../b/b.h", "in no room"),
])
def test_an_include_is_judged(name, included, word):
    wrong = rooms.judge_include(["core", "a", "b"], name, included, FILES.__contains__)
    assert wrong is None if word is None else name in wrong and included in wrong and word in wrong


def test_a_symbol_from_above_is_named_with_both_ends():
    tables = {"a/one.c": ({"one"}, {"two", "printf", "saas_module"}), "b/two.c": ({"two", "saas_module"}, {"one"})}
    wrong = rooms.wrong_arrows(["core", "a", "b"], tables)
    assert len(wrong) == 1 and "a/one.c takes two from b/two.c" in wrong[0]
    assert len(rooms.wrong_arrows(["core", "b", "a"], tables)) == 1 and rooms.wrong_arrows(["a", "b"], {}) == []
