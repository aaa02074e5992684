"""Starts and ends the programs of this project, and waits for what they promise."""
import itertools
import os
import pathlib
import signal
import subprocess
import time

LOGS = pathlib.Path(os.environ.get("SIU_LAB_LOGS", "target/lab/logs"))
_numbers = itertools.count(1)


def program():
    """The updater under test; tests/run builds it and names it."""
    return os.environ.get("SIU_UPDATER", "target/debug/siu-updater")


def until(condition, seconds, what, log=lambda: ""):
    """What `condition` returns, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}\n{log()}")
        time.sleep(0.05)
    return result


class Process:
    """A running `siu-updater` whose output goes to a log file."""

    def __init__(self, name, *arguments):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_file = LOGS / f"{name}-{os.getpid()}-{next(_numbers)}.log"
        with open(self.log_file, "wb") as log:
            self.child = subprocess.Popen([program(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT)

    def log(self):
        return self.log_file.read_text(errors="replace")[-4000:]

    def runs(self):
        return self.child.poll() is None

    def stop(self):
        """Asks it to stop, as a service manager does; it has to go by itself."""
        if self.runs():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"it did not stop within 30 s of being asked to\n{self.log()}") from None
