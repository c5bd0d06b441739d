/**
 * Splices that add to a list or mapping of a YAML text, or take out of it, in the style in which it is written: a block, or
 * in brackets. Where the offsets come from: the nodes' own tokens. Pure.
 *
 * @see YAML 1.2.2 §7.4 (flow collections), §8.2 (block collections)
 */
import { type CST, isScalar, type Node, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import {
  indentOf,
  isBlank,
  isComment,
  lineAt,
  lineBefore,
  lineEnd,
  lineStart,
  nextLine,
  ownEnd,
  type Splice,
} from "./lines.ts";

/** What is added to a list, written both ways. */
export interface Written {
  /** Lines of a block, not indented; its dash is put before the first. */
  readonly block: readonly string[];
  readonly flow: string;
}

/** [start, end) of a node's own text. */
export function extent(node: unknown): readonly [number, number] | undefined {
  const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
  return Array.isArray(range) ? [Number(range[0]), Number(range[1])] : undefined;
}

const column = (text: string, offset: number) => offset - lineStart(text, offset);
const offsetOf = (tokens: readonly CST.SourceToken[] | undefined, type: CST.SourceToken["type"]) =>
  tokens?.find((token) => token.type === type)?.offset;

/**
 * A list with one more item, the last; `undefined` where it isn't known how. Items of a block are set apart by an empty
 * line where those there are, or there is but one and `apart` says so.
 *
 * @param pair of the mapping in which the list stands.
 */
export function appended(
  text: string,
  pair: Pair,
  list: YAMLSeq,
  written: Written,
  apart = false,
): Splice[] | undefined {
  const token = list.srcToken;
  if (token?.type === "block-seq") return appendedToBlock(text, token, list, written, apart);
  if (token?.type !== "flow-collection") return undefined;
  const key = extent(pair.key);
  const [start, end] = extent(list) ?? [0, 0];
  const isEmpty = list.items.length === 0 && isBlank(text.slice(start + 1, end - 1));
  if (isEmpty && key !== undefined && !isWithinFlow(pair) && startsLine(text, key[0])) {
    const lines = indented(written.block, column(text, key[0]) + 2);
    // The blank before the brackets goes with them.
    const from = text[start - 1] === " " ? start - 1 : start;
    const rest = text.slice(end, nextLine(text, end)).trimEnd();
    const after = nextLine(text, end);
    return [{ start: from, end: after, by: `${rest}${lineEnd(text)}${joined(text, lines)}` }];
  }
  return appendedToFlow(text, token, list, written.flow);
}

/** Does a key stand in a mapping in brackets? Its token begins without an indentation of its own then. */
function isWithinFlow(pair: Pair): boolean {
  const token = pair.srcToken;
  return token === undefined || token.start.some(({ type }) => type === "flow-map-start" || type === "comma");
}

/** Is there nothing but blanks and dashes before the key on its line? */
const startsLine = (text: string, offset: number) => /^[\s-]*$/.test(text.slice(lineStart(text, offset), offset));

const indented = (block: readonly string[], indent: number) =>
  block.map((line, index) => `${" ".repeat(indent)}${index === 0 ? "- " : "  "}${line}`);

const joined = (text: string, lines: readonly string[]) => lines.map((line) => `${line}${lineEnd(text)}`).join("");

function appendedToBlock(
  text: string,
  token: CST.BlockSequence,
  list: YAMLSeq,
  { block }: Written,
  apart: boolean,
): Splice[] | undefined {
  const dashes = token.items.map(({ start }) => offsetOf(start, "seq-item-ind"));
  const [first] = dashes;
  const last = extent(list.items.at(-1));
  if (first === undefined || last === undefined) return undefined;
  const indent = column(text, first);
  const at = ownEnd(text, last[1], indent);
  const isApart = dashes.length > 1 ? isSetApart(text, dashes.at(-1) ?? first) : apart;
  const lines = [...(isApart ? [""] : []), ...indented(block, indent)];
  // A text may end without a line's end.
  const before = text[at - 1] === "\n" ? "" : lineEnd(text);
  return [{ start: at, end: at, by: before + joined(text, lines) }];
}

/** Is there an empty line above an item and its comments? */
function isSetApart(text: string, dash: number): boolean {
  let at = lineBefore(text, lineStart(text, dash));
  while (at !== undefined && isComment(lineAt(text, at))) at = lineBefore(text, at);
  return at !== undefined && isBlank(lineAt(text, at));
}

function appendedToFlow(text: string, token: CST.FlowCollection, list: YAMLSeq, flow: string): Splice[] | undefined {
  const last = extent(list.items.at(-1));
  if (last === undefined) {
    const at = (extent(list)?.[1] ?? 1) - 1;
    return [{ start: at, end: at, by: text[at - 1] === "\n" ? `  ${flow}${lineEnd(text)}` : flow }];
  }
  // After a last comma there is one more item, of which there is nothing else.
  const comma = offsetOf(token.items[list.items.length]?.start, "comma");
  const end = comma === undefined ? last[1] : comma + 1;
  const splices: Splice[] = comma === undefined ? [{ start: last[1], end: last[1], by: "," }] : [];
  const restOfLine = text.slice(end, nextLine(text, end));
  if (!isBlank(restOfLine) && !isComment(restOfLine)) return [...splices, { start: end, end, by: ` ${flow}` }];
  const from = extent(list.items.at(-1))?.[0] ?? end;
  const by = `${" ".repeat(indentOf(lineAt(text, lineStart(text, from))) || 2)}${flow}${comma === undefined ? "" : ","}${lineEnd(text)}`;
  const at = nextLine(text, end);
  return [...splices, { start: at, end: at, by }];
}

/** A list without one of its items; `undefined` where it isn't known how. */
export function taken(text: string, pair: Pair, list: YAMLSeq, index: number): Splice[] | undefined {
  const token = list.srcToken;
  if (token?.type === "block-seq") return takenFromBlock(text, pair, token, list, index);
  if (token?.type === "flow-collection") return takenFromFlow(text, token, list, index);
  return undefined;
}

function takenFromBlock(
  text: string,
  pair: Pair,
  token: CST.BlockSequence,
  list: YAMLSeq,
  index: number,
): Splice[] | undefined {
  const dash = offsetOf(token.items[index]?.start, "seq-item-ind");
  const item = extent(list.items[index]);
  if (dash === undefined || item === undefined) return undefined;
  const start = lineStart(text, dash);
  // `- - a`, or `? - a`: what stands before the dash isn't the item's.
  if (!isBlank(text.slice(start, dash))) return undefined;
  const end = ownEnd(text, item[1], dash - start);
  const whole = { ...withoutGap(text, start, end), by: "" };
  if (list.items.length > 1) return [whole];
  const colon = offsetOf(pair.srcToken?.sep, "map-value-ind");
  return colon === undefined ? undefined : [{ start: colon + 1, end: colon + 1, by: " []" }, whole];
}

/** Lines that go, with the empty ones above or below them: one gap stays where there were two. */
function withoutGap(text: string, start: number, end: number): { start: number; end: number } {
  const above = lineBefore(text, start);
  const isGapAbove = above === undefined || isBlank(lineAt(text, above));
  const isEnd = end >= text.length || lineAt(text, end).startsWith("...");
  let [from, to] = [start, end];
  if (isGapAbove && !isEnd) while (to < text.length && isBlank(lineAt(text, to))) to = nextLine(text, to);
  if (isEnd) {
    for (let at = lineBefore(text, from); at !== undefined && isBlank(lineAt(text, at)); at = lineBefore(text, from))
      from = at;
  }
  return { start: from, end: to };
}

function takenFromFlow(text: string, token: CST.FlowCollection, list: YAMLSeq, index: number): Splice[] | undefined {
  const item = extent(list.items[index]);
  if (item === undefined) return undefined;
  const after = offsetOf(token.items[index + 1]?.start, "comma");
  const before = offsetOf(token.items[index]?.start, "comma");
  const comma = after ?? before;
  const [start, end] = item;
  const to = after === undefined ? end : after + 1;
  const gap = /^[ \t]*/.exec(text.slice(to))?.[0].length ?? 0;
  const splices = [...goneWithLine(text, start, after === undefined ? end : to + gap)];
  // The last item's comma stands before it, perhaps on a line with a comment.
  if (after === undefined && comma !== undefined) splices.push({ start: comma, end: comma + 1, by: "" });
  return after === undefined || isBlank(text.slice(end, after)) || end === after
    ? splices
    : [
        { start, end, by: "" },
        { start: after, end: after + 1, by: "" },
      ];
}

/** What goes, with its line and the comment at its end where nothing else is on it. */
function goneWithLine(text: string, start: number, end: number): Splice[] {
  const rest = text.slice(end, nextLine(text, end));
  const line = lineStart(text, start);
  const isAlone = isBlank(text.slice(line, start)) && (isBlank(rest) || isComment(rest)) && rest.endsWith("\n");
  return [isAlone ? { start: line, end: nextLine(text, end), by: "" } : { start, end, by: "" }];
}

/** The pair of a mapping under a key. */
export function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && key.value === name);
}

