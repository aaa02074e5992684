"""Windows programs of this project under Wine, in a prefix of their own."""
import os
import pathlib
import re
import subprocess

import processes

ROOT = pathlib.Path(__file__).resolve().parents[3]
# tests/run builds them and says where.
PROGRAMS = pathlib.Path(os.environ["SIU_WINDOWS_PROGRAMS"])
UPDATER, PANEL = PROGRAMS / "siu-updater.exe", PROGRAMS / "siu-panel.exe"
SERVICE = "sent-items-update"
PIPE = r"\\.\pipe\sent-items-update"


class Wine:
    """A session of Wine. Everything in it ends with it."""

    def __init__(self, folder, display):
        self.folder = pathlib.Path(folder)
        self.log_file = self.folder / "wine.log"
        self.probe_file = self.folder / "probe.exe"
        # What Wine is told for the event log goes to the standard error of whoever started its service manager.
        self.environment = os.environ | {"WINEDEBUG": "-all,trace+eventlog,warn+eventlog,err+eventlog"}
        # Whoever comes first makes the desktop, and without a screen nobody after that has a window.
        self.environment["DISPLAY"] = display
        for name in ("SIU_PIPE", "SIU_DATA", "SIU_PASSWORD", "SIU_LOG"):
            self.environment.pop(name, None)

    def __enter__(self):
        self.end()
        source = pathlib.Path(__file__).with_name("probe.c")
        subprocess.run(["x86_64-w64-mingw32-gcc-posix", "-O1", "-Wall", "-Werror", "-o", self.probe_file, source, "-ladvapi32",
                        "-lcrypt32"], check=True, timeout=60)
        # Whoever comes first starts Wine's own processes; it stays, so that they and their log do, too.
        with open(self.log_file, "wb") as log:
            self.keeper = subprocess.Popen(["wineserver", "-f", "-p"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=self.environment)
            subprocess.run(["wine", "cmd", "/c", "exit 0"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, timeout=120, check=True)
        return self

    def __exit__(self, *_):
        self.end()
        self.keeper.wait(30)

    def end(self):
        """Ends every process of this prefix."""
        subprocess.run(["wineserver", "-k"], env=self.environment, timeout=60)
        subprocess.run(["wineserver", "-w"], env=self.environment, timeout=60)

    def run(self, program, *arguments, seconds=120, stdin=None, **environment):
        """Runs a program to its end: its status, and what it said on both outputs."""
        done = subprocess.run(["wine", program, *map(str, arguments)], env=self.environment | environment, timeout=seconds,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True)
        return done.returncode, text(done.stdout), text(done.stderr)

    def updater(self, *arguments, status=0, **options):
        """A command of the updater that ends as it should; what it said."""
        ended, out, err = self.run(UPDATER, *arguments, **options)
        assert ended == status, f"{' '.join(map(str, arguments))}: status {ended} instead of {status}\n{out}{err}\n{self.log()}"
        return out if status == 0 else out + err

    def probe(self, *arguments):
        ended, out, err = self.run(self.probe_file, *arguments)
        assert ended == 0, out + err
        return out.strip()

    def start(self, name, program, *arguments, **environment):
        return Program(self.folder / f"{name}.log", ["wine", program, *map(str, arguments)], self.environment | environment)

    def log(self):
        return self.log_file.read_text(errors="replace")[-6000:]

    def events(self):
        """What was reported to the event log so far, as Wine wrote it down."""
        lines = re.findall(r"(\w+):eventlog:ReportEventW L\"(.*)\"", self.log_file.read_text(errors="replace"))
        return [(severity, words) for severity, words in lines]


class Program:
    """A program that runs until it is ended."""

    def __init__(self, log_file, command, environment):
        self.log_file = log_file
        with open(log_file, "wb") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def log(self):
        return self.log_file.read_text(errors="replace")[-6000:]

    def runs(self):
        return self.child.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.runs():
            self.child.terminate()
        self.child.wait(30)


def path(place):
    """A path of this system as Wine's programs see it."""
    return "Z:" + str(place).replace("/", "\\")


def text(output):
    return output.decode(errors="replace").replace("\r\n", "\n")


until = processes.until
