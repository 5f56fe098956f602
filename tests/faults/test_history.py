"""The judge of histories, judged: what is right passes, and each thing that is wrong is told."""

import json

import pytest

import history

SHARES_NOTHING = True


class Story:
    """A history that a test tells: operations by (kind, key, begin, end, outcome, …)."""

    def __init__(self):
        self.lines, self.numbers = [], 0

    def add(self, kind, key, begin, end=None, what="ok", value=None, result=None, process=1):
        self.numbers += 1
        self.lines.append({"at": begin, "process": process, "number": self.numbers, "what": "invoke", "kind": kind, "key": key, "value": value})
        if end is not None:
            self.lines.append({"at": end, "process": process, "number": self.numbers, "what": what, **({} if result is None else {"value": result})})
        return self

    def read(self):
        return history.read([json.dumps(line) for line in sorted(self.lines, key=lambda line: line["at"])])

    def wrong(self, bound=1.0, found=None, done=None):
        return history.judge(self.read(), bound, found or {}, done or {})


# ------------------------------------------------------------------ writes --

def writes():
    return (Story().add("write", "list", 1, 2, value="acked").add("write", "list", 3, 4, "fail", value="refused")
            .add("write", "list", 5, 6, "info", value="unknown").add("write", "list", 7, value="without an end"))


@pytest.mark.parametrize("there", [["acked"], ["acked", "unknown"], ["without an end", "acked"]])
def test_writes_that_are_right(there):
    assert writes().wrong(found={"list": there}) == []


@pytest.mark.parametrize("there, words", [
    ([], "'acked' to list was acknowledged and is there 0 times"),
    (["acked", "acked"], "is there 2 times"),
    (["acked", "refused"], "'refused' to list was refused and is there 1 times"),
    (["acked", "unknown", "unknown"], "'unknown' to list, of which nobody knew, is there 2 times"),
    (["acked", "invented"], "'invented', which nobody wrote"),
])
def test_writes_that_are_wrong(there, words):
    wrong = writes().wrong(found={"list": there})
    assert len(wrong) == 1 and words in wrong[0], wrong


# ------------------------------------------------------------------ rights --

def rights():
    return Story().add("give", "ann", 0, 1).add("take", "ann", 10, 11)


@pytest.mark.parametrize("begin, found", [
    (5, True),                      # it was given
    (10.5, True), (10.5, False),    # it is being taken
    (11.9, True), (11.9, False),    # within the bound
    (12.5, False), (0.5, True), (0.5, False),
])
def test_rights_that_are_right(begin, found):
    assert rights().add("use", "ann", begin, begin + 0.1, result=found, process=2).wrong() == []


@pytest.mark.parametrize("begin, found, words", [
    (12.1, True, "right of ann was found 1.100 s after it was taken away"),
    (500, True, "found"),
    (5, False, "right of ann was not found 4.000 s after it was given"),
])
def test_rights_that_are_wrong(begin, found, words):
    wrong = rights().add("use", "ann", begin, begin + 0.1, result=found, process=2).wrong()
    assert len(wrong) == 1 and words in wrong[0], wrong


def test_a_right_of_somebody_else_says_nothing():
    assert rights().add("give", "bob", 0, 1).add("use", "bob", 50, 51, result=True).wrong() == []


def test_given_again():
    again = rights().add("give", "ann", 20, 21)
    assert again.add("use", "ann", 20.5, 20.6, result=True).add("use", "ann", 30, 31, result=True).wrong() == []
    assert len(again.add("use", "ann", 32, 33, result=False).wrong()) == 1


def test_one_that_is_being_given_while_it_is_asked_for():
    """It began after the taking and has no end that was seen when it was found: that is right."""
    assert rights().add("give", "ann", 20, 40).add("use", "ann", 19, 21, result=True).wrong() == []
    assert len(rights().add("give", "ann", 20, 40).add("use", "ann", 18, 19, result=True).wrong()) == 1


@pytest.mark.parametrize("end", [None, 16])
def test_while_nobody_knows_either_is_right(end):
    story = rights().add("give", "ann", 15, end, "info").add("use", "ann", 50, 51, result=True).add("use", "ann", 52, 53, result=False)
    assert story.wrong() == []


