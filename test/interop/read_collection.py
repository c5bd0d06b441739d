"""Reads a TAXII 2.1 collection with OASIS's own client, as whoever works at the partner's would.

Prints one line of JSON: every object, page after page.

Usage: read_collection.py COLLECTION-URL USER   (the password comes on standard input)
"""

import json
import sys

from taxii2client.v21 import Collection, as_pages

url, user = sys.argv[1:]
collection = Collection(url, user=user, password=sys.stdin.read())
pages = as_pages(collection.get_objects, per_request=200)
print(json.dumps([thing for page in pages for thing in page.get("objects", [])]))
