/** `spampots receipts <partner>`: what was handed to a partner, when and how: the book that an auditor asks for. */
import type { Command } from "commander";
import { parseInstant } from "../capture/instant.ts";
import { type BookSelection, receiptBook } from "../delivery/receipts/book.ts";
import { receiptCsvHead, receiptCsvLines } from "../delivery/receipts/csv.ts";
import type { Receipt } from "../delivery/receipts/receipt.ts";
import { errorTable, SpampotsError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import { plain, shownJson } from "../log.ts";
import { temporaryPath } from "../store/temporary.ts";
import type { Run } from "./run.ts";
import { count, flushed } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface ReceiptFlags {
  readonly csv?: boolean;
  readonly feed?: string;
  readonly since?: string;
  readonly until?: string;
}

export function receiptsCommand(program: Command, run: Run): void {
  program
    .command("receipts")
    .description("Print what a partner was handed, pushed and pulled, in order of time. Works for former partners too.")
    .argument("<partner>", "id of the partner")
    .option("--csv", "as CSV, for a spreadsheet")
    .option("--feed <id>", "of this feed alone")
    .option("--since <instant>", "from then on, such as 2026-11-16T06:00:00Z")
    .option("--until <instant>", "before then")
    .action(run(printReceipts));
}

/** Characters that are written at once. */
const chunkChars = 65_536;

async function printReceipts(world: CliWorld, partner: string, flags: ReceiptFlags): Promise<void> {
  const unreadable = new Set<string>();
  const book = receiptBook(await world.store(), selectionOf(partner, flags), {
    folder: temporaryPath(world.settings.data),
    onUnreadable: (key) => {
      unreadable.add(key);
      world.log.error({ key }, "a receipt can't be read");
    },
  });
  const form = world.json ? jsonForm() : flags.csv ? csvForm() : textForm();
  let [chunk, first] = [form.begin, true];
  for await (const receipt of book) {
    chunk += form.line(receipt, first);
    first = false;
    if (chunk.length < chunkChars) continue;
    await flushed(chunk);
    chunk = "";
  }
  await flushed(chunk + form.end(first));
  if (unreadable.size === 0) return;
  if (world.json) {
    // The one result is out already; the log names what isn't in it.
    process.exitCode = errorTable["some-failed"].exit;
    return;
  }
  throw new SpampotsError("some-failed", "Some receipts can't be read; the others are above.", {
    objects: unreadable.size,
    hint: "The log names them, at error. Restore them from a copy of the store.",
  });
}

function selectionOf(partner: string, { feed, since, until }: ReceiptFlags): BookSelection {
  return {
    partner,
    ...(feed === undefined ? {} : { feed }),
    ...(since === undefined ? {} : { since: instantOf("--since", since) }),
    ...(until === undefined ? {} : { until: instantOf("--until", until) }),
  };
}

function instantOf(flag: string, text: string): string {
  const instant = parseInstant(text);
  if (instant !== undefined) return secondsInstant(Math.ceil(instant / 1000) * 1000);
  throw new SpampotsError("bad-argument", `${flag} needs an instant.`, { hint: "Write it as 2026-11-16T06:00:00Z." });
}

/** How a book is written. */
interface Form {
  readonly begin: string;
  line(receipt: Receipt, first: boolean): string;
  /** @param empty whether there was no line. */
  end(empty: boolean): string;
}

function csvForm(): Form {
  return { begin: receiptCsvHead, line: receiptCsvLines(), end: () => "" };
}

/** One JSON array, as everywhere; it is written as it comes. */
function jsonForm(): Form {
  return {
    begin: "[",
    line: (receipt, first) => shownJson(`${first ? "" : ","}\n${JSON.stringify(receipt)}`),
    end: (empty) => (empty ? "]\n" : "\n]\n"),
  };
}

function textForm(): Form {
  return {
    begin: "",
    line: (receipt) => {
      const what = receipt.artifact ?? (receipt.how === "taxii" ? "objects" : "manifest");
      const whom = "destination" in receipt ? `${receipt.destination} ${receipt.to}` : receipt.address;
      const { refused } = "destination" in receipt ? receipt : {};
      const lacking = refused === undefined ? [] : [`${count(refused)} objects refused`];
      const words = [receipt.at, `${receipt.feed} ${receipt.sequence}`, receipt.how, what, whom, ...lacking];
      return `${plain(words.join("  "))}\n`;
    },
    end: (empty) => (empty ? "Nothing was handed out.\n" : ""),
  };
}