def test_one_that_was_refused_changes_nothing():
    assert len(rights().add("give", "ann", 15, 16, "fail").add("use", "ann", 50, 51, result=True).wrong()) == 1


def test_two_at_a_time_leave_it_open():
    story = Story().add("give", "ann", 0, 5).add("take", "ann", 1, 4).add("use", "ann", 50, 51, result=True).add("use", "ann", 52, 53, result=False)
    assert story.wrong() == []


@pytest.mark.parametrize("what", ["info", "fail"])
def test_no_answer_is_no_grant(what):
    assert rights().add("use", "ann", 50, 51, what, result=True).wrong() == []


# -------------------------------------------------------------------- once --

def once():
    return (Story().add("once", "taken", 1, 2, "info").add("once", "taken", 3, 4).add("once", "open", 1, 2, "info")
            .add("once", "refused", 1, 2, "fail"))


@pytest.mark.parametrize("done", [{"taken": 1}, {"taken": 1, "open": 1}])
def test_once_that_is_right(done):
    assert once().wrong(done=done) == []


@pytest.mark.parametrize("done, words", [
    ({}, "taken was acknowledged and done 0 times"), ({"taken": 2}, "done 2 times"), ({"taken": 1, "open": 2}, "open, of which"),
    ({"taken": 1, "refused": 1}, "refused was refused and done 1"), ({"taken": 1, "stranger": 1}, "nobody had asked"),
])
def test_once_that_is_wrong(done, words):
    wrong = once().wrong(done=done)
    assert len(wrong) == 1 and words in wrong[0], wrong


# ---------------------------------------------------------- counts, wholes --

def test_counts_that_are_right():
    story = Story().add("count", "done", 1, 2, result=3).add("count", "done", 3, 4, result=3).add("count", "done", 5, 6, result=9)
    assert story.add("count", "done", 7, 8, result=1, process=2).add("count", "other", 7, 8, result=1).wrong() == []
    # Two at a time have no order.
    assert Story().add("count", "done", 1, 4, result=3).add("count", "done", 2, 5, result=2).wrong() == []


def test_counts_that_are_wrong():
    wrong = Story().add("count", "done", 1, 2, result=3).add("count", "done", 3, 4, result=2).wrong()
    assert wrong == ["done was 3 and then 2 to process 1"]


def test_wholes():
    assert Story().add("whole", "csv", 1, 2, value=100, result=100).add("whole", "csv", 1, 2, "info", value=100, result=7).wrong() == []
    assert len(Story().add("whole", "csv", 1, 2, value=100, result=99).wrong()) == 1


# ----------------------------------------------------------------- reading --

def test_what_is_written_is_read(tmp_path):
    recorder = history.Recorder(tmp_path / "history")
    first, second = (recorder.begin(1, "write", "list", value) for value in ("a", "b"))
    recorder.end(1, second, "fail")
    recorder.close()
    one, two = history.read((tmp_path / "history").read_text().splitlines())
    assert (one.number, one.value, one.outcome, one.end) == (first, "a", "info", history.NEVER)
    assert (two.value, two.outcome) == ("b", "fail") and one.begin <= two.begin <= two.end


def test_one_that_ends_twice_is_no_history():
    story = Story().add("write", "list", 1, 2)
    story.lines.append({"at": 3, "process": 1, "number": 1, "what": "ok"})
    with pytest.raises(AssertionError, match="ended twice"):
        story.read()


def test_recoveries():
    story = Story().add("use", "ann", 1, 1.1, "info").add("fault", "kill", 10, 11).add("use", "ann", 10.5, 12, "info").add("use", "ann", 13, 13.1, result=True)
    story.add("use", "ann", 19.9, 20.1, "info").add("fault", "cut", 20, 30).add("use", "ann", 25, 25.1, result=True)
    kill, cut = history.recoveries(story.read())
    assert (kill.fault, kill.asked, kill.unanswered, kill.seconds) == ("kill", 3, {"use": 1}, 2.0)
    assert (cut.fault, cut.asked, cut.unanswered, round(cut.seconds, 3)) == ("cut", 1, {"use": 1}, 0.1)
    assert str(cut) == "cut: back after 0.10 s; of 1 operations unanswered: 1 use"
