#!/usr/bin/env python3
"""Verifies every publication of one feed with Python and the JOSE library joserfc (pip install joserfc).

    verify_with_python.py FEED-FOLDER JWKS-FILE [PARTNER-KEYS-FOLDER]

FEED-FOLDER holds log/ and artifacts/. JWKS-FILE is the issuer's set of keys, which you got from the issuer and not from
the store. With the third argument, keys that were retired count where an announcement by a live key states them.
Exits with 0 where everything holds.
"""

import hashlib
import json
import sys
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timezone
from pathlib import Path

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

# RFC 9864 prefers the name Ed25519 for what RFC 8037 calls EdDSA over that curve; the signatures are the same.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")


def fail(sentence):
    sys.exit(f"WRONG: {sentence}")


def strict_object(pairs):
    """A JSON object whose members have different names."""
    if len({name for name, _ in pairs}) < len(pairs):
        fail("a member is there twice")
    return dict(pairs)


def decode(text):
    """Strict base64url: what comes back must be spelled the same."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        fail("not strict base64url")
    return raw


def read_keys(path):
    """Keys by thumbprint, each with its algorithm; and the thumbprints of those that are live."""
    keys, live = {}, set()
    for entry in json.loads(path.read_text())["keys"]:
        kind, alg = (OKPKey, "EdDSA") if entry["kty"] == "OKP" else (ECKey, "ES256")
        public = kind.import_key({name: entry[name] for name in ("kty", "crv", "x", "y") if name in entry})
        kid = public.thumbprint()
        if kid != entry["kid"]:
            fail(f"key {entry['kid']} isn't what its name says (RFC 7638)")
        keys[kid] = (public, alg)
        if "retired_at" not in entry:
            live.add(kid)
    return keys, live


def open_jws(path, typ, keys):
    """The payload of a signed file as bytes and as an object, and who signed it."""
    file = json.loads(path.read_bytes(), object_pairs_hook=strict_object)
    if set(file) != {"payload", "protected", "signature"}:
        fail(f"{path} has other members")
    header = json.loads(decode(file["protected"]), object_pairs_hook=strict_object)
    decode(file["signature"])
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != typ:
        fail(f"{path} has another header")
    if header["kid"] not in keys:
        fail(f"key {header['kid']} isn't known")
    key, alg = keys[header["kid"]]
    try:
        signed = jws.deserialize_json(file, key, algorithms=[alg])
    except Exception as error:
        fail(f"the signature of {path} doesn't hold: {error}")
    if signed.payload != decode(file["payload"]):
        fail(f"{path} isn't strict base64url")
    return signed.payload, json.loads(signed.payload, object_pairs_hook=strict_object), header["kid"]


def chain(folder, typ, keys):
    """Signed files 1, 2, 3 … of a folder, each checked to follow the one before it."""
    previous = None
    for number, path in enumerate(sorted(folder.glob("*.jws")), start=1):
        if path.name != f"{number:08}.jws":
            fail(f"{folder}: number {number} is missing")
        payload, said, kid = open_jws(path, typ, keys)
        if said["previous_sha256"] != previous:
            fail(f"{path} doesn't follow the one before it")
        previous = hashlib.sha256(payload).hexdigest()
        yield number, said, kid, previous


def announced_tips(folder, keys, live):
    """Publications that an announcement states, up to the last announcement that a live key signed."""
    tips, vouched = set(), set()
    for _, said, kid, _ in chain(folder, "spampots-keys+jws", keys):
        tips |= {tip["payload_sha256"] for tip in said["tips"]}
        if kid in live:
            vouched = set(tips)
    return vouched


def main(feed, jwks, announcements=None):
    feed = Path(feed)
    keys, live = read_keys(Path(jwks))
    tips = announced_tips(Path(announcements), keys, live) if announcements else set()
    manifests, counts, place = [], 0, None
    for number, said, kid, digest in chain(feed / "log", "spampots-manifest+jws", keys):
        if said["type"] != "spampots-manifest" or said["sequence"] != number:
            fail(f"publication {number} is of another number")
        place = place or (said["issuer"], said["partner"], said["feed"])
        if place != (said["issuer"], said["partner"], said["feed"]):
            fail(f"publication {number} is of another issuer, partner or feed")
        if kid in live or digest in tips:
            counts = number
        manifests.append(said)
    if not manifests:
        fail("the log is empty")
    if counts < len(manifests):
        fail(f"publications {counts + 1} to {len(manifests)} are signed by a retired key, and nothing by a live one reaches them")

    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    withdrawn = {number for said in manifests for number in said.get("withdraws", {}).get("sequences", [])}
    artifacts = gone = 0
    for said in manifests:
        for artifact in said["artifacts"]:
            path = feed / "artifacts" / f"{artifact['sha256'][:16]}-{artifact['name']}"
            if path.is_file():
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != artifact["sha256"] or path.stat().st_size != artifact["bytes"]:
                    fail(f"{path} isn't what was signed")
                artifacts += 1
            elif said["sequence"] in withdrawn or said["retain_until"] <= now:
                gone += 1
            else:
                fail(f"{path} of publication {said['sequence']} is missing")
    print(f"Holds: {len(manifests)} publications of {' '.join(place)}, {artifacts} artifacts ({gone} expired or withdrawn).")
    next_by = manifests[-1]["next_by"]
    if next_by is not None and next_by < now:
        fail(f"another publication was promised by {next_by} and isn't there")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
