/** TAXII 2.1: a client in Python, and the environment of OpenCTI's connector. Pure. */
import { createHash } from "node:crypto";
import { uuid4 } from "../../publication/stix-ids.ts";
import { pythonString } from "./escape.ts";
import { asStix, type KitFacts, tokenPlace } from "./facts.ts";

/** Discovery, where clients begin. */
export const discoveryUrl = ({ url }: KitFacts): string => `${url}/taxii2/`;

/** The API root that holds the partner's collections. */
export const apiRootUrl = ({ url }: KitFacts): string => `${url}/taxii2/feeds/`;

/** `taxii/read.py`: everything new of each collection, as JSON lines, with OASIS's client. */
export function taxiiScript(facts: KitFacts): string {
  const collections = asStix(facts.partner).map(
    ({ feed }) => `    ${pythonString(feed.id)}: ${pythonString(facts.collectionOf(feed.id))},`,
  );
  return `"""
Reads what is new in your collections with taxii2-client (pip install taxii2-client), by TAXII 2.1.

    python read.py TOKEN-FILE FOLDER

FOLDER/<feed>.jsonl gets the new objects, one a line; FOLDER/<feed>.since remembers where to go on the next time.
"""

import json
import sys
from pathlib import Path

from taxii2client.v21 import Collection

API_ROOT = ${pythonString(apiRootUrl(facts))}
COLLECTIONS = {
${collections.join("\n")}
}


def pages(collection, **since):
    """Every page of one query, oldest objects first."""
    page = collection.get_objects(limit=1000, **since)
    yield page
    while page.get("more"):
        page = collection.get_objects(limit=1000, next=page["next"], **since)
        yield page


def read(feed, collection_id, token, folder):
    """Appends what was added since the last time; how many objects that is."""
    memory = folder / f"{feed}.since"
    since = {"added_after": memory.read_text()} if memory.exists() else {}
    # The token is the password; any user will do.
    collection = Collection(f"{API_ROOT}collections/{collection_id}/", user="partner", password=token)
    count, last = 0, None
    with (folder / f"{feed}.jsonl").open("a", encoding="utf-8") as lines:
        for page in pages(collection, **since):
            for last in page.get("objects", []):
                lines.write(json.dumps(last, ensure_ascii=False) + "\\n")
                count += 1
    if last is not None:
        # No two objects were added at the same microsecond: behind the last one nothing is lost, or comes twice.
        version = last.get("modified", "1970-01-01T00:00:00.000Z")
        records = collection.get_manifest(id=last["id"], version="all").get("objects", [])
        for record in records:
            if record["version"] == version:
                memory.write_text(record["date_added"])
    return count


def main(token_file, folder):
    token, folder = Path(token_file).read_text().strip(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for feed, collection_id in COLLECTIONS.items():
        print(f"{feed}: {read(feed, collection_id, token, folder)} new objects")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
`;
}

/**
 * `opencti/connector.env`: the environment of OpenCTI's TAXII 2 connector, for `docker run --env-file` or `env_file` of
 * Compose, which take each line as it stands, without quotes. Nothing that a person wrote freely is in it.
 *
 * @see OpenCTI connectors, `external-import/taxii2`, "Connector Configurations"
 */
export function openctiEnvironment(facts: KitFacts): string {
  const hours = Math.max(...asStix(facts.partner).map(({ feed }) => Math.ceil(feed.retain / 3_600_000)));
  const variables = {
    OPENCTI_URL: "http://opencti:8080",
    OPENCTI_TOKEN: "PUT-THE-TOKEN-OF-YOUR-OPENCTI-HERE",
    CONNECTOR_ID: connectorId(facts),
    CONNECTOR_TYPE: "EXTERNAL_IMPORT",
    CONNECTOR_NAME: `SpamPots-${facts.partner.id}`,
    CONNECTOR_SCOPE: "stix2",
    CONNECTOR_LOG_LEVEL: "info",
    CONNECTOR_DURATION_PERIOD: "PT1H",
    TAXII2_DISCOVERY_URL: discoveryUrl(facts),
    TAXII2_USERNAME: "partner",
    TAXII2_PASSWORD: tokenPlace,
    TAXII2_V21: "true",
    TAXII2_VERIFY_SSL: "true",
    TAXII2_COLLECTIONS: "*.*",
    TAXII2_INITIAL_HISTORY: String(hours),
    // Without a limit it is for the server to say how much comes at once, which the connector follows.
    TAXII2_ENABLE_URL_QUERY_LIMIT: "false",
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return `# The environment of OpenCTI's connector "TAXII 2" (opencti/connector-taxii2). Put in your OpenCTI and your token.\n${lines.join("\n")}\n`;
}

/** The same for each kit of a partner: the connector keeps its state by it. */
function connectorId({ partner, url }: KitFacts): string {
  return uuid4(createHash("sha256").update(`spampots opencti connector\n${url}\n${partner.id}`).digest("hex"));
}
