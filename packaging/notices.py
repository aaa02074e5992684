#!/usr/bin/env python3
"""Prints the licences of everything that becomes part of the programs, with their texts, as those licences ask for.

    packaging/notices.py x86_64-unknown-linux-gnu > third-party.txt

The texts are those that the crates bring. A crate without one is named with its licence all the same.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

NAMES = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)


def parts(target):
    """The packages that are linked into the programs for that system, by name and version."""
    said = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--locked", "--features=gssapi", f"--filter-platform={target}"],
        check=True, capture_output=True, text=True,
    ).stdout
    metadata = json.loads(said)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, waiting = {root}, [root]
    while waiting:
        for edge in nodes[waiting.pop()]["deps"]:
            # Neither what only builds nor what only tests.
            if edge["pkg"] not in found and any(kind["kind"] is None for kind in edge["dep_kinds"]):
                found.add(edge["pkg"])
                waiting.append(edge["pkg"])
    found.remove(root)
    return sorted((packages[identity] for identity in found), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licences that the package brings, line ends and margins made alike."""
    folder = pathlib.Path(package["manifest_path"]).parent
    for file in sorted(folder.iterdir()):
        if file.is_file() and NAMES.match(file.name) and file.suffix not in {".rs", ".toml", ".json"}:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            yield "\n".join(line.rstrip() for line in lines).strip("\n")


def main(target):
    found = parts(target)
    of_text = collections.defaultdict(list)
    print("Sent Items Update contains these libraries. Their licences follow, each with those that are under it.\n")
    for package in found:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its text'}")
        for text in dict.fromkeys(texts(package)):
            of_text[text].append(name)
    for text, names in sorted(of_text.items(), key=lambda entry: entry[1]):
        print(f"\n{'-' * 80}\n{', '.join(names)}\n\n{text}")


main(sys.argv[1])
