"""
IntelMQ's generic CSV parser bot and its file output bot, in library mode: no broker, no serialising between bots, no
logging to files, so that the bots' own work is what is measured.

    python peer_intelmq.py ROWS.csv.gz OUTPUT

The bots are started, and the file is read, before the clock starts; what is timed is parsing every row into an event
and writing each event as a line of JSON.
"""
import base64
import gzip
import json
import sys
import time

from intelmq.bots.outputs.file.output import FileOutputBot
from intelmq.bots.parsers.generic.parser_csv import GenericCsvParserBot
from intelmq.lib.bot import BotLibSettings

# Our columns in IntelMQ's names; what it has no name for goes below "extra".
NAMES = {
    "timestamp": "time.source",
    "source_ip": "source.ip",
    "source_port": "source.port",
    "transport": "protocol.transport",
    "service": "protocol.application",
    "abused_port": "destination.port",
    "source_asn": "source.asn",
    "source_as_name": "source.as_name",
    "source_economy": "source.geolocation.cc",
    "classification_type": "classification.type",
    "classification_identifier": "classification.identifier",
}


def main(path, output):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as rows:
        text = rows.read()
    header, body = text.split("\r\n", 1)
    columns = [NAMES.get(name, f"extra.{name}") for name in header.split(",")]
    quiet = BotLibSettings | {"logging_level": "WARNING"}
    parser = GenericCsvParserBot(
        "parser",
        settings=quiet
        | {
            "columns": columns,
            "columns_required": [False] * len(columns),
            "time_format": "from_format|%Y-%m-%dT%H:%M:%SZ",
        },
    )
    writer = FileOutputBot("output", settings=quiet | {"file": output})
    report = {"__type": "Report", "raw": base64.b64encode(body.encode()).decode(), "feed.name": "spam-sources"}
    started = time.perf_counter()
    events = parser.process_message(report)["output"]
    writer.process_message(*events)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "units": len(events), "first": json.loads(events[0].to_json())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