/** A member's value in the place of what is written there; `undefined` where nothing is. */
export function replaced(text: string, value: Node | unknown, by: string): Splice | undefined {
  const range = extent(value);
  if (range === undefined) return undefined;
  const [start, end] = range;
  // A block of text ends with its line.
  return { start, end, by: text[end - 1] === "\n" ? `${by}${lineEnd(text)}` : by };
}

/** A mapping with a member more, before the member `next` (the first where that isn't there), and before its comments. */
export function inserted(text: string, map: YAMLMap, member: string, next?: string): Splice | undefined {
  const at = extent((next === undefined ? undefined : pairOf(map, next))?.key ?? map.items[0]?.key)?.[0];
  if (at === undefined) return undefined;
  if (map.flow === true) return { start: at, end: at, by: `${member}, ` };
  const start = lineStart(text, at);
  const indent = at - start;
  if (!isBlank(text.slice(start, at)))
    return { start: at, end: at, by: `${member}${lineEnd(text)}${" ".repeat(indent)}` };
  let line = start;
  for (let above = lineBefore(text, line); above !== undefined; above = lineBefore(text, line)) {
    const comment = lineAt(text, above);
    if (!isComment(comment) || indentOf(comment) !== indent) break;
    line = above;
  }
  return { start: line, end: line, by: `${" ".repeat(indent)}${member}${lineEnd(text)}` };
}
