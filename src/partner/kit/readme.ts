/** `README.md` of a kit: what the partner gets, where, under which agreement, how to begin, how to prove it, whom to call. Pure. */
import { placeOf } from "../../feed/destinations.ts";
import type { Partner, Subscription } from "../../feed/partners.ts";
import { dayMs } from "../../model.ts";
import { keysOf } from "../auth/assertion.ts";
import { code, markdown, markdownTable } from "./escape.ts";
import { asCsv, asStix, csvUrl, type Kit, type KitFacts } from "./facts.ts";
import { feedUrl, prefixOf } from "./s3.ts";
import { isEd25519 } from "./shell.ts";
import { apiRootUrl, discoveryUrl } from "./taxii.ts";

const day = (instant: number) => new Date(instant).toISOString().slice(0, 10);

/**
 * The first file to be read.
 *
 * @param kit the other files, which it names.
 */
export function readme(facts: KitFacts, kit: Kit): string {
  const { partner, issuer } = facts;
  const sections = [
    `# Kit for ${markdown(partner.name)} (${code(partner.id)})`,
    `Feeds of spam seen by the honeypots of ${markdown(issuer)}, for your economy. Nothing in this kit is secret, and nothing in it opens anything.`,
    `## Your feeds\n\n${feedTable(facts)}`,
    `## Where\n\n${places(facts)}`,
    `## The issuer's keys\n\n${issuerKeys(facts)}`,
    `## Begin\n\n${beginning(facts)}`,
    `## Your systems\n\n${systems(kit)}`,
    `## Prove it\n\n${proving(facts)}`,
    `## Your agreement\n\n${agreement(partner)}`,
    `## Whom to call\n\n${calling(facts)}`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function feedTable({ partner }: KitFacts): string {
  const rows = partner.subscriptions.map(({ feed, every, formats, tlp, splitBy }) => [
    code(feed.id),
    markdown(feed.title),
    every,
    `${formats.join(", ")}${splitBy === undefined ? "" : ", one CSV more per AS"}`,
    `TLP:${tlp}`,
    feed.columns.length > 0 ? `[columns](columns/${feed.id}.md), [schema](schemas/${feed.id}.json)` : "",
  ]);
  return `${markdownTable(["feed", "is", "every", "as", "label", "more"], rows)}

AMBER+STRICT stays in your organisation; AMBER may go to constituents, as far as they must know; GREEN to your community.`;
}

function places(facts: KitFacts): string {
  const { url, partner, bucket } = facts;
  const rows = [
    ["the portal: feeds, figures and receipts, for people; sign in with your key file", code(`${url}/portal`)],
    ["the service; its API for people", `${code(url)}; ${code(`${url}/reference`)}`],
    ["what is new", code(`${url}/v1/feeds`)],
    ...asCsv(partner).map(({ feed }) => [`newest CSV of ${code(feed.id)}`, code(csvUrl(facts, feed.id))]),
    ...partner.subscriptions.flatMap(({ feed, formats }) =>
      formats
        .filter((format) => format === "json" || format === "markdown")
        .map((format) => [
          `newest ${code(feed.id)} as ${format}`,
          code(`${url}/v1/feeds/${feed.id}/latest.${format === "json" ? "json" : "md"}`),
        ]),
    ),
    ...(asStix(partner).length > 0
      ? [["TAXII 2.1: discovery; API root", `${code(discoveryUrl(facts))}; ${code(apiRootUrl(facts))}`]]
      : []),
    ...asStix(partner).map(({ feed }) => [`TAXII collection of ${code(feed.id)}`, code(facts.collectionOf(feed.id))]),
    ...(bucket === undefined ? [] : bucketRows(facts, bucket)),
    ...partner.subscriptions.flatMap(pushRows),
  ];
  const noBucket = bucket === undefined ? "\n\nThere is no bucket to read: the issuer's store isn't on S3." : "";
  return `${markdownTable(["what", "where"], rows)}${noBucket}`;
}

function bucketRows({ partner }: KitFacts, bucket: NonNullable<KitFacts["bucket"]>): string[][] {
  return [
    [
      "your prefix of the bucket, once your principal may read it",
      code(`s3://${bucket.bucket}/${prefixOf(bucket, partner.id)}`),
    ],
    ...partner.subscriptions.map(({ feed }) => [
      `${code(feed.id)} in the bucket`,
      code(feedUrl(bucket, partner.id, feed.id)),
    ]),
  ];
}

const pushRows = ({ feed, destinations }: Subscription): string[][] =>
  destinations.map((destination) => [
    `${code(feed.id)} is brought to you (${destination.kind})`,
    code(placeOf(destination)),
  ]);

function issuerKeys({ keys, live }: KitFacts): string {
  const rows = [...keys]
    .reverse()
    .map((key) => [
      code(key.kid),
      key.alg,
      key.from.slice(0, 10),
      key.kid === live ? "**signs now**" : `retired ${key.retired_at?.slice(0, 10) ?? ""}`,
    ]);
  return `Compare the thumbprint of the key that signs with the issuer **by telephone**, letter by letter, before you rely on anything. The
keys themselves are in [issuer-keys.json](issuer-keys.json). A new key counts only where the one before announced it.

${markdownTable(["thumbprint (RFC 7638)", "algorithm", "from", "state"], rows)}`;
}

/** An Ed25519 key as PEM: the sixteen bytes that stand before it in PKCS #8 (RFC 8410 §7), and `d`. */
const pemOfJoined = ` For curl, an Ed25519 key
is turned into PEM by

\`\`\`sh
{ printf '\\060\\056\\002\\001\\000\\060\\005\\006\\003\\053\\145\\160\\004\\042\\004\\040'; printf '%s=' "$(jq -r .d fetch/client.jwk)" | tr '_-' '/+' | base64 -d; } |
  openssl pkey -inform DER -out curl/client.pem
\`\`\``;

function beginning(facts: KitFacts): string {
  const { partner } = facts;
  const known = keysOf(partner).map(({ kid, alg }) => `- ${code(kid)} (${alg})`);
  const hasCurl = isEd25519(facts);
  const curl = hasCurl
    ? `2. **curl, openssl and jq** alone, see [curl/pull.sh](curl/pull.sh): \`sh curl/new-key.sh curl/client.pem\`, then \`sh curl/pull.sh\`.`
    : "2. The script for curl and openssl checks by Ed25519 alone, and the issuer signs by ES256: take the reference client.";
  return `1. **The reference client** (Node 24): \`npx spampots fetch --new-key fetch/client.jwk --partner ${partner.id}\`, then
   \`sh fetch/fetch.sh\`, and from cron by the line in [fetch/crontab](fetch/crontab).
${curl}
3. **A token**, for programs that know nothing else: the issuer makes it for you. Keep it in a file that only you can read.

**You joined by an invitation?** Then you have a key, and need no other: put its file at \`fetch/client.jwk\`.${hasCurl ? pemOfJoined : ""}

Making a key prints a line: send it to the issuer, and compare its thumbprint by telephone. The private half stays with you. What both
scripts fetch is in \`received/\`, laid out for \`spampots verify\`. Keys of yours that the issuer knows:

${known.length > 0 ? known.join("\n") : "- none yet"}`;
}

/** What each file is for, by the beginning of its path. */
const purposes: Readonly<Record<string, string>> = {
  "intelmq/runtime.yaml":
    "**IntelMQ 3**: a collector and a generic CSV parser for each feed, and a deduplicator. IntelMQ knows no TLP AMBER+STRICT: that label is in `extra.tlp`.",
  "misp/feeds.json":
    "**MISP**: Sync Actions, Feeds, Import Feeds from JSON. Targets are victims, and not in it; advertised hosts never alert.",
  "opencti/connector.env": "**OpenCTI**: the environment of its TAXII 2 connector.",
  "taxii/read.py":
    "**Any TAXII 2.1 client**: what is new, by OASIS's client for Python. The token is the password, with any user.",
  "splunk-and-elastic.md": "**Splunk, Elastic**: what to call the columns.",
  "s3/policy.json":
    "**S3**: what the issuer adds to the bucket's policy, once you have named your principal. `take-away.json` closes it again at once; the statements of `policy.json` are then removed.",
  "s3/sync.sh": "**S3**: your prefix, by the AWS command line; `fetch.sh` needs curl and jq alone.",
};

function systems(kit: Kit): string {
  const rows = Object.entries(purposes).filter(([path]) => kit.has(path));
  const lines = rows.map(([path, purpose]) => `- [${path}](${path}): ${purpose}`);
  return `Each works as it is, once your token or key is in its place.

${lines.join("\n")}`;
}

function proving({ partner }: KitFacts): string {
  return `Both scripts prove what they fetch and stop where a proof fails. To prove a folder again, offline:

\`\`\`sh
npx spampots verify received --partner ${partner.id} --keys issuer-keys.json
\`\`\`

The form of a manifest is [schemas/manifest.json](schemas/manifest.json). What comes by TAXII, or as \`latest.csv\`, has no signature: whoever wants
the proof fetches the files.`;
}

function agreement({ economies, mou, tlpCeiling, masks }: Partner): string {
  const concerned =
    economies === "all"
      ? "all"
      : economies
          .map(({ code: name, since }) => (since === undefined ? name : `${name} since ${day(since)}`))
          .join(", ");
  const rows = [
    ["reference", markdown(mou.reference)],
    [
      "in force",
      `${day(mou.from)} to ${day(mou.to - dayMs)}, both included (UTC)${mou.suspended ? "; **suspended now**" : ""}`,
    ],
    ["economies", concerned],
    ["strictest label", `TLP:${tlpCeiling}`],
    ["purposes", mou.purposes.map(markdown).join("; ")],
    ["passing on", mou.onward === "none" ? "to nobody" : "to your constituents, within the label"],
    ["delete after", `${mou.retentionDays} days`],
    ...(masks.length > 0 ? [["columns that stay empty", masks.map(code).join(", ")]] : []),
  ];
  return markdownTable(["what", "is"], rows);
}

function calling({ contacts, issuer }: KitFacts): string {
  const who =
    contacts.length > 0
      ? contacts.map((contact) => `- ${markdown(contact)}`).join("\n")
      : `Your MoU names whom to call at ${markdown(issuer)}.`;
  return `${who}

Call rather than write when you hold somebody else's data, when you think that a key or token was stolen, when a thumbprint isn't the one above, or
when something of a honeypot's place got out. When you report a row, name its \`row_id\`: no address need be quoted.`;
}
