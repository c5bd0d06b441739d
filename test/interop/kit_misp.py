"""
The feeds of a kit as PyMISP reads them: each becomes a MISPFeed, is added to a MISP over HTTP (a listener in this process that
keeps what comes), and its address is then fetched as MISP does, with the headers of the feed, and the columns that it
names are taken as MISP's CSV import takes them.

    python kit_misp.py FEEDS.json < TOKEN

Prints one line of JSON for each feed.
"""

import csv
import io
import ipaddress
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from pymisp import MISPFeed, PyMISP

ADDED = []


class Misp(BaseHTTPRequestHandler):
    """Answers what PyMISP asks when it begins, and takes feeds."""

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer({"version": "2.5.34", "User": {"id": "1"}, "Role": {}, "UserSetting": {}})

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("feeds/add"):
            ADDED.append(content["Feed"])
        self.answer({"Feed": content["Feed"] | {"settings": json.dumps(content["Feed"]["settings"])}})

    def log_message(self, *_):
        pass


def kind(value):
    """What MISP's ComplexTypeTool would take a value for, as far as our columns go; it refangs hxxp."""
    try:
        ipaddress.ip_address(value)
        return "ip"
    except ValueError:
        pass
    if re.fullmatch(r"hxxps?://[^\s/]+(/\S*)?", value):
        return "url"
    if re.fullmatch(r"[^\s.]+(\.[^\s.]+)+", value):
        return "host"
    return "other"


def main(path):
    token = sys.stdin.read().strip()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Misp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    misp = PyMISP(f"http://127.0.0.1:{server.server_port}", "k" * 40)
    for entry in json.loads(open(path, encoding="utf-8").read()):
        feed = MISPFeed()
        feed.from_dict(**entry)
        added = misp.add_feed(feed, pythonify=True)
        assert isinstance(added, MISPFeed) and added.url == feed.url
        sent = ADDED.pop()
        assert sent["source_format"] == "csv" and sent["headers"] == feed.headers
        name, _, value = feed.headers.replace("PUT-YOUR-TOKEN-HERE", token).partition(": ")
        answer = requests.get(feed.url, headers={name: value}, timeout=30)
        answer.raise_for_status()
        settings = sent["settings"]["csv"]
        columns = [int(column) for column in settings["value"].split(",")]
        head, *rows = list(csv.reader(io.StringIO(answer.content.decode()), delimiter=settings["delimiter"]))
        assert all(kind(head[column - 1]) == "other" for column in columns), "the header would be an attribute"
        cells = [row[column - 1] for row in rows for column in columns if row[column - 1]]
        kinds = sorted({kind(cell) for cell in cells})
        print(json.dumps({
            "url": feed.url,
            "columns": [head[column - 1] for column in columns],
            "values": len(cells),
            "kinds": kinds,
            "alerts": not sent["override_ids"],
            "distribution": sent["distribution"],
        }))


if __name__ == "__main__":
    main(*sys.argv[1:])
