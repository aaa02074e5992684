"""Packages made of the programs that the other parts of tests/run have built already."""

import os
import pathlib
import shutil
import subprocess
import time

PROJECT = pathlib.Path(__file__).parents[2]
LAB = PROJECT / "target/lab/packages"


def run(*command, **options):
    """Runs a command that must succeed, and gives what it printed."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def make(script, folder):
    """Runs a script of packaging/ on what was built for tests."""
    shutil.rmtree(folder, ignore_errors=True)
    run(PROJECT / "packaging" / script, "--built", "dev", "--out", folder, cwd=PROJECT, timeout=600)
    return folder


def name_of(folder, ending):
    (found,) = [file for file in folder.iterdir() if file.name.endswith(ending)]
    return found


def is_root():
    return os.geteuid() == 0


def until(what, true):
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up, what
        time.sleep(0.1)
