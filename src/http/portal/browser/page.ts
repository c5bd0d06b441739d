/**
 * What a script of ours knows of the page that it stands in: these few members of the DOM. Types alone, and the functions
 * that every script gets. The functions of this folder run in browsers: their text is what is served (see ../scripts.ts),
 * so that one uses nothing but what a browser has, and the functions that are served along with it.
 *
 * @see DOM Living Standard, HTML Living Standard
 */

/** An element, with the members of every kind that we use. */
export interface PageElement {
  textContent: string | null;
  hidden: boolean;
  disabled: boolean;
  value: string;
  href: string;
  download: string;
  readonly action: string;
  readonly files: ArrayLike<Blob> | null;
  readonly dataset: Readonly<Record<string, string | undefined>>;
  addEventListener(type: "click" | "change" | "submit", listener: (event: { preventDefault(): void }) => void): void;
  focus(): void;
  submit(): void;
}

declare const document: { getElementById(id: string): PageElement | null };

/** The element of this id, which the page has. */
export function element(id: string): PageElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** Says one of the page's own sentences, `says-<name>`, where screen readers hear it. */
export function say(name: string): void {
  element("status").textContent = element(`says-${name}`).textContent;
}
