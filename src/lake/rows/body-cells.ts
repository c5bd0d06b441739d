/**
 * Cells that a message's body alone decides, beside its address tables: what it links to and what is attached. Copies of
 * a body have the same lists (`message.ts` keeps them), so the cells of one are written again for the next. Part of
 * `block.ts`.
 */
import type { AdvertisedUrl, AttachmentFacts, MessageFacts } from "../../model.ts";
import { type Attributes, attachmentCells, type BodyCells, linkCells, sortedSet } from "./row.ts";
import { cellsOf } from "./row-buffer.ts";

/** Cells, what they were made of, and the tables that were in force. */
interface Known extends BodyCells {
  readonly attachments: readonly AttachmentFacts[];
  readonly era: number;
}

/** One for each thread. Cells are kept as long as somebody keeps the list of URLs that they were made of. */
export class BodyRows {
  readonly #attributes: Pick<Attributes, "url" | "era">;
  readonly #hits: (text: string) => boolean;
  readonly #known = new WeakMap<readonly string[], Known>();

  /** @param hits says whether a text of a row names a sensor */
  constructor(attributes: Pick<Attributes, "url" | "era">, hits: (text: string) => boolean) {
    this.#attributes = attributes;
    this.#hits = hits;
  }

  /** Cells of a message that was captured at `at`. */
  cells({ urls, attachments }: Pick<MessageFacts, "urls" | "attachments">, at: number): BodyCells {
    const era = this.#attributes.era(at);
    const known = this.#known.get(urls);
    if (known !== undefined && known.era === era && known.attachments === attachments) return known;
    const made = { ...this.#made(urls, attachments, at), attachments, era };
    this.#known.set(urls, made);
    return made;
  }

  #made(hrefs: readonly string[], attachments: readonly AttachmentFacts[], at: number): BodyCells {
    const urls = hrefs.flatMap((href): AdvertisedUrl[] => {
      const url = this.#attributes.url(href, at);
      return url === undefined ? [] : [url];
    });
    const urlEconomies = sortedSet(urls.map(({ economy }) => economy));
    const texts = [...urls.flatMap(({ url, host }) => [url, host]), ...attachments.map(({ type }) => type)];
    return {
      probe: texts.some(this.#hits),
      urlEconomies,
      linkCells: cellsOf((to) => linkCells(to, urls, urlEconomies)),
      attachmentCells: cellsOf((to) => attachmentCells(to, attachments)),
    };
  }
}
