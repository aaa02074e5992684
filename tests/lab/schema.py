"""Validates everything that was recorded on the wire against Microsoft's schema of EWS.

    schema.py FOLDER_OF_THE_SCHEMA FOLDER_OF_THE_RECORDS

The folder of the schema has validate.py, which knows how to load it. Prints each message that is not valid, and totals.
"""
import importlib.util
import pathlib
import sys

from lxml import etree


def load(folder):
    specification = importlib.util.spec_from_file_location("validate", folder / "validate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main(schema_folder, records):
    validate = load(pathlib.Path(schema_folder).resolve())
    schema = validate.schema()
    valid, invalid, shown = {"request": 0, "answer": 0}, 0, {}
    # Large messages are in there, too.
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
    for file in sorted(pathlib.Path(records).rglob("*.xml")):
        try:
            problem = next(iter(validate.problems(schema, etree.parse(file, parser).getroot())), None)
        except etree.XMLSyntaxError as error:
            problem = str(error)
        if problem is None:
            valid["request" if "request" in file.name else "answer"] += 1
        else:
            invalid += 1
            # The same mistake a thousand times is one line.
            kind = problem.split(": ", 1)[-1][:300]
            shown.setdefault(kind, []).append(file)
    for kind, files in shown.items():
        print(f"{files[0]} and {len(files) - 1} more: {kind}")
    print(f"{valid['request']} requests and {valid['answer']} answers are valid")
    print(f"{sum(valid.values())} valid, {invalid} invalid")
    return invalid > 0 or not (valid["request"] and valid["answer"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
