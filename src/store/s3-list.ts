/**
 * Listing of an S3 store, page by page; a page is asked for when the reader gets to it.
 *
 * @see Amazon S3 API Reference, ListObjectsV2
 */
import type { ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import { SpampotsError } from "../errors.ts";
import { checkFolder, checkPrefix, compareKeys, isKey, isSegment } from "./keys.ts";
import { senseless } from "./s3-error.ts";
import type { S3Session } from "./s3-session.ts";
import type { StoreEntry } from "./store.ts";

/** Entries by key, those after `StartAfter`: see {@link Store.list}. */
export async function* listObjects(
  session: S3Session,
  Prefix: string,
  StartAfter?: string,
): AsyncGenerator<StoreEntry> {
  checkPrefix(Prefix);
  let last: string | undefined;
  for await (const page of pages(session, { Prefix, ...(StartAfter ? { StartAfter } : {}) })) {
    for (const { Key: key, Size, LastModified } of page.Contents ?? []) {
      if (!key?.startsWith(Prefix)) throw senseless("ListObjectsV2", Prefix);
      // Not ours: such as the "folders" that S3 consoles make.
      if (!isKey(key)) continue;
      checkOrder(last, key);
      last = key;
      // A service that doesn't know StartAfter begins at the beginning.
      if (StartAfter !== undefined && compareKeys(key, StartAfter) <= 0) continue;
      yield { key, ...entryFacts("ListObjectsV2", key, Size, LastModified) };
    }
  }
}

/** Names of the folders below a prefix: see {@link Store.children}. */
export async function* listChildren(session: S3Session, Prefix: string): AsyncGenerator<string> {
  checkFolder(Prefix);
  let last: string | undefined;
  for await (const page of pages(session, { Prefix, Delimiter: "/" })) {
    for (const { Prefix: folder = "" } of page.CommonPrefixes ?? []) {
      if (!folder.startsWith(Prefix)) throw senseless("ListObjectsV2", Prefix);
      const name = folder.slice(Prefix.length, -1);
      if (!isSegment(name)) continue;
      checkOrder(last, folder);
      last = folder;
      yield name;
    }
  }
}

type ListInput = { readonly Prefix: string; readonly StartAfter?: string; readonly Delimiter?: string };

async function* pages(session: S3Session, input: ListInput): AsyncGenerator<ListObjectsV2CommandOutput> {
  let from: { ContinuationToken?: string } = {};
  for (;;) {
    const page = await session.call("ListObjectsV2", input.Prefix, async (client, sdk, abortSignal) => {
      const command = new sdk.ListObjectsV2Command({ Bucket: session.bucket, ...input, ...from });
      const answer = await client.send(command, { abortSignal });
      // A page that isn't one (a gateway's error page with status 200) must not pass for an empty listing.
      if (answer.IsTruncated === undefined) throw senseless("ListObjectsV2", input.Prefix);
      // Nor one that says there is more and not where, or where it was before, for the end of it.
      const { NextContinuationToken: next } = answer;
      if (answer.IsTruncated && (next === undefined || next === from.ContinuationToken)) {
        throw senseless("ListObjectsV2", input.Prefix);
      }
      return answer;
    });
    yield page;
    if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return;
    from = { ContinuationToken: page.NextContinuationToken };
  }
}

/** A store that lists out of order would make readers of a log miss its end. */
function checkOrder(last: string | undefined, key: string): void {
  if (last === undefined || compareKeys(last, key) < 0) return;
  throw new SpampotsError("store-unfit", "The S3 store doesn't list keys in the order of their bytes.", {
    key,
    hint: "Use a general purpose bucket (directory buckets list in no order), another service, or a folder.",
  });
}

/** Size and time as the service told them; it must have. */
export function entryFacts(operation: string, key: string, bytes: number | undefined, modified: Date | undefined) {
  if (bytes === undefined || modified === undefined) throw senseless(operation, key);
  return { bytes, modifiedAt: modified.getTime() };
}
