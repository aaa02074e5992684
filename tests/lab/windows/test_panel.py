"""The panel under Wine."""
import re

import processes
from wine import PANEL, PIPE, ROOT, UPDATER

TITLE = "Sent Items Update"
SCREENS = ROOT / "target/screens"


def test_the_panel_draws_its_window_and_a_second_start_raises_the_first(wine, screen, tmp_path):
    # The menu entry for a trial on made-up mail: organisation and updater run beside it, all under Wine.
    environment = {"SIU_LOG": "info"}
    with wine.start("panel", PANEL, "--sandbox", **environment) as panel:
        def alive():
            assert panel.runs(), panel.log()
            return True

        def probe(what):
            return wine.run(wine.probe_file, what, TITLE)[1].strip()

        processes.until(lambda: alive() and probe("window").startswith("minimised 0"), 120, "the window", panel.log)
        # An empty window has few colours; text has smooth edges, and those are many shades.
        processes.until(lambda: alive() and screen.colours(tmp_path) > 200, 180, "what it draws", panel.log)
        # The updater that the panel has started answers over its pipe, and the panel takes its sign away that none does.
        process = re.search(r"process (\d+)", probe("window"))[1]
        status = ["status", "--pipe", f"{PIPE}-sandbox-{process}"]
        processes.until(lambda: alive() and wine.run(UPDATER, *status)[0] == 0, 120, "its updater", panel.log)
        processes.until(lambda: alive() and screen.red(tmp_path) < 50, 60, "the panel to see it", panel.log)
        processes.until(lambda: alive() and screen.still(tmp_path), 180, "the screen to be still", panel.log)
        SCREENS.mkdir(parents=True, exist_ok=True)
        screen.picture(SCREENS / "wine-panel.png")

        assert probe("minimise") == "minimised 1"
        status, out, err = wine.run(PANEL, "--sandbox", seconds=60, **environment)
        assert status == 0, out + err
        processes.until(lambda: probe("window").startswith("minimised 0"), 60, "the window to come back", panel.log)
        assert panel.runs()
    (SCREENS / "wine-panel.log").write_text(panel.log())
