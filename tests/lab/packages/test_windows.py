"""The packages for Windows: what is in them, and what the installer does under Wine when it asks nothing. Wine knows no
people without administrator rights, so that the refusal of those is not shown here."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packages_made import LAB, PROJECT, make, name_of, run, until

SERVICE = r"HKLM\System\CurrentControlSet\Services\sent-items-update"
UNINSTALL = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\SentItemsUpdate"
BESIDE = {"README.txt", "licenses.txt", "third-party.txt", "sent-items-update.cdx.json"}
PROGRAMS = {"siu-updater.exe", "siu-panel.exe"}
MESSAGE = (
    "From: <anna@corp.example>\r\nTo: <someone@elsewhere.example>\r\nSubject: Kept over an upgrade\r\n"
    "Message-ID: <1@packages.example>\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n\r\nText\r\n"
)


def test_names_checksums_and_contents_are_as_promised(windows, version):
    name = f"sent-items-update-{version}-windows-x64"
    assert {file.name for file in windows.iterdir()} == {f"{name}-setup.exe", f"{name}.zip", f"{name}.cdx.json", "SHA256SUMS"}
    for line in (windows / "SHA256SUMS").read_text().splitlines():
        digest, file = line.split("  ")
        assert hashlib.sha256((windows / file).read_bytes()).hexdigest() == digest, file
    with zipfile.ZipFile(windows / f"{name}.zip") as portable:
        assert set(portable.namelist()) == BESIDE | PROGRAMS
        for text in ("README.txt", "licenses.txt", "third-party.txt"):
            lines = portable.read(text).decode().split("\n")
            assert all(line.endswith("\r") for line in lines[:-1]), f"{text}: for Windows' editor"
        assert b"Apache License" in portable.read("licenses.txt") and b"MIT License" in portable.read("licenses.txt")
    text = (windows / f"{name}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None, "CycloneDX' own schema"
    parts = {part["name"] for part in json.loads(text)["components"]}
    assert "windows-sys" in parts and not {"rustix", "libgssapi"} & parts, "what is in the programs for Windows"


def test_the_same_programs_give_the_same_bytes(windows):
    again = make("windows.sh", LAB / "windows-again")
    assert (again / "SHA256SUMS").read_text() == (windows / "SHA256SUMS").read_text()
    shutil.rmtree(again)


class Wine:
    """A prefix of its own, copied from the one that tests/lab/windows-toolchain.sh made."""

    def __init__(self, folder):
        self.prefix = folder / "prefix"
        self.drive = self.prefix / "drive_c"
        self.environment = os.environ | {
            "WINEPREFIX": str(self.prefix), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=",
        }
        for name in ("SIU_PIPE", "SIU_DATA", "SIU_LOG"):
            self.environment.pop(name, None)

    def __enter__(self):
        shutil.rmtree(self.prefix, ignore_errors=True)
        shutil.copytree(os.environ["WINEPREFIX"], self.prefix, symlinks=True)
        # Whoever comes first starts Wine's own processes, and has its outputs read by them: not one whose end is waited for.
        self.keeper = subprocess.Popen(
            ["wineserver", "-f", "-p"], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        subprocess.run(
            ["wine", "cmd", "/c", "exit 0"], env=self.environment, check=True, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_):
        subprocess.run(["wineserver", "-k"], env=self.environment, check=False, timeout=60)
        self.keeper.wait(60)
        shutil.rmtree(self.prefix, ignore_errors=True)

    def run(self, *words, status=0, text_in=""):
        with (self.prefix / "said").open("w+") as said:
            done = subprocess.run(
                ["wine", *map(str, words)], env=self.environment, check=False, timeout=180,
                input=text_in, text=True, stdout=said, stderr=said,
            )
            said.seek(0)
            text = said.read()
        assert done.returncode == status, f"{' '.join(map(str, words))}: {done.returncode}, not {status}\n{text}"
        return text

    def value(self, name):
        """What Add/Remove Programs is told."""
        return re.search(rf"\b{name}\s+REG_\w+\s+(.*?)\s*$", self.registration(), re.M)[1]

    def registration(self):
        """All of it. Wine 8 now and then fails to start its own reg.exe ("ShellExecuteEx failed: Internal error"), which says
        nothing about the installer: it is asked until it answers."""
        said = []

        def read():
            done = subprocess.run(
                ["wine", "reg", "query", UNINSTALL], env=self.environment, check=False, timeout=60, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
            said.append(done.stdout)
            return done.returncode == 0

        until("the registration can be read", read)
        return said[-1]

    def has(self, key):
        """Whether there is such a key in the registry."""
        return self.ends("wine", "reg", "query", key) == 0

    def ends(self, *words):
        """With which exit status."""
        done = subprocess.run(
            words, env=self.environment, check=False, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        return done.returncode

    def files(self):
        """Everything on drive C, except for what Wine and Windows keep for themselves."""
        found = {str(file.relative_to(self.drive)) for file in self.drive.rglob("*")}
        return {file for file in found if not re.match(r"windows/|users/[^/]+/(AppData/Local/Temp|Temp)\b", file)}


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    if "WINEPREFIX" not in os.environ:
        pytest.skip("there is no Wine that runs the programs (tests/lab/windows-toolchain.sh makes one)")
    with Wine(tmp_path_factory.mktemp("wine")) as wine:
        yield wine


def test_the_portable_programs_run_where_they_are_unpacked_and_leave_nothing_elsewhere(windows, wine):
    before = wine.files()
    folder = wine.drive / "portable"
    with zipfile.ZipFile(name_of(windows, ".zip")) as portable:
        portable.extractall(folder)
    updater, pipe = folder / "siu-updater.exe", ["--pipe", r"\\.\pipe\siu-portable"]
    # As README.txt says.
    running = subprocess.Popen(
        ["wine", updater, "run", "--data", "data", *pipe], env=wine.environment, cwd=folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        until("the updater runs", lambda: (folder / "data/queue.sqlite").exists())
        until("the updater answers", lambda: wine.ends("wine", updater, "status", *pipe) == 0)
        assert not wine.has(SERVICE)
    finally:
        running.kill()
        running.wait()
    assert {file for file in wine.files() - before if not file.startswith("portable")} == set()
    # Windows lets nobody delete a program that runs.
    until("nothing holds the folder", lambda: wine.ends("wine", "cmd", "/c", r"rmdir /s /q C:\portable") == 0 and not folder.exists())


def later(windows, version):
    """The installer of a later version with the same programs."""
    setup = LAB / "later-setup.exe"
    run(
        "makensis", "-V2", "-NOCD", "-DFAST", f"-DVERSION={version}", f"-DPROGRAMS={PROJECT}/target/packaging/windows",
        f"-DOUT={setup}", "packaging/windows/setup.nsi", cwd=PROJECT,
    )
    return setup


def test_the_installer_installs_upgrades_and_leaves_nothing_but_data(windows, version, wine, tmp_path):
    setup, newer = name_of(windows, "-setup.exe"), later(windows, "99.0.1")
    installed, data = wine.drive / "Program Files/Sent Items Update", wine.drive / "ProgramData/SentItemsUpdate"
    link = wine.drive / "ProgramData/Microsoft/Windows/Start Menu/Programs/Sent Items Update.lnk"
    updater = installed / "siu-updater.exe"
    before = wine.files()

    wine.run(setup, "/S")
    assert {file.name for file in installed.iterdir()} == BESIDE | PROGRAMS | {"uninstall.exe"}
    assert link.exists()
    assert wine.value("DisplayName") == "Sent Items Update"
    assert wine.value("DisplayVersion") == version
    assert wine.value("Publisher") == "The Sent Items Update authors"
    size = sum(file.stat().st_size for file in installed.iterdir()) // 1024
    assert abs(int(wine.value("EstimatedSize"), 16) - size) < 100, "kilobytes"
    assert "QuietUninstallString" in wine.registration()
    assert wine.has(SERVICE)
    wine.run(updater, "service", "status")
    until("the updater answers", lambda: "connections" in wine.run(updater, "settings", "show"))

    settings = json.loads(wine.run(updater, "settings", "show"))
    settings = settings["settings"]
    settings["limits"]["connections"] = 3
    settings["account"] = {"user": "svc@corp.example"}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "message.eml").write_text(MESSAGE, newline="")
    wine.run(updater, "settings", "set", f"Z:{tmp_path}/settings.json", "--password-stdin", text_in="secret\n")
    wine.run(updater, "submit", f"Z:{tmp_path}/message.eml")

    # Not while somebody runs the program by hand; the service goes on.
    busy = subprocess.Popen(
        ["wine", updater, "run", "--data", r"C:\busy", "--pipe", r"\\.\pipe\siu-busy"], env=wine.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        until("a second updater runs", lambda: (wine.drive / "busy/queue.sqlite").exists())
        wine.run(newer, "/S", status=32)
        assert wine.value("DisplayVersion") == version
        wine.run(updater, "service", "status")
    finally:
        busy.kill()
        busy.wait()
    shutil.rmtree(wine.drive / "busy")

    # Over the running service.
    wine.run(newer, "/S")
    assert wine.value("DisplayVersion") == "99.0.1"
    wine.run(updater, "service", "status")
    until("the updater answers again", lambda: "connections" in wine.run(updater, "settings", "show"))
    kept = json.loads(wine.run(updater, "settings", "show"))
    assert kept["password_stored"] and kept["settings"]["limits"]["connections"] == 3
    assert "Kept over an upgrade" in wine.run(updater, "messages")

    def uninstall(*words):
        # It goes on as a copy of itself in the folder for temporary files, so that it can delete its program.
        wine.run(installed / "uninstall.exe", "/S", *words)
        until("the folder of the programs is gone", lambda: not installed.exists())
        until("the registration is gone", lambda: not wine.has(UNINSTALL))
        if "/PURGE" in words:
            until("the data are gone", lambda: not data.exists())

    uninstall()
    left = {file for file in wine.files() - before if not file.startswith("ProgramData/SentItemsUpdate")}
    assert not left, left
    assert (data / "queue.sqlite").exists() and (data / "settings.json").exists()
    assert not wine.has(SERVICE), "the service is still registered"

    wine.run(setup, "/S")
    until("the updater answers", lambda: "connections" in wine.run(updater, "settings", "show"))
    assert '"connections": 3' in wine.run(updater, "settings", "show"), "whoever installs it again finds the settings"
    uninstall("/PURGE")
    left = wine.files() - before
    assert not left, left
    newer.unlink()
