"""
The environment of a kit for OpenCTI's TAXII 2 connector, used as the connector uses it, with the same client: discovery,
every collection of every API root, from as long ago as it says. (The connector itself needs an OpenCTI.)

    python kit_opencti.py CONNECTOR.env < TOKEN

Prints the names of the variables and, by collection, the number of distinct objects.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from taxii2client.v21 import Server


def main(path):
    token = sys.stdin.read().strip()
    lines = [line for line in open(path, encoding="utf-8").read().splitlines() if not line.startswith("#")]
    env = dict(line.replace("PUT-YOUR-TOKEN-HERE", token).split("=", 1) for line in lines)
    server = Server(env["TAXII2_DISCOVERY_URL"], user=env["TAXII2_USERNAME"], password=env["TAXII2_PASSWORD"])
    since = datetime.now(timezone.utc) - timedelta(hours=int(env["TAXII2_INITIAL_HISTORY"]))
    root_name, collection_name = env["TAXII2_COLLECTIONS"].split(".")
    assert root_name == collection_name == "*"
    found = {}
    for root in server.api_roots:
        for collection in root.collections:
            page = collection.get_objects(added_after=since)
            objects = list(page.get("objects", []))
            while page.get("more"):
                page = collection.get_objects(added_after=since, next=page["next"])
                objects += page.get("objects", [])
            found[collection.alias] = len({thing["id"] for thing in objects})
    print(json.dumps({"variables": sorted(env), "objects": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
