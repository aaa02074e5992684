#!/usr/bin/env python3
"""Prints CHANGELOG.md as Debian wants it: packaging/changelog.py 0.1.0 "NAME <ADDRESS>" > changelog

What is unreleased there is the version that is packed, of the time SOURCE_DATE_EPOCH. A released one has its day in its
heading: ## 0.1.0 (2026-01-31)
"""

import datetime
import email.utils
import os
import pathlib
import re
import sys
import textwrap

HEADING = re.compile(r"^## (\S+)(?: \((\d{4}-\d\d-\d\d)\))?$", re.MULTILINE)


def main(version, maintainer):
    text = pathlib.Path("CHANGELOG.md").read_text(encoding="utf-8")
    _, *parts = HEADING.split(text)
    for name, day, content in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        at = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
        if day:
            at = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
        print(f"sent-items-update ({version if name == 'Unreleased' else name}) unstable; urgency=medium\n")
        for paragraph in re.split(r"\n\n|\n(?=- )", content.strip()):
            words = " ".join(paragraph.removeprefix("- ").split())
            print(textwrap.fill(words, 78, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False))
        print(f"\n -- {maintainer}  {email.utils.format_datetime(at)}\n")


main(*sys.argv[1:])
