"""A screen of one's own (Xvfb)."""
import os
import subprocess
import time


class Screen:
    def __enter__(self):
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
                                       pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as told:
            self.display = f":{told.readline().strip()}"
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait(30)

    def picture(self, file):
        subprocess.run(["import", "-window", "root", file], env=os.environ | {"DISPLAY": self.display}, check=True, timeout=60)

    def still(self, folder):
        """Whether it shows the same over three seconds: nothing is on its way, or it would turn."""
        first, now = folder / "one.ppm", folder / "other.ppm"
        self.picture(first)
        for _ in range(3):
            time.sleep(1)
            self.picture(now)
            if first.read_bytes() != now.read_bytes():
                return False
        return True

    def colours(self, folder):
        """How many colours the screen shows."""
        self.picture(folder / "now.png")
        found = subprocess.run(["identify", "-format", "%k", folder / "now.png"], capture_output=True, text=True, check=True)
        return int(found.stdout)

    def red(self, folder):
        """How much of it is of the red of faults."""
        file = folder / "now.ppm"
        self.picture(file)
        pixels = file.read_bytes()[-3 * 1280 * 800:]
        return sum(r > 150 and g < 60 and b < 60 for r, g, b in zip(pixels[0::3], pixels[1::3], pixels[2::3]))
