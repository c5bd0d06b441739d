/** Numbers, instants, sizes and digests as the portal writes them: the same everywhere, and meant for eyes and machines. */
import { html } from "hono/html";
import { plain } from "../../log.ts";
import { dayMs, hourMs } from "../../model.ts";
import type { Html } from "./layout.ts";
import { language, number } from "./texts/language.ts";
import { texts } from "./texts.ts";

const sizes = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** `1.23 MB`, in powers of ten. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${sizes.format(size)} ${units[unit] ?? ""}`;
}

/** A word that stays in one line, such as a period. */
export const wordOf = (word: string): Html => html`<span class="number">${word}</span>`;

/** A size that can be compared to the byte. */
export const sizeOf = (bytes: number): Html =>
  html`<span class="number" title="${number(bytes)} bytes">${sizeText(bytes)}</span>`;

/** An instant to the minute; to the second and beyond for who looks closely. `at` is RFC 3339 in UTC. */
export function instantOf(at: string): Html {
  return html`<time datetime="${at}" title="${at}">${at.slice(0, 10)} ${at.slice(11, 16)} UTC</time>`;
}

/** The same where a table's head says that it is UTC. */
export function bareInstantOf(at: string): Html {
  return html`<time datetime="${at}" title="${at}">${at.slice(0, 10)} ${at.slice(11, 16)}</time>`;
}

/** An instant in milliseconds since 1970. */
export const momentOf = (ms: number): Html => instantOf(`${new Date(ms).toISOString().slice(0, 19)}Z`);

/** A day, from any instant that begins with it. */
export const dayOf = (at: string | number): Html => {
  const day = typeof at === "number" ? new Date(at).toISOString().slice(0, 10) : at.slice(0, 10);
  return html`<time datetime="${day}">${day}</time>`;
};

/** A digest or thumbprint: whole, since half of one proves nothing. */
export const digestOf = (digest: string): Html => html`<code class="digest">${digest}</code>`;

/** How long something took or is ago, roughly: `3 days`. */
export function spanText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 120) return texts.span.minutes(minutes);
  return ms < 2 * dayMs ? texts.span.hours(Math.floor(ms / hourMs)) : texts.span.days(Math.floor(ms / dayMs));
}

/** Others' words as text: bounded, and without what turns a reader's eye. */
export function others(text: string, most = 300): string {
  const characters = [...plain(text)];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : characters.join("");
}

/** A list of terms, each with what there is to say of it; what is `undefined` is left out. */
export function termsOf(entries: readonly (readonly [term: string, said: Html | string | number | undefined])[]): Html {
  const said = entries.filter(([, value]) => value !== undefined);
  return html`<dl>${said.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** What a table needs to be read by anyone. */
export interface TableParts {
  readonly caption: string;
  readonly columns: readonly string[];
  /** Cells of each row; the first one heads its row. */
  readonly rows: readonly (readonly (Html | string | number)[])[];
}

/** A table that scrolls by itself where it is too wide, by keyboard too. Columns of numbers are set to the right. */
export function tableOf({ caption, columns, rows }: TableParts): Html {
  const isNumeric = columns.map((_, index) => rows.every((row) => typeof row[index] === "number"));
  const aligned = (index: number) => (isNumeric[index] ? html` class="n"` : "");
  return html`<div class="wide" role="region" aria-label="${caption}" tabindex="0"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${columns.map((column, index) => html`<th scope="col"${aligned(index)}>${column}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...rest]) => html`<tr><th scope="row"${aligned(0)}>${shown(first ?? "")}</th>${rest.map(
      (cell, index) => html`<td${aligned(index + 1)}>${shown(cell)}</td>`,
    )}</tr>
`,
  )}</tbody>
</table></div>`;
}

const shown = (cell: Html | string | number) => (typeof cell === "number" ? number(cell) : cell);

/** A short word on a state, with a mark that doesn't need colour. */
export function badgeOf(kind: "good" | "bad" | "note", text: Html | string): Html {
  const marks = { good: "✓", bad: "!", note: "•" } as const;
  return html`<span class="badge ${kind}"><span aria-hidden="true">${marks[kind]}</span> ${text}</span>`;
}
