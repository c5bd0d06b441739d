"""Walks a TAXII 2.1 server with OASIS's own client, from discovery to the last page, as a partner's machine would.

HTTP Basic, the token as password. Whatever the client finds wrong with an answer (media types, required members) it
raises by itself. Prints one line of JSON: what was found in each collection.

Usage: walk_taxii.py DISCOVERY-URL PAGE-SIZE   (the token comes on standard input)
"""

import json
import logging
import sys

from requests.exceptions import HTTPError
from taxii2client.v21 import Server, as_pages


def walk(collection, page_size):
    """Everything in a collection by three ways, which must agree."""
    pages = list(as_pages(collection.get_objects, per_request=page_size))
    objects = [thing for page in pages for thing in page.get("objects", [])]
    assert all(len(page["objects"]) <= page_size for page in pages[:-1])
    whole = collection.get_manifest(limit=5000)
    assert not whole.get("more"), "the manifest has more than one page"
    records = whole.get("objects", [])
    assert [record["id"] for record in records] == [thing["id"] for thing in objects]
    versions = 0
    for record in records[:: max(1, len(records) // 20)]:
        assert record["version"] in collection.object_versions(record["id"])["versions"]
        found = collection.get_object(record["id"])["objects"]
        assert [thing["id"] for thing in found] == [record["id"]]
        versions += 1
    later = collection.get_objects(added_after=records[0]["date_added"], limit=5000) if records else {}
    assert len(later.get("objects", [])) == max(0, len(records) - 1)
    return {
        "alias": collection.alias,
        "pages": len(pages),
        "objects": [thing["id"] for thing in objects],
        "indicators": len(collection.get_objects(type=["indicator"], limit=5000).get("objects", [])),
        "looked_up": versions,
    }


def main(url, page_size):
    token = sys.stdin.read().strip()
    try:
        Server(url, user="partner", password="wrong").refresh()
        raise AssertionError("a wrong password came in")
    except HTTPError as error:
        assert error.response.status_code == 401, error
    server = Server(url, user="partner", password=token)
    assert server.default in server.api_roots
    root = server.default
    assert root.versions == ["application/taxii+json;version=2.1"]
    collections = root.collections
    assert all(collection.can_read and not collection.can_write for collection in collections)
    print(json.dumps([walk(collection, page_size) for collection in collections]))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]))
