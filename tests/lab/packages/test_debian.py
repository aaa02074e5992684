"""The Debian package: what is in it, and what it does when it is installed, upgraded, removed and purged."""

import contextlib
import hashlib
import json
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
from urllib.parse import quote

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from overlay import system
from packages_made import LAB, PROJECT, is_root, make, name_of, run

LOCK = (PROJECT / "Cargo.lock").read_text()
STATE = "/var/lib/sent-items-update"
SOCKET = "/run/sent-items-update/updater.sock"
UNIT = "/usr/lib/systemd/system/siu-updater.service"

# No service manager runs there. What is about files only, systemd's own program does; the rest is noted.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/tmp/systemctl
case "$*" in
  *--root=*) exec /usr/bin/systemctl.real "$@" ;;
  *is-enabled*) exec /usr/bin/systemctl.real --root=/ is-enabled siu-updater.service ;;
esac
"""
MESSAGE = """From: <anna@corp.example>
To: <someone@elsewhere.example>
Subject: Kept over an upgrade
Message-ID: <1@packages.example>
Date: Thu, 1 Jan 2026 10:00:00 +0000

Text
"""


def test_name_and_checksums_are_as_promised(debian, version):
    package = name_of(debian, ".deb")
    assert package.name == f"sent-items-update_{version}_{run('dpkg', '--print-architecture').strip()}.deb"
    sums = dict(reversed(line.split("  ")) for line in (debian / "SHA256SUMS").read_text().splitlines())
    for file in debian.iterdir():
        if file.name != "SHA256SUMS":
            assert sums.pop(file.name) == hashlib.sha256(file.read_bytes()).hexdigest(), file.name
    assert not sums


def test_the_bill_of_materials_says_by_the_standard_what_is_in_the_programs(debian):
    text = name_of(debian, ".cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None, "CycloneDX' own schema"
    assert str(PROJECT) not in text, "paths of the machine that made it"
    bill = json.loads(text)
    assert bill["metadata"]["component"]["name"] == "sent-items-update"
    parts = {part["name"]: part for part in bill["components"]}
    # Of the updater, of the panel, of this system; nothing of another's.
    assert {"rustls", "egui", "rustix", "libgssapi"} <= parts.keys() and "windows-sys" not in parts
    for part in bill["components"]:
        (digest,) = part["hashes"]
        assert part["purl"] == f"pkg:cargo/{part['name']}@{quote(part['version'])}", part
        assert digest["alg"] == "SHA-256" and digest["content"] in LOCK, part
        (term,) = part["licenses"]
        assert "expression" in term or "id" in term["license"], f"not by SPDX: {part}"
    # What builds, tests, or is there for features that nobody asked for is no part of the programs.
    assert not {"insta", "proptest", "cc", "serde_derive", "sqlx-mysql"} & parts.keys()
    used = {link["ref"]: link.get("dependsOn", []) for link in bill["dependencies"]}
    named = {part["bom-ref"] for part in bill["components"]}
    assert named == used.keys() - {bill["metadata"]["component"]["bom-ref"]} == set().union(*used.values())


def test_the_same_programs_give_the_same_bytes(debian):
    again = make("debian.sh", LAB / "debian-again")
    assert (again / "SHA256SUMS").read_text() == (debian / "SHA256SUMS").read_text()
    shutil.rmtree(again)


def test_the_unit_is_sound_and_lets_the_updater_do_little():
    unit = PROJECT / "packaging/systemd/siu-updater.service"
    # Of ten: nothing to fear is 0. What it needs is the network, its user's own and the host's files.
    said = run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit)
    print(said.splitlines()[-1])
    assert re.search(r"Overall exposure level for siu-updater.service: [01]\.\d", said), said


def calls_of(name):
    """The system calls of one of systemd's sets, and of those in it."""
    found = set()
    for word in run("systemd-analyze", "syscall-filter", "--no-pager", name).splitlines()[1:]:
        word = word.split("#")[0].strip()
        found |= calls_of(word) if word.startswith("@") else {word} - {""}
    return found


