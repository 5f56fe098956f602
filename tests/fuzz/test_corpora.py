"""Every input of the corpora goes through its target, which the ordinary compiler has built with ASan and UBSan; and a target
that finds something wrong is seen to say so."""

import os
import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = Path(os.environ.get("SAAS_BUILD", TOP / "build"))
TARGETS = re.search(r"^FUZZ_TARGETS = (.*)$", (HERE / "fuzz.mk").read_text(), re.M).group(1).split()


def replay(target, *paths):
    return subprocess.run([BUILD / "fuzz" / f"replay-{target}", *paths], cwd=TOP, capture_output=True, text=True)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_passes(target):
    folder = HERE / "corpus" / target
    done = replay(target, folder)
    assert done.returncode == 0, done.stderr[-4000:]
    assert int(done.stdout.split()[0]) == len(list(folder.iterdir())) >= 20


def test_every_target_is_run():
    assert sorted(p.stem.removeprefix("fuzz_") for p in HERE.glob("fuzz_*.c")) == sorted(TARGETS)
    assert sorted(p.name for p in (HERE / "corpus").iterdir()) == sorted(TARGETS)
    for target in TARGETS:
        assert (HERE / f"{target}.dict").stat().st_size > 0


def test_nothing_run_is_no_success(tmp_path):
    assert replay(TARGETS[0]).returncode != 0
    assert replay(TARGETS[0], tmp_path).returncode != 0
    assert replay(TARGETS[0], tmp_path / "absent").returncode != 0
