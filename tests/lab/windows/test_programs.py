"""What the programs are, and the main job from end to end."""
import re
import struct
import subprocess

import pytest

from wine import PANEL, ROOT, UPDATER, path


def header(program):
    said = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", program], capture_output=True, text=True, check=True).stdout
    return re.search(r"^Subsystem\s+\w+\s+\((.*)\)", said, re.M)[1], said


@pytest.mark.parametrize("program, subsystem", [(UPDATER, "Windows CUI"), (PANEL, "Windows GUI")])
def test_the_programs_carry_icon_manifest_and_version_and_the_panel_opens_no_console(program, subsystem):
    found, said = header(program)
    assert found == subsystem
    content = program.read_bytes()
    for word in (b"PerMonitorV2", b"longPathAware", b'level="asInvoker"'):
        assert word in content, word
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    for name, value in [("ProductName", "Sent Items Update"), ("FileVersion", version), ("ProductVersion", version)]:
        assert f"{name}\0".encode("utf-16-le") in content and f"{value}\0".encode("utf-16-le") in content, name
    # The first icon of the group is in the resources as it is in the file.
    icon = (ROOT / "resources/icons/sent-items-update.ico").read_bytes()
    length, offset = struct.unpack_from("<II", icon, 6 + 8)
    assert icon[offset:offset + length] in content
    # Nothing that a Windows server lacks: no library of the compiler's.
    libraries = set(re.findall(r"DLL Name: (\S+)", said))
    assert not {name for name in libraries if name.lower().startswith(("libgcc", "libstdc", "libwinpthread"))}, libraries


def test_the_event_viewer_finds_the_texts_of_our_entries_in_the_program(wine):
    for event in (100, 101, 200, 300):
        assert wine.probe("message", path(UPDATER), event) == "the text"
    assert "error" in wine.probe("message", path(UPDATER), 999)


def test_the_demo_does_the_main_job_from_end_to_end(wine, tmp_path):
    said = wine.updater("demo", "--keep", path(tmp_path / "kept"), seconds=420)
    assert "updated" in said and (tmp_path / "kept").is_dir()
