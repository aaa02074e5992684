"""Who starts services on a system to install packages on: systemd, or a stand-in where that can't run."""

import contextlib
import json
import re
import select
import shlex
import socket

from packages_made import until

NAME = "siu-updater.service"
UNIT = f"/usr/lib/systemd/system/{NAME}"
SOCKET = "/run/sent-items-update/updater.sock"

# What is about files only, systemd's own program does; the rest is noted.
SYSTEMCTL = f"""#!/bin/sh
echo "$*" >>/tmp/systemctl
case "$*" in
  *--root=*) exec /usr/bin/systemctl.real "$@" ;;
  *is-enabled*) exec /usr/bin/systemctl.real --root=/ is-enabled {NAME} ;;
esac
"""


class Systemd:
    def __init__(self, there):
        self.there, self._known = there, "0"

    def show(self, name):
        return self.there.run("systemctl", "show", "--value", f"--property={name}", NAME).strip()

    def process(self):
        return self.show("MainPID")

    @contextlib.contextmanager
    def was_told(self, what):
        """The package had it started, or started anew; it runs meanwhile and afterwards."""
        assert self.show("ActiveState") == "active" and self.show("NRestarts") == "0", what
        known, self._known = self._known, self.process()
        assert known != self._known, f"{what}: it is still the one of before"
        yield

    def was_told_to_stop(self):
        assert self.show("ActiveState") != "active"
        assert not self.there.exists(f"/proc/{self._known}")


class StandIn:
    """Notes what packages tell it, and starts the updater as its unit says: command line, variables, user, folders."""

    def __init__(self, there, log):
        self.there, self.log = there, log
        there.run("mv", "/usr/bin/systemctl", "/usr/bin/systemctl.real")
        there.write("/usr/bin/systemctl", SYSTEMCTL, "755")
        # Packages tell the service manager when this folder is there.
        there.run("mkdir", "-p", "/run/systemd/system")

    def _told(self, what):
        lines = self.there.read("/tmp/systemctl")
        self.there.run("rm", "-f", "/tmp/systemctl")
        assert re.search(rf"^(?!.*is-).*\b{what}\b.*{NAME}", lines, re.M), lines

    def was_told_to_stop(self):
        self._told("stop")

    @contextlib.contextmanager
    def was_told(self, what):
        """The package wanted it started, or started anew; it runs meanwhile."""
        self._told(what)
        there, unit = self.there, service(self.there.read(UNIT))
        assert unit["Type"] == "notify"
        user, group = unit["User"], unit["Group"]
        for kind, parent in (("State", "/var/lib"), ("Runtime", "/run")):
            folder = f"{parent}/{unit[f'{kind}Directory']}"
            there.run("install", "-d", "-o", user, "-g", group, "-m", unit[f"{kind}DirectoryMode"], folder)
        there.run("install", "-d", "-m", "755", "/run/notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(f"/proc/{there.holder}/root/run/notify/socket")
        there.run("chmod", "666", "/run/notify/socket")
        defaults = there.read(unit["EnvironmentFile"].removeprefix("-"))
        variables = [line for line in defaults.splitlines() if "=" in line and not line.startswith("#")]
        process = there.start(
            "setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "--no-new-privs", "--bounding-set=-all",
            "--inh-caps=-all", "env", "-i", "PATH=/usr/bin:/bin", "NOTIFY_SOCKET=/run/notify/socket", *variables,
            "sh", "-c", f"umask {unit['UMask']}; exec \"$@\"", "_", *shlex.split(unit["ExecStart"]),
            log=self.log,
        )

        def heard():
            assert process.poll() is None, f"it ended with {process.returncode}; see {self.log.name}"
            return select.select([manager], [], [], 0)[0]

        try:
            until("it says that it runs", heard)
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


def service(unit):
    """The settings of a unit's [Service] section, the last of several."""
    section = unit.split("[Service]\n", 1)[1].split("\n[", 1)[0]
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line and not line.startswith("#"))
