"""Every STIX part named on the command line, judged by three readers that aren't ours.

OASIS stix2-validator, strict (each recommendation is an error), strict properties, references enforced inside the part.
Its `strict_types` rejects every top-level observable of STIX 2.1 and stays off. Then python-stix2 without custom
content, whose recomputed observable ids must be ours; then MISP's converter, without errors.

Usage: check_stix.py part.stix.json.gz...   (exit 1 where a part fails, 2 where none is named)
"""

import gzip
import json
import sys

import stix2
from misp_stix_converter import ExternalSTIX2toMISPParser
from stix2validator import ValidationOptions, validate_instance

OPTIONS = ValidationOptions(version="2.1", strict=True, strict_properties=True, enforce_refs=True)


def validator_faults(bundle):
    result = validate_instance(bundle, OPTIONS)
    found = list(result.errors) + list(result.warnings)
    return [] if result.is_valid and not found else [f"stix2-validator: {fault}" for fault in found]


def stix2_faults(text, bundle):
    parsed = stix2.parse(text, allow_custom=False)
    faults = []
    for object_, ours in zip(parsed.objects, bundle["objects"], strict=True):
        if object_["type"] in stix2.registry.STIX2_OBJ_MAPS["2.1"]["observables"]:
            anew = stix2.parse({key: value for key, value in ours.items() if key != "id"} | {"type": ours["type"]})
            if anew["id"] != ours["id"]:
                faults.append(f"python-stix2: {ours['id']} should be {anew['id']}")
    return faults, parsed


def misp_faults(parsed):
    parser = ExternalSTIX2toMISPParser()
    parser.load_stix_bundle(parsed)
    parser.parse_stix_bundle()
    attributes = len(parser.misp_event.attributes) + sum(len(o.attributes) for o in parser.misp_event.objects)
    faults = [f"misp-stix: {fault}" for faults in parser.errors.values() for fault in faults]
    if attributes == 0:
        faults.append("misp-stix: nothing arrived in the MISP event")
    return faults, attributes


def check(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    bundle = json.loads(text)
    faults = validator_faults(bundle)
    more, parsed = stix2_faults(text, bundle)
    misp, attributes = misp_faults(parsed)
    faults += more + misp
    print(f"{'ok' if not faults else 'FAIL'} {path}: {len(bundle['objects'])} objects, {attributes} MISP attributes")
    for fault in faults[:20]:
        print(f"  {fault}")
    return not faults


if __name__ == "__main__":
    paths = sys.argv[1:]
    if not paths:
        sys.exit(2)
    sys.exit(0 if all([check(path) for path in paths]) else 1)
