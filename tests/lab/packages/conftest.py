"""The packages, made once for all tests."""

import pytest
from packages_made import LAB, PROJECT, make


@pytest.fixture(scope="session")
def debian():
    """Folder with the Debian package."""
    return make("debian.sh", LAB / "debian")


@pytest.fixture(scope="session")
def windows():
    """Folder with the packages for Windows."""
    programs = PROJECT / "target/x86_64-pc-windows-gnu/debug"
    missing = [name for name in ("siu-updater.exe", "siu-panel.exe") if not (programs / name).exists()]
    if missing:
        pytest.skip(f"{' and '.join(missing)} were not built for Windows")
    return make("windows.sh", LAB / "windows")


@pytest.fixture(scope="session")
def version():
    text = (PROJECT / "Cargo.toml").read_text()
    return text.split('\nversion = "', 1)[1].split('"', 1)[0]
