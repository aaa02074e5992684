"""What becomes part of the programs for a system: the libraries that are linked into them, by what Cargo.lock says."""

import json
import pathlib
import subprocess
import tomllib


def cargo(*words):
    return subprocess.run(["cargo", *words], check=True, capture_output=True, text=True).stdout


def parts(target):
    """The package itself; its libraries, sorted by name and version; and which libraries each of them uses, by id."""
    # Neither what only builds or tests, nor what only the compiler loads. `cargo metadata` alone names much that is never
    # compiled, for features that nobody asked for.
    tree = cargo(
        "tree", "--locked", "--features=gssapi", f"--target={target}", "--edges=normal,no-proc-macro", "--prefix=none",
        "--format={p}",
    )
    linked = {tuple(line.split()[:2]) for line in tree.splitlines()}
    metadata = json.loads(
        cargo("metadata", "--format-version=1", "--locked", "--features=gssapi", f"--filter-platform={target}")
    )
    packages = {
        package["id"]: package
        for package in metadata["packages"]
        if (package["name"], f"v{package['version']}") in linked
    }
    uses = {
        node["id"]: [edge["pkg"] for edge in node["deps"] if edge["pkg"] in packages and is_linked(edge)]
        for node in metadata["resolve"]["nodes"]
        if node["id"] in packages
    }
    root = packages.pop(metadata["resolve"]["root"])
    return root, sorted(packages.values(), key=lambda package: (package["name"], package["version"])), uses


def is_linked(edge):
    return any(kind["kind"] is None for kind in edge["dep_kinds"])


def licence(package):
    """The licence as an SPDX expression. Old packages have a slash where SPDX has a word."""
    return (package["license"] or "").replace(" / ", "/").replace("/", " OR ")


def checksums():
    """The SHA-256 of each package as crates.io hands it out, by name and version."""
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text(encoding="utf-8"))
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
