/**
 * Visible text and links of an HTML body, as a mail reader would show it, without building a tree. One pass, linear
 * whatever the markup: it is written to break parsers. Used by `body-facts.ts`; the shape of tags and comments follows
 * the WHATWG HTML standard's tokenizer (section 13.2.5) where mail depends on it.
 */

export interface HtmlReading {
  /** Text content: tags, comments, scripts, styles and titles left out, entities decoded, a blank where a block begins or ends. */
  readonly text: string;
  /** Values of `href`, `src`, `action` and `background`, entities decoded, in order of appearance. */
  readonly links: readonly string[];
}

/** Elements that break the line of text. All others, known or made up, don't: spammers cut words with them. */
const blocks: ReadonlySet<string> = new Set(
  (
    "address article aside blockquote body br button caption center dd dir div dl dt fieldset footer form frame h1 h2 " +
    "h3 h4 h5 h6 head header hr html iframe img input legend li link marquee menu meta nav ol optgroup option p pre " +
    "section select table tbody td textarea tfoot th thead title tr ul"
  ).split(" "),
);

/** Elements whose content isn't shown. A title isn't, in mail; "Untitled Document" says nothing about a language. */
const rawText: ReadonlySet<string> = new Set(["script", "style", "title"]);

/** At most this many links are taken; more than twice what is kept of a message. */
const maxLinks = 1000;

const exclamation = 33;
const slash = 47;
const question = 63;

/** Reads HTML source. Never throws. */
export function readHtml(source: string): HtmlReading {
  return new HtmlReader(source).read();
}

/** True where text without a type is HTML: it begins with a tag that starts documents. */
export function looksLikeHtml(text: string): boolean {
  return /^\s{0,200}<(?:!doctype html|html|head|body|table|div|font|center|p|meta|title)[\s>]/i.test(
    text.slice(0, 300),
  );
}

class HtmlReader {
  readonly #source: string;
  readonly #pieces: string[] = [];
  readonly #links: string[] = [];
  /** Texts that don't occur any more: looked for once, not at each tag. */
  readonly #gone = new Set<string>();

  constructor(source: string) {
    this.#source = source;
  }

  read(): HtmlReading {
    let from = 0;
    let open = this.#source.indexOf("<");
    while (open >= 0) {
      const isMarkup = this.#isMarkup(open);
      if (isMarkup) {
        this.#pieces.push(this.#source.slice(from, open));
        from = this.#markup(open);
      }
      open = this.#source.indexOf("<", isMarkup ? from : open + 1);
    }
    this.#pieces.push(this.#source.slice(from));
    return { text: decodeEntities(this.#pieces.join("")), links: this.#links };
  }

  /** True where the `<` at `open` is no text: a letter, `/`, `!` or `?` follows. */
  #isMarkup(open: number): boolean {
    const next = this.#source.charCodeAt(open + 1);
    return isLetter(next) || next === slash || next === exclamation || next === question;
  }

  /** Passes over what begins with `<` at `open`; returns where text goes on. */
  #markup(open: number): number {
    const next = this.#source.charCodeAt(open + 1);
    if (next === exclamation) return this.#declaration(open);
    if (isLetter(next) || (next === slash && isLetter(this.#source.charCodeAt(open + 2)))) return this.#tag(open);
    return this.#after(">", open);
  }

  /** Comment or doctype. A comment without an end is taken to end with its line's `>`, so that it hides little. */
  #declaration(open: number): number {
    if (!this.#source.startsWith("<!--", open)) return this.#after(">", open);
    const end = this.#find("-->", open + 2);
    return end < 0 ? this.#after(">", open) : end + 3;
  }

  #tag(open: number): number {
    const end = this.#tagEnd(open);
    const tag = this.#source.slice(open + 1, end);
    const name = (/^\/?[^\s/>]{1,32}/.exec(tag)?.[0] ?? "").toLowerCase();
    const closing = name.startsWith("/");
    if (blocks.has(closing ? name.slice(1) : name)) this.#pieces.push(" ");
    if (!closing && tag.includes("=")) this.#attributes(tag);
    return !closing && rawText.has(name) ? this.#afterRaw(name, end + 1) : end + 1;
  }

  /** Offset of the `>` that ends the tag: one in a quoted value doesn't. */
  #tagEnd(open: number): number {
    let at = open + 1;
    let afterEquals = false;
    while (at < this.#source.length) {
      const code = this.#source.charCodeAt(at);
      if (code === 62) return at;
      if (afterEquals && (code === 34 || code === 39)) {
        const close = this.#find(code === 34 ? '"' : "'", at + 1);
        // Never closed: the value ends with the tag, or nothing after it would be seen.
        if (close < 0) return this.#find(">", at) < 0 ? this.#source.length : this.#source.indexOf(">", at);
        at = close;
      }
      afterEquals = code === 61 || (afterEquals && code <= 32);
      at += 1;
    }
    return at;
  }

  #attributes(tag: string): void {
    const values = tag.matchAll(/\b(?:href|src|action|background)\s*=\s*(?:"([^"]*)|'([^']*)|([^\s"'][^\s]*))/gi);
    for (const [, double, single, bare] of values) {
      if (this.#links.length >= maxLinks) return;
      this.#links.push(decodeEntities(double ?? single ?? bare ?? ""));
    }
  }

  /** After the end tag of such an element; all of the rest where there is none. */
  #afterRaw(name: string, from: number): number {
    let at = this.#find("</", from);
    while (at >= 0) {
      if (this.#source.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return this.#after(">", at);
      at = this.#find("</", at + 2);
    }
    return this.#source.length;
  }

  #after(text: string, from: number): number {
    const at = this.#find(text, from);
    return at < 0 ? this.#source.length : at + text.length;
  }

  #find(text: string, from: number): number {
    if (this.#gone.has(text)) return -1;
    const at = this.#source.indexOf(text, from);
    if (at < 0) this.#gone.add(text);
    return at;
  }
}

