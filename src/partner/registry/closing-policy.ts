/** The policy by which a bucket closes one partner's prefix. Pure. */

/**
 * A policy that closes a partner's prefix to the principal by which it reads the bucket itself.
 *
 * @see Amazon S3 User Guide, "Bucket policies"
 */
export function closingPolicy(bucket: string, prefix: string, partner: string): Readonly<Record<string, unknown>> {
  const root = `arn:aws:s3:::${bucket}`;
  const below = `${prefix === "" ? "" : `${prefix}/`}partners/${partner}`;
  const denied = { Effect: "Deny", Principal: { AWS: `ARN OF THE PRINCIPAL OF ${partner}` } };
  const Condition = { StringLike: { "s3:prefix": `${below}/*` } };
  return {
    Version: "2012-10-17",
    Statement: [
      { ...denied, Action: "s3:GetObject", Resource: `${root}/${below}/*` },
      { ...denied, Action: "s3:ListBucket", Resource: root, Condition },
    ],
  };
}