def test_the_unit_lets_the_updater_do_what_it_does(tmp_path):
    """No service manager runs here to hold it to the unit's filters; so what it does is written down and compared."""
    unit = (PROJECT / "packaging/systemd/siu-updater.service").read_text()
    allowed = calls_of("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        named = set().union(*(calls_of(word) for word in line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    families = re.search(r"^RestrictAddressFamilies=(.*)$", unit, re.M)[1].split()

    updater, pipe, record = PROJECT / "target/debug/siu-updater", tmp_path / "updater.sock", tmp_path / "calls"
    command = lambda *words, **options: run(updater, *words, env={"SIU_PIPE": str(pipe), "PATH": "/usr/bin:/bin"}, **options)
    with (tmp_path / "log").open("w") as log:
        traced = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "signal=none", "-o", record, updater, "run", "--data", tmp_path / "data"],
            env={"SIU_PIPE": str(pipe), "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
    try:
        give_up = time.monotonic() + 60
        while not pipe.exists():
            assert traced.poll() is None and time.monotonic() < give_up, (tmp_path / "log").read_text()
            time.sleep(0.05)
        document = json.loads(command("settings", "show"))
        settings = document.get("settings", document)
        # Every door, and a server whose name is asked for and which does not answer.
        (tmp_path / "pickup").mkdir()
        settings["intake"] |= {"smtp": {"listen": "127.0.0.1:0"}, "pickup": {"folder": str(tmp_path / "pickup")}}
        settings["connection"] = {"ews_url": "https://localhost:1/EWS/Exchange.asmx"}
        settings["account"] = {"user": "svc@corp.example"}
        settings["enabled"] = True
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        subprocess.run(
            [updater, "settings", "set", tmp_path / "settings.json", "--password-stdin"], input="secret\n", text=True,
            env={"SIU_PIPE": str(pipe)}, check=True, capture_output=True,
        )
        (tmp_path / "message.eml").write_text(MESSAGE, newline="\r\n")
        command("submit", tmp_path / "message.eml")
        while "waiting" not in command("messages") or "connect(" not in record.read_text():
            assert time.monotonic() < give_up
            time.sleep(0.1)
        status = json.loads(run("curl", "-s", "--unix-socket", pipe, "http://siu/v1/status"))
        run("kill", "-TERM", status["process"])
        assert traced.wait(60) == 0, (tmp_path / "log").read_text()
    finally:
        if traced.poll() is None:
            traced.kill()
            traced.wait()
    done = record.read_text()
    used = set(re.findall(r"^\d+ +(\w+)\(", done, re.M))
    assert {"clone3", "fsync", "accept4"} & used and len(used) > 30, "what was written down is not the updater"
    if is_root():
        # SQLite hands its files to the folder's owner, as root only. The service is not root.
        used -= {"fchown"}
    assert used <= allowed, sorted(used - allowed)
    asked = set(re.findall(r"\bsocket\((AF_\w+)", done))
    assert asked <= set(families), asked


def test_desktop_entry_and_metainfo_are_valid():
    run("desktop-file-validate", PROJECT / "packaging/linux/sent-items-update.desktop")
    run("appstreamcli", "validate", "--no-net", PROJECT / "packaging/linux/sent-items-update.metainfo.xml")


def service(unit):
    """The settings of a unit's [Service] section, the last of several."""
    section = unit.split("[Service]\n", 1)[1].split("\n[", 1)[0]
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line and not line.startswith("#"))


@contextlib.contextmanager
def started(there, log):
    """The updater as its unit starts it: command line, variables, user, folders."""
    unit = service(there.read(UNIT))
    assert unit["Type"] == "notify"
    user, group = unit["User"], unit["Group"]
    for kind, parent in (("State", "/var/lib"), ("Runtime", "/run")):
        folder = f"{parent}/{unit[f'{kind}Directory']}"
        there.run("install", "-d", "-o", user, "-g", group, "-m", unit[f"{kind}DirectoryMode"], folder)
    there.run("install", "-d", "-m", "755", "/run/notify")
    path = f"/proc/{there.holder}/root{there.root}/run/notify/socket"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    there.run("chmod", "666", "/run/notify/socket")
    manager.settimeout(60)
    defaults = there.read(unit["EnvironmentFile"].removeprefix("-"))
    variables = [line for line in defaults.splitlines() if "=" in line and not line.startswith("#")]
    process = there.start(
        "setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "--no-new-privs", "--bounding-set=-all",
        "--inh-caps=-all", "env", "-i", "PATH=/usr/bin:/bin", "NOTIFY_SOCKET=/run/notify/socket", *variables,
        "sh", "-c", f"umask {unit['UMask']}; exec \"$@\"", "_", *shlex.split(unit["ExecStart"]),
        log=log,
    )
    try:
        while not select.select([manager], [], [], 0.2)[0]:
            assert process.poll() is None, f"it ended with {process.returncode}; see {log.name}"
        told = manager.recv(4096).decode()
        assert told.startswith("READY=1"), told
        yield
        # The manager's SIGTERM.
        status = json.loads(there.run("curl", "-s", "--unix-socket", SOCKET, "http://siu/v1/status"))
        there.run("kill", "-TERM", status["process"])
        assert process.wait(60) == 0
    finally:
        manager.close()
        there.run("rm", "-f", "/run/notify/socket")
        if process.poll() is None:
            process.kill()
            process.wait()


def later(package, version):
    """The same package as a later version."""
    folder, made = LAB / "later", LAB / "later.deb"
    shutil.rmtree(folder, ignore_errors=True)
    run("dpkg-deb", "-R", package, folder)
    control = folder / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {version}\n", f"Version: {version}+later\n"))
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", folder, made)
    shutil.rmtree(folder)
    return made


