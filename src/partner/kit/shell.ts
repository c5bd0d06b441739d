/** Scripts for cron: the reference client, and curl with openssl. What they have in common with the guide is a file of its own. Pure. */
import { createHash } from "node:crypto";
import { shellWord } from "./escape.ts";
import type { KitFacts } from "./facts.ts";

/** Whether the live key of the issuer is one that the script of the guide can check by. */
export const isEd25519 = ({ keys, live }: KitFacts): boolean =>
  keys.some((key) => key.kid === live && key.crv === "Ed25519");

/** `fetch/fetch.sh`: everything new of all feeds, by the reference client. */
export function fetchScript({ partner, url }: KitFacts): string {
  return `#!/bin/sh
# Everything new of all your feeds, proven, by the reference client. Run it from cron; once, before: make a key pair by
#
#   npx spampots fetch --new-key client.jwk --partner ${partner.id}
#
# KEY is your private key (by default client.jwk beside this script), FOLDER is where publications go (by default received/
# beside the kit's README.md), PROGRAM is how you call the client.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
key=\${KEY:-$here/client.jwk} folder=\${FOLDER:-$here/../received}
exec \${PROGRAM:-npx spampots} fetch --url ${shellWord(url)} --partner ${partner.id} \\
  --client-key "$key" --into "$folder" --keys "$here/../issuer-keys.json" "$@"
`;
}

/** `fetch/crontab`: once an hour, at a minute that differs from partner to partner. */
export function crontab({ partner }: KitFacts): string {
  const minute = (createHash("sha256").update(partner.id).digest()[0] ?? 0) % 60;
  return `# Put in where the kit is. The exit code is 0 where all is well, 3 where a proof failed.
${minute} * * * * sh /srv/spampots/fetch/fetch.sh
`;
}

/** `curl/pull.sh`: what is new of all feeds, with curl, openssl and jq alone. */
export function pullScript({ partner, url, live }: KitFacts): string {
  const feeds = partner.subscriptions.map(({ feed }) => feed.id);
  return `#!/bin/sh
# What is new of all your feeds, proven, with a shell, curl, openssl 3, jq and coreutils alone. Run it from cron; once, before:
#
#   sh new-key.sh client.pem
#
# KEY is your private key (by default client.pem beside this script), FOLDER is where publications go (by default received/
# beside the kit's README.md).
set -u
here=$(cd "$(dirname "$0")" && pwd)
key=\${KEY:-$here/client.pem} folder=\${FOLDER:-$here/../received} status=0
for feed in ${feeds.join(" ")}; do
  sh "$here/pull-feed.sh" ${shellWord(url)} ${partner.id} "$key" "$feed" "$folder/$feed" ${shellWord(live)} || status=$?
done
exit "$status"
`;
}
