"""A Debian system to install packages on: this one, seen through an overlay in memory. Nothing of what is done to it
reaches the disk, and all of it goes when it ends, processes included. systemd can be its first process."""

import contextlib
import os
import pathlib
import shlex
import subprocess
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]

SETUP = r"""
set -e
here=$1
mount -t tmpfs tmpfs "$here"
mkdir "$here/upper" "$here/work" "$here/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$here/upper,workdir=$here/work" "$here/root"
cd "$here/root"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
chmod 1777 tmp
# A folder for temporary files of its own would hide a project that lies there.
case $2 in
  /tmp/*) mkdir -p ".$2" && mount --rbind "$2" ".$2" ;;
esac
ip link set lo up 2>/dev/null || true
mkdir before
pivot_root . before
umount -l before
rmdir before
"""

# As in a container: it changes nothing of the kernel's, and starts nothing that is for machines. Mounts are shared, which is
# how credentials get to where services see them.
SYSTEMD = r"""
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --make-rshared /
rm -rf /etc/systemd/system/*.wants /etc/machine-id
: >/etc/machine-id
for unit in systemd-modules-load systemd-udevd systemd-udev-trigger systemd-hwdb-update systemd-firstboot systemd-random-seed; do
  ln -sf /dev/null "/etc/systemd/system/$unit.service"
done
echo ready
exec env -i container=lab PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --unit=basic.target --show-status=no
"""


class System:
    def __init__(self, holder):
        self.holder = holder
        self._inside = ["nsenter", f"--target={holder}", "--mount", "--pid", "--net"]

    def command(self, *words):
        return [*self._inside, *[str(word) for word in words]]

    def run(self, *words, status=0, text_in=None):
        done = subprocess.run(
            self.command(*words), input=text_in or "", capture_output=True, text=True, check=False, timeout=300
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{' '.join(map(str, words))}: {done.returncode}, not {status}\n{said}"
        return said

    def start(self, *words, log):
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def read(self, path):
        return self.run("cat", path)

    def write(self, path, text, mode="644"):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"', "_", path, mode, text_in=text)

    def exists(self, path):
        return subprocess.run(self.command("test", "-e", path), check=False).returncode == 0


@contextlib.contextmanager
def system(setup="echo ready\nexec sleep infinity", before=()):
    with tempfile.TemporaryDirectory(prefix="siu-packages-", dir="/var/tmp") as here:
        holder = subprocess.Popen(
            [*before, "unshare", "--mount", "--propagation=private", "--pid", "--net", "--ipc", "--uts", "--cgroup"]
            + ["--fork", "--kill-child=KILL", "sh", "-c", SETUP + setup, "_", here, PROJECT],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        try:
            said = holder.stdout.readline()
            if said.strip() != "ready":
                holder.kill()
                raise RuntimeError(said + holder.stdout.read())
            (inside,) = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            yield System(inside)
        finally:
            # The first process of its namespace: the others go with it, and the mounts with the last of them.
            holder.kill()
            holder.wait()


def control_groups():
    """Where control groups are as systemd wants them; none where this system has them not, or they can't be changed."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[words.index("-") + 1] == "cgroup2" and os.access(words[4], os.W_OK):
            return pathlib.Path(words[4])
    return None


@contextlib.contextmanager
def booted():
    """The same with systemd as its first process, in control groups of its own."""
    group = control_groups() / f"siu-packages-{os.getpid()}"
    group.mkdir()
    enter = ["sh", "-c", f'echo $$ >{shlex.quote(str(group))}/cgroup.procs && exec "$@"', "_"]
    try:
        with system(SYSTEMD, enter) as there:
            give_up = time.monotonic() + 60
            state = there.command("systemctl", "is-system-running")
            while (said := subprocess.run(state, capture_output=True, text=True, check=False).stdout.strip()) not in (
                "running", "degraded",
            ):
                assert time.monotonic() < give_up, f"systemd is {said}"
                time.sleep(0.1)
            yield there
    finally:
        give_up = time.monotonic() + 30
        while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < give_up:
            time.sleep(0.05)
        for folder in sorted(group.rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        group.rmdir()