def test_it_is_installed_started_by_its_unit_upgraded_removed_and_purged(debian, version):
    if not is_root():
        pytest.skip("only root can make namespaces to install into")
    package = name_of(debian, ".deb")
    newer = later(package, version)
    with system() as there, (LAB / "updater.log").open("w+") as log:
        # Packages tell the service manager when this folder is there.
        there.run("mv", "/usr/bin/systemctl", "/usr/bin/systemctl.real")
        there.write("/usr/bin/systemctl", SYSTEMCTL, "755")
        there.run("mkdir", "-p", "/run/systemd/system")
        # Containers and machines of CI have one that forbids to start anything.
        there.run("rm", "-f", "/usr/sbin/policy-rc.d")

        def told():
            lines = there.read("/tmp/systemctl") if there.exists("/tmp/systemctl") else ""
            there.run("rm", "-f", "/tmp/systemctl")
            return [line for line in lines.splitlines() if "siu-updater" in line and "is-" not in line]

        # What an updater run by hand on this system may have left.
        there.run("rm", "-rf", STATE, "/etc/default/siu-updater")
        before = there.run("sh", "-c", "getent passwd | wc -l; ls /etc /usr/bin /usr/share /var/lib")
        there.run("dpkg", "-i", package)
        assert any(re.search(r"\bstart\b.*siu-updater.service", line) for line in told())
        there.run("test", "-e", "/etc/systemd/system/multi-user.target.wants/siu-updater.service")
        there.run("systemd-analyze", "verify", "--man=no", UNIT)
        user = there.run("getent", "passwd", "sent-items-update").strip().split(":")
        assert user[-1].endswith("nologin"), user
        assert version in there.run("siu-updater", "--version")
        assert version in there.run("siu-panel", "--version")
        for page in ("siu-updater", "siu-updater-settings-set", "siu-panel"):
            there.run("test", "-s", f"/usr/share/man/man1/{page}.1.gz")
        notices = there.run("zcat", "/usr/share/doc/sent-items-update/third-party.txt.gz")
        assert "rustls 0." in notices and "egui 0." in notices and "Permission is hereby granted" in notices
        there.run("bash", "-n", "/usr/share/bash-completion/completions/siu-updater")

        # What an administrator does: an own variable, settings, a message, somebody who may use the panel.
        there.run("sed", "-i", "s/^#SIU_LOG=.*/SIU_LOG=debug/", "/etc/default/siu-updater")
        there.run("useradd", "--groups", "sent-items-update", "anna")
        there.run("useradd", "bert")
        as_user = lambda name: ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "env", "-i", "PATH=/usr/bin"]
        there.write("/tmp/message.eml", MESSAGE.replace("\n", "\r\n"))
        with started(there, log):
            settings = json.loads(there.run("siu-updater", "settings", "show"))
            settings = settings.get("settings", settings)
            settings["limits"]["connections"] = 3
            there.write("/tmp/settings.json", json.dumps(settings))
            there.run("siu-updater", "settings", "set", "/tmp/settings.json")
            there.run(*as_user("anna"), "siu-updater", "submit", "/tmp/message.eml")
            refused = there.run(*as_user("bert"), "siu-updater", "status", status=4)
            assert "you may not use the updater's local API" in refused
            assert there.run("stat", "-c", "%U %a", STATE, f"{STATE}/settings.json").split() == [
                "sent-items-update", "700", "sent-items-update", "600",
            ]

        there.run("dpkg", "-i", newer)
        assert any(re.search(r"\brestart\b.*siu-updater.service", line) for line in told())
        assert "SIU_LOG=debug" in there.read("/etc/default/siu-updater").splitlines()
        with started(there, log):
            assert '"connections": 3' in there.run("siu-updater", "settings", "show")
            assert "Kept over an upgrade" in there.run("siu-updater", "messages")
        # Once more is no harm.
        there.run("dpkg-reconfigure", "sent-items-update") if there.exists("/usr/sbin/dpkg-reconfigure") else None
        there.run("dpkg", "-i", newer)
        told()

        there.run("dpkg", "-r", "sent-items-update")
        assert any(re.search(r"\bstop\b.*siu-updater.service", line) for line in told())
        assert not there.exists("/usr/bin/siu-updater") and not there.exists(UNIT)
        assert there.exists(f"{STATE}/queue.sqlite") and there.exists("/etc/default/siu-updater")

        there.run("dpkg", "--purge", "sent-items-update")
        for path in (STATE, "/etc/default/siu-updater", "/usr/share/doc/sent-items-update"):
            assert not there.exists(path), path
        assert not there.exists("/etc/systemd/system/multi-user.target.wants/siu-updater.service")
        # The user stays (see packaging/debian/postrm), and the two of this test.
        there.run("userdel", "anna")
        there.run("userdel", "bert")
        there.run("userdel", "sent-items-update")
        after = there.run("sh", "-c", "getent passwd | wc -l; ls /etc /usr/bin /usr/share /var/lib")
        assert set(after.split()) - set(before.split()) <= {"passwd-", "shadow-", "group-", "gshadow-", "subuid-", "subgid-"}
    newer.unlink()
