"""What clients saw of a service that was being broken meanwhile, and whether it was right: in the manner of Jepsen, every
client writes down what it asks and what it is told, and a judge that knows nothing of the service reads it afterwards.

A history is lines of JSON, one when an operation begins and one when it ends:

    {"at": 12.345, "process": 3, "number": 17, "what": "invoke", "kind": "write", "key": "of-whom", "value": "w-17"}
    {"at": 12.361, "process": 3, "number": 17, "what": "ok"}

what: `ok`, it was done; `fail`, it certainly was not; `info`, nobody knows - no answer, or one that leaves it open. One that
never ended is `info` too. Times are of one monotonic clock.

kinds: `write`, a value that is to be there at the end; `give` and `take`, a right of `key`, acknowledged; `use`, whether the
right was found (value of its end: true or false); `once`, something that is to have been done one time however often it was
asked for; `count`, a number that never shrinks; `whole`, an answer that is all of its value or known to be cut off; `fault`,
what was broken meanwhile, which is judged by nobody and says what the others met.
"""

import collections
import dataclasses
import json
import threading
import time

NEVER = float("inf")


@dataclasses.dataclass
class Operation:
    process: int
    number: int
    kind: str
    key: str
    value: object
    begin: float
    end: float = NEVER
    outcome: str = "info"
    result: object = None
    given_up: float = NEVER     # when whoever asked stopped waiting, of `info`


