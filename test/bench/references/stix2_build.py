"""
python-stix2 building and serialising the bundles of our STIX parts, on one core: the reference for STIX objects a second.

    python stix2_build.py [--alone] PART.stix.json.gz...

What the library makes is what we make: for each part a bundle of the same objects, not pretty, under its own validation
as it comes. It is spared what can be spared: all properties are in memory before the clock starts, instants as datetimes
and ids given, so that it parses no text and computes no id. `--alone` times the objects one by one without a bundle
around them, which the library does faster, though nobody could read its result as STIX. Afterwards, untimed, what was
made must mean what the part says.
"""
import gzip
import json
import sys
import time
from datetime import datetime

import stix2
from stix2.registry import STIX2_OBJ_MAPS

CLASSES = STIX2_OBJ_MAPS["2.1"]["objects"] | STIX2_OBJ_MAPS["2.1"]["observables"]
INSTANTS = {
    *("created", "modified", "valid_from", "valid_until", "first_observed", "last_observed"),
    *("first_seen", "last_seen", "start_time", "stop_time", "start"),
}


def bundle_in(path):
    with gzip.open(path, "rt", encoding="utf-8") as part:
        return json.load(part)


def prepared(entry):
    """The class of an object and what it is constructed with."""
    given = {name: value for name, value in entry.items() if name not in ("type", "spec_version")}
    for name in INSTANTS & given.keys():
        given[name] = datetime.fromisoformat(given[name].replace("Z", "+00:00"))
    return CLASSES[entry["type"]], given


def bundled(bundle, objects):
    built = [kind(**properties) for kind, properties in objects]
    return stix2.Bundle(id=bundle["id"], objects=built).serialize()


def alone(_, objects):
    return "[" + ",".join(kind(**properties).serialize() for kind, properties in objects) + "]"


def main(arguments):
    make = alone if "--alone" in arguments else bundled
    bundles = [bundle_in(path) for path in arguments if path != "--alone"]
    work = [(bundle, [prepared(entry) for entry in bundle["objects"]]) for bundle in bundles]
    started = time.perf_counter()
    texts = [make(bundle, objects) for bundle, objects in work]
    seconds = time.perf_counter() - started
    for bundle, text in zip(bundles, texts, strict=True):
        if json.loads(text) != (bundle if make is bundled else bundle["objects"]):
            raise SystemExit("python-stix2 made other objects")
    units = sum(len(bundle["objects"]) for bundle in bundles)
    print(json.dumps({"seconds": seconds, "units": units, "stix2": stix2.__version__}))


if __name__ == "__main__":
    main(sys.argv[1:])
