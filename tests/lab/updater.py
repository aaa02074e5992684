"""A running updater, and its local API."""
import http.client
import json
import pathlib
import socket
import urllib.parse

import processes


class OverSocket(http.client.HTTPConnection):
    """HTTP over a Unix-domain socket."""

    def __init__(self, path):
        super().__init__("siu", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Updater:
    def __init__(self, folder, sandbox):
        self.folder, self.sandbox = pathlib.Path(folder), sandbox
        self.socket = self.folder / "updater.sock"

    def __enter__(self):
        self.process = processes.Process("updater", "run", "--data", self.folder / "data", "--pipe", self.socket)
        processes.until(self.answers, 30, "the updater to answer", self.process.log)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def answers(self):
        if not self.process.runs():
            raise AssertionError(f"the updater ended at once\n{self.process.log()}")
        try:
            return self.request("GET", "status")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, **headers):
        connection = OverSocket(self.socket)
        try:
            connection.request(method, f"/v1/{path}", body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, **headers):
        status, _, content = self.request(method, path, body, **headers)
        assert status in (200, 201), f"{method} {path}: {status} {content.decode()}"
        return json.loads(content)

    def configure(self, **changes):
        """Connects the updater to the sandbox and switches it on."""
        _, headers, content = self.request("GET", "settings")
        settings = json.loads(content)["settings"] | {
            "enabled": True,
            "connection": {"ews_url": self.sandbox.ews_url, "extra_roots": [self.sandbox.ca_pem]},
            "account": {"user": self.sandbox.account},
            "options": {},
            # Looks often, so that nobody waits long for a copy that is stored later.
            "schedule": {"not_found_pauses": [1], "error_pauses": [1], "give_up_after": 120},
        } | changes
        change = json.dumps({"settings": settings, "password": self.sandbox.password})
        status, _, answer = self.request("PUT", "settings", change, Content_Type="application/json",
                                         If_Match=headers["ETag"])
        assert status == 204, answer.decode()

    def submit(self, message):
        """Hands a processed message over the local API; returns its number."""
        return self.json("POST", "messages", message, Content_Type="message/rfc822")["id"]

    def message(self, number):
        return self.json("GET", f"messages/{number}")

    def find(self, text):
        return self.json("GET", "messages?" + urllib.parse.urlencode({"search": text}))

    def outcome(self, number, seconds=60):
        """The message once it is finished."""
        def finished():
            message = self.message(number)
            return message["state"] in ("updated", "skipped", "failed") and message
        return processes.until(finished, seconds, f"message {number} to be finished",
                               lambda: f"{self.message(number)}\n{self.process.log()}")
