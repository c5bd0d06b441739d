/** Stores on S3 by their URLs; apart from what opens one, since that is much to load. Pure. */

/** `s3://bucket` or `s3://bucket/prefix`, the bucket by S3's rules for names. */
const s3Url = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/s;

/** Bucket and prefix (`""` for the whole bucket) of a store on S3; `undefined` where `url` names no bucket. */
export function bucketOf(url: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, prefix = ""] = s3Url.exec(url) ?? [];
  return bucket === undefined ? undefined : { bucket, prefix };
}
