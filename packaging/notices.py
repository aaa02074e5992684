#!/usr/bin/env python3
"""Prints the licences of everything that becomes part of the programs, with their texts, as those licences ask for.

    packaging/notices.py x86_64-unknown-linux-gnu > third-party.txt

The texts are those that the crates bring. A crate without one is named with its licence all the same.
"""

import collections
import pathlib
import re
import sys

from parts import licence, parts

NAMES = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)


def texts(package):
    """The licences that the package brings, line ends and margins made alike."""
    folder = pathlib.Path(package["manifest_path"]).parent
    for file in sorted(folder.iterdir()):
        if file.is_file() and NAMES.match(file.name) and file.suffix not in {".rs", ".toml", ".json"}:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            yield "\n".join(line.rstrip() for line in lines).strip("\n")


def main(target):
    _, found, _ = parts(target)
    of_text = collections.defaultdict(list)
    print("Sent Items Update contains these libraries. Their licences follow, each with those that are under it.\n")
    for package in found:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {licence(package) or 'see its text'}")
        for text in dict.fromkeys(texts(package)):
            of_text[text].append(name)
    for text, names in sorted(of_text.items(), key=lambda entry: entry[1]):
        print(f"\n{'-' * 80}\n{', '.join(names)}\n\n{text}")


main(sys.argv[1])
