"""A Debian system to install packages on: this one, seen through an overlay in memory. Nothing of what is done to it
reaches the disk, and all of it goes when it ends, processes included."""

import contextlib
import pathlib
import subprocess
import tempfile

SETUP = r"""
set -e
here=$1
mount -t tmpfs tmpfs "$here"
mkdir "$here/upper" "$here/work" "$here/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$here/upper,workdir=$here/work" "$here/root"
cd "$here/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
chmod 1777 tmp
ip link set lo up 2>/dev/null || true
echo ready
exec sleep infinity
"""


class System:
    def __init__(self, root, holder):
        self.root, self.holder = root, holder
        self._inside = ["nsenter", f"--target={holder}", "--mount", "--pid", "--net"]

    def command(self, *words):
        return [*self._inside, "chroot", str(self.root), *[str(word) for word in words]]

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
def system():
    with tempfile.TemporaryDirectory(prefix="siu-packages-", dir="/var/tmp") as here:
        holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "--pid", "--net", "--fork", "--kill-child=KILL"]
            + ["sh", "-c", SETUP, "_", here],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        try:
            said = holder.stdout.readline()
            if said.strip() != "ready":
                holder.kill()
                raise RuntimeError(said + holder.stdout.read())
            (inside,) = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            yield System(pathlib.Path(here) / "root", inside)
        finally:
            # The first process of its namespace: the others go with it, and the mounts with the last of them.
            holder.kill()
            holder.wait()
