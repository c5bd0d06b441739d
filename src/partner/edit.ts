/**
 * Changes to `partners.yaml`: the file is the registry, so that a command edits it as a person would, keeping comments and
 * order, and refuses what `check` would refuse. Pure.
 */
import { isMap, isScalar, parseDocument, type YAMLMap } from "yaml";
import { refusal } from "../document.ts";
import { SpampotsError } from "../errors.ts";
import type { Feed } from "../feed/feeds.ts";
import { parsePartners } from "../feed/partners.ts";

/**
 * The text with a partner's MoU suspended, or resumed.
 *
 * @throws SpampotsError `bad-argument` where there is no such partner, `bad-configuration` where the result would have
 *   problems, or the text has some already.
 */
export function withSuspended(text: string, id: string, suspended: boolean, feeds: ReadonlyMap<string, Feed>): string {
  const before = parsePartners("partners.yaml", text, feeds);
  if (before.value === undefined) throw refusal(before.problems);
  const index = before.value.findIndex((partner) => partner.id === id);
  if (index < 0) {
    throw new SpampotsError("bad-argument", "There is no such partner.", {
      partner: id,
      hint: "partners.yaml names them all.",
    });
  }
  const mou = parseDocument(text).getIn(["partners", index, "mou"], true);
  if (!isMap(mou)) throw new SpampotsError("internal", "A checked partner has no MoU.");
  const edited = withMember(text, mou, "suspended", suspended);
  const after = parsePartners("partners.yaml", edited, feeds);
  if (after.value === undefined) throw refusal(after.problems);
  return edited;
}

/** The text with a member of a mapping set in its place, or put before the others. All else stays as it is written. */
function withMember(text: string, { items, flow }: YAMLMap, name: string, value: boolean): string {
  const replaced = (start: number, end: number, by: string) => `${text.slice(0, start)}${by}${text.slice(end)}`;
  const there = items.find(({ key }) => isScalar(key) && key.value === name);
  if (isScalar(there?.value) && there.value.range)
    return replaced(there.value.range[0], there.value.range[1], String(value));
  const first = items[0]?.key;
  // Not said is false.
  if (!value || !isScalar(first) || !first.range) return text;
  const [at] = first.range;
  const indent = " ".repeat(at - (text.lastIndexOf("\n", at - 1) + 1));
  return replaced(at, at, `${name}: ${value}${flow === true ? ", " : `\n${indent}`}`);
}

/** Lines that differ, as `- old` and `+ new`, in order: what a person looks at before the file is committed. */
export function changedLines(before: string, after: string): readonly string[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  const middle = (lines: readonly string[]) => lines.slice(start, lines.length - end);
  return [...middle(old).map((line) => `- ${line}`), ...middle(fresh).map((line) => `+ ${line}`)];
}

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
