"""
The bots of a kit's runtime.yaml, read as IntelMQ reads it and run in library mode: each collector fetches from the
service, its parser turns what came into events. Every cell that isn't empty must be in its row's event.

    python kit_intelmq.py RUNTIME.yaml < TOKEN

Prints one line of JSON for each feed.
"""

import base64
import csv
import importlib
import importlib.resources
import importlib.util
import io
import json
import sys
import types

if importlib.util.find_spec("pkg_resources") is None:
    # IntelMQ 3.5 wants one function of it, and setuptools has it no more.
    sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    sys.modules["pkg_resources"].resource_filename = lambda package, name: str(importlib.resources.files(package) / name)

from intelmq.lib.bot import BotLibSettings
from intelmq.lib.utils import load_configuration

PLACE = "PUT-YOUR-TOKEN-HERE"
# IntelMQ takes these for no value at all.
NOTHING = {"", "-", "N/A", "NA", "null", "none", "unknown"}


def bot(entry, token):
    parameters = json.loads(json.dumps(entry["parameters"]).replace(PLACE, token))
    made = importlib.import_module(entry["module"]).BOT
    # The queues are this process's; which ones the bots would have is looked at below.
    opened = made(entry["bot_id"], settings=parameters | {"logging_level": "ERROR"} | BotLibSettings)
    # Its statistics would wait for Redis, long, when it ends.
    opened._Bot__stats_cache = None
    return opened


def collected(collector):
    """What a collector sends: the library has no call for that, since nothing comes in."""
    collector.process_message()
    collector.process()
    return collector.process_message()["output"]


def main(path):
    token = sys.stdin.read().strip()
    bots = load_configuration(path)
    for name, entry in bots.items():
        assert entry["bot_id"] == name and entry["enabled"] is True, name
        known = importlib.import_module(entry["module"]).BOT
        unknown = [parameter for parameter in entry["parameters"] if not hasattr(known, parameter)]
        assert unknown in ([], ["destination_queues"]), (name, unknown)
        if entry["group"] != "Collector":
            continue
        (queue,) = entry["parameters"]["destination_queues"]["_default"]
        parser = bots[queue.removesuffix("-queue")]
        (queue,) = parser["parameters"]["destination_queues"]["_default"]
        once = bots[queue.removesuffix("-queue")]["parameters"]
        (report,) = collected(bot(entry, token))
        text = base64.b64decode(report["raw"]).decode()
        head, *rows = list(csv.reader(io.StringIO(text)))
        said = bot(parser, token).process_message(report)
        assert not said.get("error"), said["error"][:1]
        columns = parser["parameters"]["columns"]
        assert [names.split("|")[-1].removeprefix("extra.") for names in columns] == head
        events = said["output"]
        for row, event in zip(rows, events, strict=True):
            for names, cell in zip(columns, row, strict=True):
                found = [key for key in names.split("|") if key in event]
                assert len(found) == 1 or cell in NOTHING, (names, cell, dict(event))
        # The deduplicator itself needs Redis: this is what it keeps.
        keys = {"filter_keys": once["filter_keys"].split(","), "filter_type": once["filter_type"]}
        again = bot(parser, token).process_message(report)["output"]
        hashes = [event.hash(**keys) for event in events]
        assert len(set(hashes)) == len(events) and hashes == [event.hash(**keys) for event in again]
        print(json.dumps({
            "feed": event["feed.code"],
            "provider": event["feed.provider"],
            "rows": len(rows),
            "events": len(events),
            "first": json.loads(events[0].to_json()),
            "row": dict(zip(head, rows[0], strict=True)),
        }))


if __name__ == "__main__":
    main(*sys.argv[1:])