function isLetter(code: number): boolean {
  return (code | 32) >= 97 && (code | 32) <= 122;
}

/** Names of U+00A0 to U+00FF in order (HTML 4, section 24.2). */
const latin1Names =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro " +
  "para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil " +
  "Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave " +
  "Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml " +
  "igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute " +
  "thorn yuml";

/** Those, the ones for markup and punctuation, and those that hide the punctuation of a URL. */
const entities: ReadonlyMap<string, string> = new Map([
  ...latin1Names.split(" ").map((name, index): [string, string] => [name, String.fromCharCode(0xa0 + index)]),
  ...Object.entries({
    amp: "&",
    AMP: "&",
    lt: "<",
    LT: "<",
    gt: ">",
    GT: ">",
    quot: '"',
    QUOT: '"',
    apos: "'",
    euro: "€",
    trade: "™",
    hellip: "…",
    ndash: "–",
    mdash: "—",
    lsquo: "‘",
    rsquo: "’",
    sbquo: "‚",
    ldquo: "“",
    rdquo: "”",
    bdquo: "„",
    bull: "•",
    lsaquo: "‹",
    rsaquo: "›",
    ensp: " ",
    emsp: " ",
    thinsp: " ",
    zwnj: "\u200c",
    zwj: "\u200d",
    colon: ":",
    sol: "/",
    period: ".",
    commat: "@",
    num: "#",
    quest: "?",
    equals: "=",
    lowbar: "_",
    percnt: "%",
    Tab: "\t",
    NewLine: "\n",
    bsol: "\\",
    excl: "!",
    comma: ",",
    semi: ";",
    lpar: "(",
    rpar: ")",
    dash: "‐",
    hyphen: "‐",
  }),
]);

/** 128-159 mean windows-1252 there, whatever the charset (WHATWG HTML section 13.2.5.80). */
const windows1252 = new TextDecoder("windows-1252");

/** `text` with character references decoded; what is none stays as it is. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#(?:[xX]([0-9a-fA-F]{1,8})|(\d{1,8}))|([A-Za-z][A-Za-z0-9]{1,7}));?/g,
    (all, hex, decimal, name) => {
      if (name !== undefined) return entities.get(name) ?? all;
      return character(hex === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16));
    },
  );
}

function character(code: number): string {
  if (code >= 128 && code < 160) return windows1252.decode(Uint8Array.of(code));
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  return String.fromCodePoint(code);
}
