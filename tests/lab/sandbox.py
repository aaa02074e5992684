"""A running sandbox organisation, and its control interface."""
import contextlib
import json
import os
import pathlib
import re
import tomllib
import urllib.error
import urllib.parse
import urllib.request

import processes

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "resources/sandbox"
ORGANISATION = tomllib.loads((RESOURCES / "organisation.toml").read_text())


class Sandbox:
    domain = ORGANISATION["domain"]
    hosts = [domain, f"mail.{domain}", f"autodiscover.{domain}", "autodiscover.nordlicht.example"]
    account = ORGANISATION["service_account"]
    password = ORGANISATION["service_password"]
    people_password = ORGANISATION["people_password"]
    administrator = ORGANISATION["administrator"]
    admin_password = ORGANISATION["admin_password"]

    anna = "anna.bergstroem@nordwind.example"
    anna_secondary = "anna.bergstroem@nordlicht.example"  # in a domain whose addresses are redirected
    jonas = "jonas.weber@nordwind.example"
    shared = "info@nordwind.example"
    group = "vertrieb@nordwind.example"
    without_mailbox = "kofi.mensah@nordwind.example"

    def __init__(self, folder, name="sandbox"):
        self.folder, self.name = pathlib.Path(folder), name
        # After a restart it is where it was.
        self.ports = {"https": 0, "http": 0, "control": 0, "ldaps": 0, "ldap": 0}
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        record = []
        if folder := os.environ.get("SIU_RECORD"):
            record = ["--record", pathlib.Path(folder) / f"{self.name}-{os.getpid()}-{self.folder.name}"]
        listen = [word for door, port in self.ports.items() for word in (f"--{door}", f"127.0.0.1:{port}")]
        self.process = processes.Process(self.name, "sandbox", "--folder", self.folder, "--empty", *listen, *record)

        def greeted():
            if not self.process.runs():
                raise AssertionError(f"the sandbox ended at once\n{self.process.log()}")
            return re.search(r"Control +(http://[^\s]+)", self.process.log())

        self.control_url = processes.until(greeted, 30, "the sandbox to greet", self.process.log)[1]
        about = self.control("GET", "")
        self.ews_url, self.http_ews_url = about["ews_url"], about["http_ews_url"]
        self.ldaps_url, self.ldap_url = about["ldaps_url"], about["ldap_url"]
        self.ports = {door: urllib.parse.urlsplit(url).port for door, url in
                      [("https", self.ews_url), ("http", self.http_ews_url), ("control", self.control_url),
                       ("ldaps", self.ldaps_url), ("ldap", self.ldap_url)]}
        self.ca_file = self.folder / "ca.pem"
        self.ca_pem = self.ca_file.read_text()

    def stop(self):
        if self.process:
            assert self.process.stop() == 0, self.process.log()
            self.process = None

    @property
    def https_port(self):
        return self.ports["https"]

    def control(self, method, path, body=None):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control_url.rstrip('/')}/{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(content) if content else None

    def impersonation(self, granted):
        self.control("PUT" if granted else "DELETE", f"accounts/{self.account}/impersonation")

    @contextlib.contextmanager
    def state(self, address, state):
        """A mailbox in trouble for a while."""
        self.control("PUT", f"mailboxes/{address}/state", state)
        try:
            yield
        finally:
            self.control("PUT", f"mailboxes/{address}/state", "normal")

    @contextlib.contextmanager
    def fault(self, kind, *, operation=None, mailbox=None, count=None, **options):
        """Something that goes wrong for a while."""
        rule = {"operation": operation, "mailbox": mailbox, "count": count, "fault": {"kind": kind, **options}}
        rule = {name: value for name, value in rule.items() if value is not None}
        number = self.control("POST", "faults", rule)["id"]
        try:
            yield
        finally:
            self.control("DELETE", f"faults/{number}")

    def statistics(self):
        return self.control("GET", "statistics")

    def reset_statistics(self):
        self.control("DELETE", "statistics")


def busy(milliseconds):
    """The refusal of a server that has too much to do, with the time to stay away."""
    return {"code": "ErrorServerBusy", "back_off_milliseconds": milliseconds, "fault": 500,
            "message": "The server cannot service this request right now. Try again later."}
