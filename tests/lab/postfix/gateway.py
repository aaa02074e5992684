"""A mail gateway with a signature program: Postfix, and alterMIME as its content filter.

An instance of its own, under a folder of its own, on loopback: the system's Postfix is neither used nor touched.

    client -> :entry smtpd -> alterMIME -> :return smtpd -> recipients (discarded: nobody is out there)
                                                         -> a copy to the updater's SMTP door (always_bcc)
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import processes

FOOTER = "Nordwind GmbH, Speicherstadt 7, Hamburg. Registered: HRB 4711."
FOOTER_HTML = f'<p id="footer">{FOOTER}</p>'

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
syslog_name = siu-lab

myhostname = gateway.nordwind.example
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 52428800

# Nothing leaves this machine: every recipient but the updater is discarded.
default_transport = discard:
relay_transport = discard:
transport_maps = inline:{{ updater.invalid=smtp:[127.0.0.1]:{intake} }}
always_bcc = processed@updater.invalid
disable_dns_lookups = yes
smtp_host_lookup = native
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

MASTER = """
127.0.0.1:{entry} inet n - n - - smtpd
  -o content_filter=signature:
  -o receive_override_options=no_address_mappings
127.0.0.1:{back} inet n - n - - smtpd
  -o content_filter=
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
signature unix - n n - 4 pipe
  flags=Rq user=nobody argv={folder}/signature {folder} {back} ${{sender}} ${{recipient}}
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
"""

# As the Postfix documentation has it for a simple content filter; exit status 75 makes Postfix try again.
SIGNATURE = """#!/bin/sh
folder=$1 back=$2 sender=$3
shift 3
message=$(mktemp "$folder/filter/XXXXXX") || exit 75
trap 'rm -f "$message"' EXIT
cat > "$message" || exit 75
altermime --input="$message" --disclaimer="$folder/footer.txt" --disclaimer-html="$folder/footer.html" || exit 69
recipients=$(IFS=,; echo "$*")
swaks --silent 3 --server 127.0.0.1 --port "$back" --helo filter.localhost \\
  --from "$sender" --to "$recipients" --data - < "$message" || exit 75
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, folder, intake_port):
        self.folder = pathlib.Path(folder)
        self.entry, self.back = free_port(), free_port()
        values = {
            "folder": self.folder,
            "entry": self.entry,
            "back": self.back,
            "intake": intake_port,
            "daemons": postconf("daemon_directory"),
        }
        etc = self.folder / "etc"
        # Postfix's own user must get to its queue, and nobody to the filter.
        for part in ("etc", "queue", "data", "filter"):
            (self.folder / part).mkdir()
        self.folder.chmod(0o755)
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "filter", "nobody")
        (etc / "main.cf").write_text(MAIN.format(**values))
        (etc / "master.cf").write_text(MASTER.format(**values))
        (self.folder / "footer.txt").write_text(f"\n{FOOTER}\n")
        (self.folder / "footer.html").write_text(f"\n{FOOTER_HTML}\n")
        signature = self.folder / "signature"
        signature.write_text(SIGNATURE)
        signature.chmod(0o755)

    def __enter__(self):
        command = ["postfix", "-c", str(self.folder / "etc"), "start-fg"]
        # A session of its own: Postfix signals its whole process group when it ends.
        self.process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.until(lambda: self.process.poll() is None and answers(self.entry) and answers(self.back),
                        30, "Postfix to answer", self.log)
        return self

    def __exit__(self, *_):
        # The master ends its children; the process that was started only waits for it.
        pid_file = self.folder / "queue/pid/master.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        self.process.wait(30)

    def log(self):
        log = self.folder / "mail.log"
        return log.read_text() if log.exists() else "Postfix wrote no log"

    def send(self, sender, recipients, message):
        """Sends a message as a mail client does, with swaks."""
        subprocess.run(["swaks", "--silent", "2", "--server", "127.0.0.1", "--port", str(self.entry),
                        "--from", sender, "--to", ",".join(recipients), "--data", "-"],
                       input=message, check=True, timeout=60)


def postconf(name):
    # -d: the compiled-in default; there may be no system-wide configuration.
    return subprocess.run(["postconf", "-dh", name], check=True, capture_output=True, text=True).stdout.strip()


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
