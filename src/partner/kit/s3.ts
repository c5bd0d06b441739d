/**
 * The partner's own prefix of our bucket: a policy that lets one principal read it, and nothing else, and what takes that
 * away again. Pure.
 *
 * @see Amazon S3 User Guide, "Bucket policies", "Policy actions for Amazon S3" (`s3:prefix`)
 */
import { shellWord } from "./escape.ts";
import type { KitBucket, KitFacts } from "./facts.ts";

/** What stands where the partner's principal goes. */
const principalPlace = "PUT-THE-ARN-OF-THE-PRINCIPAL-HERE";

/** A bucket, and where in it the store is. */
type Place = Pick<KitBucket, "bucket" | "prefix">;

/** The prefix of a partner, with the slash at its end that keeps it apart from any other. */
export function prefixOf({ prefix }: Place, partner: string): string {
  return `${prefix === "" ? "" : `${prefix}/`}partners/${partner}/`;
}

/**
 * What the bucket's policy gets for a partner. `Allow`: it reads its own objects, and lists its own names. `Deny`: it does
 * neither any more, from that moment, whatever other rights its principal has.
 */
export function prefixPolicy(
  effect: "Allow" | "Deny",
  bucket: Place,
  partner: string,
  principal = principalPlace,
): object {
  const root = `arn:aws:s3:::${bucket.bucket}`;
  const below = prefixOf(bucket, partner);
  const who = { Effect: effect, Principal: { AWS: principal } };
  // A Sid takes letters and digits; ids have no capital letters, so that no two partners have the same.
  const sid = (action: string) => `Spampots${effect}${action}${partner.replaceAll("-", "X")}`;
  return {
    Version: "2012-10-17",
    Statement: [
      { Sid: sid("Get"), ...who, Action: "s3:GetObject", Resource: `${root}/${below}*` },
      {
        Sid: sid("List"),
        ...who,
        Action: "s3:ListBucket",
        Resource: root,
        Condition: { StringLike: { "s3:prefix": `${below}*` } },
      },
    ],
  };
}

/** `s3/sync.sh`: the prefix as it is, then proven. */
export function syncScript({ partner }: KitFacts, bucket: KitBucket): string {
  const endpoint = bucket.endpoint === undefined ? "" : ` --endpoint-url ${shellWord(bucket.endpoint)}`;
  return `#!/bin/sh
# Your prefix of the bucket, by the AWS command line, then proven. Credentials are what that finds for you.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=\${FOLDER:-$here/../received}
aws s3 sync --region ${shellWord(bucket.region)}${endpoint} ${shellWord(`s3://${bucket.bucket}/${prefixOf(bucket, partner.id)}`)} "$folder"
exec \${PROGRAM:-npx spampots} verify "$folder" --keys "$here/../issuer-keys.json" --partner ${partner.id}
`;
}

/** Where a feed of the partner's is by HTTP, for `fetch-feed.sh`. */
export function feedUrl(bucket: KitBucket, partner: string, feed: string): string {
  const endpoint = (bucket.endpoint ?? `https://s3.${bucket.region}.amazonaws.com`).replace(/\/*$/, "");
  const base = bucket.pathStyle
    ? `${endpoint}/${bucket.bucket}`
    : endpoint.replace(/^(https?:\/\/)/, `$1${bucket.bucket}.`);
  return `${base}/${prefixOf(bucket, partner)}${feed}`;
}

/** `s3/fetch.sh`: what is new of all feeds, with curl and jq alone. */
export function fetchAllScript({ partner }: KitFacts, bucket: KitBucket): string {
  const calls = partner.subscriptions.map(
    ({ feed }) =>
      `sh "$here/fetch-feed.sh" ${shellWord(feedUrl(bucket, partner.id, feed.id))} "$folder/${feed.id}" || status=$?`,
  );
  return `#!/bin/sh
# What is new of all your feeds, straight from the bucket, with a shell, curl, jq and coreutils alone. It proves nothing:
# do that afterwards, see README.md. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=\${FOLDER:-$here/../received} status=0
AWS_REGION=\${AWS_REGION:-${shellWord(bucket.region)}}
export AWS_REGION
${calls.join("\n")}
exit "$status"
`;
}
