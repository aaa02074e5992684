#!/usr/bin/env python3
"""Prints the bill of materials of the programs for a system, as CycloneDX (JSON): what is linked into them, with licences,
the checksums of Cargo.lock, and what uses what.

    packaging/bill.py x86_64-unknown-linux-gnu > sent-items-update.cdx.json

The time in it is SOURCE_DATE_EPOCH. It takes what packaging/requirements.txt names.
"""

import datetime
import os
import sys
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from parts import checksums, licence, parts


def component(package, checksum):
    name, version, source = package["name"], package["version"], package["repository"]
    purl = PackageURL("cargo", None, name, version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else []
    terms = [LicenseFactory().make_from_string(licence(package))] if licence(package) else []
    references = [ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(source))] if source else []
    kind = ComponentType.LIBRARY if checksum else ComponentType.APPLICATION
    return Component(
        type=kind, name=name, version=version, description=package["description"], purl=purl, bom_ref=str(purl),
        hashes=hashes, licenses=terms, external_references=references,
    )


def bill(target):
    root, libraries, uses = parts(target)
    sums = checksums()
    packages = [root, *libraries]
    of = {package["id"]: component(package, sums[package["name"], package["version"]]) for package in packages}
    at = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
    # The same for the same: it names the system, and every part with its checksum.
    named = " ".join([target, *(f"{part.purl} {sums[part.name, part.version]}" for part in of.values()), at.isoformat()])
    result = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, named), components=[of[each["id"]] for each in libraries])
    result.metadata.timestamp = at
    result.metadata.tools.components.add(this_component())
    result.metadata.component = of[root["id"]]
    for user, used in uses.items():
        result.register_dependency(of[user], [of[each] for each in used])
    return result


def main(target):
    print(make_outputter(bill(target), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1))


main(sys.argv[1])
