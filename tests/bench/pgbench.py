"""pgbench as a contender of turns.c: it runs for as long as the block does and is stopped while it is not its turn; its own log
tells the transactions within one.
"""

import bisect
import re
import signal
import subprocess
import time

from saastest.places import clean_environment
from saastest.postgres import bindir

FOREVER = 86400


class Pgbench:
    """script, log: paths, of which the second is a prefix. variables: the script's. begun(): whether all clients have
    connected and prepared their statements. settings: of each session."""

    def __init__(self, database, script, log, clients, threads, variables, begun, settings="-c role=saas_system"):
        self.log, self.begun, self.settings = log, begun, settings
        self.argv = [str(bindir() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(threads, clients)),
                     "-T", str(FOREVER), "-f", str(script), "-l", f"--log-prefix={log}",
                     *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")),
                     database.cluster.dsn(database.name, database.cluster.APP)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=clean_environment(PGOPTIONS=self.settings))
        end = time.monotonic() + 30
        while not self.begun() and time.monotonic() < end:
            time.sleep(0.01)
        self.process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *exc):
        """The signal is that of its own timer."""
        self.process.send_signal(signal.SIGALRM)
        self.process.send_signal(signal.SIGCONT)
        self.said = self.process.communicate()[0]
        if self.process.returncode and not exc[0]:
            raise RuntimeError(f"pgbench:\n{self.said}")

    def done(self):
        """Transactions of the whole block."""
        return int(re.search(r"transactions actually processed: (\d+)", self.said).group(1))

    def ends(self):
        """When each transaction ended, seconds of the day's clock, in order."""
        logs = [path.read_text().split() for path in self.log.parent.glob(f"{self.log.name}.*")]
        found = sorted(int(second) + int(micros) / 1e6 for words in logs for second, micros in zip(words[4::6], words[5::6]))
        if len(found) != self.done():
            raise RuntimeError(f"pgbench says {self.done()} transactions and has logged {len(found)}")
        return found

    def rates(self, turns):
        """Transactions a second in each of its turns."""
        ends = self.ends()
        return [max(1, bisect.bisect(ends, turn.began + turn.seconds) - bisect.bisect(ends, turn.began)) / turn.seconds for turn in turns]
