"""The panel under Wine, on a screen of its own."""
import os
import subprocess
import time

import pytest

import processes
from wine import PANEL, ROOT

TITLE = "Sent Items Update"
SCREENS = ROOT / "target/screens"


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
        """Whether it shows the same as a second ago: the sample messages have come through."""
        pictures = [folder / "one.ppm", folder / "other.ppm"]
        self.picture(pictures[0])
        time.sleep(1)
        self.picture(pictures[1])
        return pictures[0].read_bytes() == pictures[1].read_bytes()

    def colours(self, folder):
        """How many colours the screen shows."""
        self.picture(folder / "now.png")
        found = subprocess.run(["identify", "-format", "%k", folder / "now.png"], capture_output=True, text=True, check=True)
        return int(found.stdout)


@pytest.fixture
def screen():
    with Screen() as running:
        yield running


def test_the_panel_draws_its_window_and_a_second_start_raises_the_first(wine, screen, tmp_path):
    # The menu entry for a trial on made-up mail: organisation and updater run beside it, all under Wine.
    environment = {"DISPLAY": screen.display, "SIU_LOG": "info"}
    with wine.start("panel", PANEL, "--sandbox", **environment) as panel:
        def alive():
            assert panel.runs(), panel.log()
            return True

        def probe(what):
            return wine.run(wine.probe_file, what, TITLE, DISPLAY=screen.display)[1].strip()

        processes.until(lambda: alive() and probe("window").startswith("minimised 0"), 120, "the window", panel.log)
        # An empty window has few colours; text has smooth edges, and those are many shades.
        processes.until(lambda: alive() and screen.colours(tmp_path) > 200, 180, "what it draws", panel.log)
        processes.until(lambda: alive() and screen.still(tmp_path), 180, "the screen to be still", panel.log)
        SCREENS.mkdir(parents=True, exist_ok=True)
        screen.picture(SCREENS / "wine-panel.png")

        assert probe("minimise") == "minimised 1"
        status, out, err = wine.run(PANEL, "--sandbox", seconds=60, **environment)
        assert status == 0, out + err
        processes.until(lambda: probe("window").startswith("minimised 0"), 30, "the window to come back", panel.log)
        assert panel.runs()
    (SCREENS / "wine-panel.log").write_text(panel.log())