class Recorder:
    """Writes a history; any number of threads."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8", buffering=1)
        self.lock = threading.Lock()
        self.numbers = 0

    def _write(self, **line):
        with self.lock:
            self.file.write(json.dumps({"at": time.monotonic(), **line}) + "\n")

    def begin(self, process, kind, key, value=None):
        with self.lock:
            self.numbers += 1
            number = self.numbers
        self._write(process=process, number=number, what="invoke", kind=kind, key=key, value=value)
        return number

    def end(self, process, number, what, result=None):
        self._write(process=process, number=number, what=what, **({} if result is None else {"value": result}))

    def close(self):
        self.file.close()


def read(lines):
    """The operations of a history, by their beginnings."""
    operations = {}
    for line in lines:
        entry = json.loads(line)
        key = entry["process"], entry["number"]
        if entry["what"] == "invoke":
            assert key not in operations, f"begun twice: {entry}"
            operations[key] = Operation(*key, entry["kind"], entry["key"], entry.get("value"), entry["at"])
        else:
            operation = operations[key]
            assert operation.end == operation.given_up == NEVER, f"ended twice: {entry}"
            operation.outcome, operation.result = entry["what"], entry.get("value")
            # Of what is not known it is not known either when it will have been.
            if entry["what"] == "info":
                operation.given_up = entry["at"]
            else:
                operation.end = entry["at"]
    return sorted(operations.values(), key=lambda operation: operation.begin)


def of(operations, *kinds):
    return [operation for operation in operations if operation.kind in kinds]


def by_key(operations, *kinds):
    keys = collections.defaultdict(list)
    for operation in of(operations, *kinds):
        keys[operation.key].append(operation)
    return keys


def judge_writes(operations, found):
    """found: {key: [values that are there at the end]}. What was acknowledged is there, what was refused is not, nothing is
    there twice, nothing that nobody wrote."""
    for key, writes in by_key(operations, "write").items():
        there = collections.Counter(found.get(key, ()))
        for outcome, wrong, words in (("ok", lambda n: n != 1, "was acknowledged"), ("fail", lambda n: n != 0, "was refused")):
            for write in writes:
                if write.outcome == outcome and wrong(there[write.value]):
                    yield f"write of {write.value!r} to {key} {words} and is there {there[write.value]} times"
        known = {write.value for write in writes}
        unknown = {write.value for write in writes if write.outcome == "info"}
        for value, n in there.items():
            if value not in known:
                yield f"{key} has {value!r}, which nobody wrote"
            elif value in unknown and n > 1:
                yield f"write of {value!r} to {key}, of which nobody knew, is there {n} times"


def judge_rights(operations, bound):
    """A right is found if, and only if, it was given and not taken away: `bound` seconds after a change was acknowledged at the
    latest. Until then, and while the outcome of a change is not known, either may be found."""
    uses = by_key(operations, "use")
    for key, changes in by_key(operations, "give", "take").items():
        changes = [change for change in changes if change.outcome != "fail"]
        for use in uses.get(key, ()):
            if use.outcome != "ok":
                continue
            # Only those that had an end before it can be known to be past; of these the last is what counts.
            settled = [change for change in changes if change.end + bound < use.begin]
            last = max(settled, key=lambda change: change.end, default=None)
            if last is None:
                continue
            # Whatever was not over when the last began, or began since, may be what was found.
            open_still = {change.kind for change in changes if change is not last and change.end > last.begin and change.begin < use.end}
            allowed = {last.kind} | open_still
            seen = "give" if use.result else "take"
            if seen not in allowed:
                words = "found" if use.result else "not found"
                yield (f"right of {key} was {words} {use.begin - last.end:.3f} s after "
                       f"{'it was given' if last.kind == 'give' else 'it was taken away'} (process {use.process}, at {use.begin:.3f})")


def judge_once(operations, done):
    """done: {key: how many times it was done}. One time what was acknowledged, at most one time what may have been."""
    asked = by_key(operations, "once")
    for key, tries in asked.items():
        times = done.get(key, 0)
        outcomes = {attempt.outcome for attempt in tries}
        if "ok" in outcomes and times != 1:
            yield f"{key} was acknowledged and done {times} times"
        elif "ok" not in outcomes and "info" in outcomes and times > 1:
            yield f"{key}, of which nobody knew, was done {times} times"
        elif outcomes == {"fail"} and times:
            yield f"{key} was refused and done {times} times"
    for key in done.keys() - asked.keys():
        yield f"{key} was done, and nobody had asked for it"


def judge_counts(operations):
    """What one process reads of one key one after the other does not shrink."""
    last = {}
    for count in sorted(of(operations, "count"), key=lambda operation: operation.end):
        if count.outcome != "ok":
            continue
        key = count.process, count.key
        if key in last and count.begin >= last[key].end and count.result < last[key].result:
            yield f"{count.key} was {last[key].result} and then {count.result} to process {count.process}"
        last[key] = count


def judge_wholes(operations):
    for whole in of(operations, "whole"):
        if whole.outcome == "ok" and whole.result != whole.value:
            yield f"{whole.key} ended as if it were whole with {whole.result!r} of {whole.value!r}"


def judge(operations, bound, found, done):
    """All that is wrong, in words."""
    return [*judge_writes(operations, found), *judge_rights(operations, bound), *judge_once(operations, done),
            *judge_counts(operations), *judge_wholes(operations)]


@dataclasses.dataclass
class Recovery:
    """What the clients met from the beginning of a fault to that of the next."""

    fault: str
    asked: int
    unanswered: dict            # kind: how many of it had no answer, or a refusal for now
    seconds: float              # from the fault's beginning to the end of the last of them; 0: there was none

    def __str__(self):
        lost = ", ".join(f"{n} {kind}" for kind, n in sorted(self.unanswered.items())) or "none"
        return f"{self.fault}: back after {self.seconds:.2f} s; of {self.asked} operations unanswered: {lost}"


def ended(operation):
    """When whoever asked knew that there would be no answer."""
    return operation.begin if operation.given_up == NEVER else operation.given_up


def recoveries(operations):
    faults = of(operations, "fault")
    for fault, following in zip(faults, [*(each.begin for each in faults[1:]), NEVER]):
        met = [each for each in operations if each.kind != "fault" and fault.begin <= each.begin < following]
        # What one fault has let through may have been the next one's.
        lost = [each for each in operations if each.outcome == "info" and fault.begin <= ended(each) < following]
        last = max(map(ended, lost), default=fault.begin)
        yield Recovery(fault.key, len(met), dict(collections.Counter(each.kind for each in lost)), last - fault.begin)
