"""
PyMISP making a MISP feed of our rows: one event, an object `ip-port` for each row, `to_feed`, and the files of a feed
(event, manifest, hashes).

    python peer_pymisp.py ROWS.csv.gz FOLDER

Rows are in memory and templates of objects were read once before the clock starts.
"""
import csv
import gzip
import json
import sys
import time
from pathlib import Path

from pymisp import MISPEvent, MISPObject, MISPOrganisation
from pymisp.abstract import pymisp_json_default


def object_of(row):
    made = MISPObject("ip-port")
    made.add_attribute("ip-src", row["source_ip"])
    made.add_attribute("src-port", row["source_port"])
    made.add_attribute("dst-port", row["abused_port"])
    made.add_attribute("protocol", row["transport"])
    made.add_attribute("AS", row["source_asn"] or "unknown")
    made.add_attribute("country-code", row["source_economy"])
    made.add_attribute("first-seen", row["first_seen"])
    made.add_attribute("last-seen", row["last_seen"])
    made.add_attribute("text", f"{row['captures']} captures for {row['recipients']} recipients")
    return made


def main(path, folder):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    object_of(rows[0])
    target = Path(folder)
    started = time.perf_counter()
    event = MISPEvent()
    event.info = "spam-sources"
    event.Orgc = MISPOrganisation()
    event.Orgc.name = "CERT.br"
    event.Orgc.uuid = "7b0e1a52-3c64-4e0b-9d1e-5a4f2c9b8e01"
    for row in rows:
        event.add_object(object_of(row))
    feed = event.to_feed(with_meta=True)
    hashes, manifest = feed["Event"].pop("_hashes"), feed["Event"].pop("_manifest")
    (target / f"{event.uuid}.json").write_text(json.dumps(feed, default=pymisp_json_default))
    (target / "manifest.json").write_text(json.dumps(manifest, default=pymisp_json_default))
    (target / "hashes.csv").write_text("".join(f"{digest},{event.uuid}\n" for digest in hashes))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "units": len(feed["Event"]["Object"]), "attributes": len(hashes)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
