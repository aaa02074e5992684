"""The Debian package: what is in it, and what it does when it is installed, upgraded, removed and purged."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from urllib.parse import quote, urlsplit

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from managers import UNIT, StandIn, Systemd
from overlay import booted, control_groups, system
from packages_made import LAB, PROJECT, is_root, make, name_of, run, until

LOCK = (PROJECT / "Cargo.lock").read_text()
STATE = "/var/lib/sent-items-update"
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
        # The schema's own grammar of addresses would take half a minute for all of them, and is not installed.
        for reference in part.get("externalReferences", ()):
            address = urlsplit(reference["url"])
            assert address.scheme in ("https", "http") and address.hostname and " " not in reference["url"], reference
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
        settings = json.loads(command("settings", "show"))["settings"]
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


def shown(there):
    return json.loads(there.run("siu-updater", "settings", "show"))["settings"]


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


@pytest.fixture(params=["by the command line of its unit", "by systemd"])
def place(request):
    """A system to install on, and who starts services there."""
    if not is_root():
        pytest.skip("only root can make namespaces to install into")
    if request.param != "by systemd":
        with system() as there, (LAB / "updater.log").open("w+") as log:
            yield there, StandIn(there, log)
    elif control_groups() is None:
        pytest.skip("systemd can't be started here: there are no control groups of the second kind")
    else:
        with booted() as there:
            yield there, Systemd(there)


def clean(there):
    # Containers and machines of CI have one that forbids to start anything.
    there.run("rm", "-f", "/usr/sbin/policy-rc.d")
    # What an updater run by hand on this system may have left.
    there.run("rm", "-rf", STATE, "/etc/default/siu-updater")
    # Debian's switch: its index of manual pages takes longer than all the rest.
    there.run("rm", "-f", "/var/lib/man-db/auto-update")


def test_it_is_installed_started_by_its_unit_upgraded_removed_and_purged(debian, version, place):
    there, manager = place
    newer = later(name_of(debian, ".deb"), version)
    clean(there)
    before = there.run("sh", "-c", "getent passwd | wc -l; ls /etc /usr/bin /usr/share /var/lib")
    there.run("dpkg", "-i", name_of(debian, ".deb"))
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
    assert f"sent-items-update ({version})" in there.run("zcat", "/usr/share/doc/sent-items-update/changelog.gz")
    there.run("bash", "-n", "/usr/share/bash-completion/completions/siu-updater")

    # What an administrator does: an own variable, settings, a message, somebody who may use the panel.
    there.run("sed", "-i", "s/^#SIU_LOG=.*/SIU_LOG=debug/", "/etc/default/siu-updater")
    there.run("useradd", "--groups", "sent-items-update", "anna")
    there.run("useradd", "bert")
    as_user = lambda name: ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "env", "-i", "PATH=/usr/bin"]
    there.write("/tmp/message.eml", MESSAGE.replace("\n", "\r\n"))
    with manager.was_told("start"):
        settings = shown(there)
        settings["limits"]["connections"] = 3
        settings["account"] = {"user": "svc@corp.example"}
        there.write("/tmp/settings.json", json.dumps(settings))
        there.run("siu-updater", "settings", "set", "/tmp/settings.json", "--password-stdin", text_in="secret\n")
        there.run(*as_user("anna"), "siu-updater", "submit", "/tmp/message.eml")
        refused = there.run(*as_user("bert"), "siu-updater", "status", status=4)
        assert "you may not use the updater's local API" in refused
        assert there.run("stat", "-c", "%U %a", STATE, f"{STATE}/settings.json").split() == [
            "sent-items-update", "700", "sent-items-update", "600",
        ]

    there.run("dpkg", "-i", newer)
    assert "SIU_LOG=debug" in there.read("/etc/default/siu-updater").splitlines()
    with manager.was_told("restart"):
        kept = json.loads(there.run("siu-updater", "settings", "show"))
        assert kept["password_stored"] and kept["settings"]["limits"]["connections"] == 3
        assert "Kept over an upgrade" in there.run("siu-updater", "messages")
    # Once more is no harm.
    there.run("dpkg", "-i", newer)
    with manager.was_told("restart"):
        there.run("siu-updater", "status")

    there.run("dpkg", "-r", "sent-items-update")
    manager.was_told_to_stop()
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


# What the unit and the README advise, and times of a test.
DROP_IN = """[Service]
LoadCredentialEncrypted=secret.key:/etc/credstore.encrypted/sent-items-update.key
ReadWritePaths=/srv/pickup
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
WatchdogSec=5
RestartSec=100ms
"""


@pytest.mark.parametrize("place", ["by systemd"], indirect=True)
def test_under_systemd_it_is_held_to_its_unit_gets_its_key_and_is_started_again(debian, place):
    there, manager = place
    clean(there)
    there.run("dpkg", "-i", name_of(debian, ".deb"))
    assert manager.process() in there.run("siu-updater", "service", "status")
    assert manager.show("StatusText") == "not configured yet; 0 waiting, 0 failed"
    # The kernel holds it to that.
    facts = dict(line.split(":\t", 1) for line in there.read(f"/proc/{manager.process()}/status").splitlines())
    assert (facts["NoNewPrivs"], facts["Seccomp"], facts["CapEff"], facts["CapBnd"]) == ("1", "2", "0" * 16, "0" * 16)
    assert "0\t" not in facts["Uid"], "it runs as root"
    entry = json.loads(there.run("journalctl", "-u", "siu-updater", "-o", "json", "--grep", "^the updater runs").splitlines()[0])
    assert entry["PRIORITY"] == "6" and entry["_SYSTEMD_UNIT"] == "siu-updater.service"

    settings = shown(there)
    settings["intake"] |= {"smtp": {"listen": "127.0.0.1:25"}, "pickup": {"folder": "/srv/pickup"}}
    settings["connection"] = {"ews_url": "https://localhost:1/EWS/Exchange.asmx"}
    settings["account"] = {"user": "svc@corp.example"}
    there.write("/tmp/settings.json", json.dumps(settings))
    there.run("install", "-d", "-o", "sent-items-update", "/srv/pickup")
    there.run("mkdir", "-p", "/etc/credstore.encrypted")
    there.run(
        "sh", "-c", "head -c 32 /dev/urandom | systemd-creds encrypt --name=secret.key - /etc/credstore.encrypted/sent-items-update.key"
    )
    there.write("/etc/systemd/system/siu-updater.service.d/advised.conf", DROP_IN)
    there.run("systemctl", "daemon-reload")
    there.run("siu-updater", "service", "stop")
    there.run("siu-updater", "service", "status", status=3)
    there.run("siu-updater", "service", "start")
    there.run("siu-updater", "settings", "set", "/tmp/settings.json", "--password-stdin", text_in="secret\n")
    there.run("siu-updater", "settings", "on")
    assert there.exists(f"{STATE}/account.secret") and not there.exists(f"{STATE}/secret.key"), "the key is systemd's"
    there.write("/srv/pickup/message.tmp", MESSAGE.replace("\n", "\r\n"), "644")
    there.run("chown", "sent-items-update", "/srv/pickup/message.tmp")
    there.run("mv", "/srv/pickup/message.tmp", "/srv/pickup/message.eml")
    until("the message is taken in", lambda: "Kept over an upgrade" in there.run("siu-updater", "messages"))
    until("the pickup folder is empty", lambda: not there.exists("/srv/pickup/message.eml"))
    said = there.run("sh", "-c", "printf 'QUIT\\r\\n' | timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; cat >&3; cat <&3'")
    assert said.startswith("220 "), said

    # One that crashes, and one that hangs.
    for signal in ("KILL", "STOP"):
        earlier = manager.process()
        there.run("kill", f"-{signal}", earlier)
        until("another one runs", lambda: manager.show("ActiveState") == "active" and manager.process() not in (earlier, "0"))
        assert "Kept over an upgrade" in there.run("siu-updater", "messages")
    assert manager.show("NRestarts") == "2"
