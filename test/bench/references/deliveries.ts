/**
 * Deliveries that are all due at once, and the same files put by plain `node:http`, each by itself in one process.
 *
 *     node deliveries.ts sink                                   takes what is put, and keeps nothing
 *     node deliveries.ts ours  <folder> <url> <partners> <due>  by Deliveries, receipts and all; so many due at a time
 *     node deliveries.ts plain <folder> <url> <partners>        by http.request, as many at once
 */
import { createReadStream } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Deliveries } from "../../../src/delivery/push/deliver.ts";
import { parseFeed } from "../../../src/feed/feeds.ts";
import { parsePartners } from "../../../src/feed/partners.ts";
import { openLog } from "../../../src/log.ts";
import { openKeyring } from "../../../src/publication/keys.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { finder, testNow } from "../../publication/issuer.ts";
import { projectRoot } from "../../source-files.ts";
import { madePartner } from "../configurations.ts";

const [mode, folder = "", url = "", count = "0", due = count] = process.argv.slice(2);
const atOnce = 16;
const names = Array.from({ length: Number(count) }, (_, index) => `partner-${String(index).padStart(4, "0")}`);
/** When the work began, after everything was read that it needs. */
let begun = performance.now();
/** Each partner's: an announcement of keys, two files and a manifest. */
const filesOfOne = 4;

async function ours(): Promise<void> {
  const text = await readFile(join(projectRoot, "feeds/spam-sources.yaml"), "utf8");
  const feed = parseFeed("spam-sources", "spam-sources.yaml", text).value;
  if (feed === undefined) throw new Error("the feed doesn't parse");
  // One is read from YAML, the others are made from it: what a thousand partners cost to read isn't measured here.
  const entry = madePartner(
    "partner",
    ["TW"],
    [{ feed: "spam-sources", every: "week", formats: ["csv"], deliveries: [{ kind: "https", url }] }],
  );
  const [first] = parsePartners("p", JSON.stringify({ partners: [entry] }), new Map([[feed.id, feed]])).value ?? [];
  if (first === undefined) throw new Error("the partner doesn't parse");
  const partners = names.map((id) => ({
    ...first,
    id,
    subscriptions: first.subscriptions.map((subscription) => ({
      ...subscription,
      destinations: [{ kind: "https" as const, name: "https", url: `${url}/${id}` }],
    })),
  }));
  const keyring = await openKeyring({ folder: join(folder, "keys") });
  begun = performance.now();
  let made = 0;
  const deliveries = new Deliveries({
    store: openDiskStore(join(folder, "store")),
    keyOf: finder(keyring),
    clock: () => testNow,
    log: openLog("error"),
    atOnce,
    chance: Math.random,
    secret: () => undefined,
    loopback: true,
    onDelivered: () => {
      made += 1;
    },
  });
  for (let from = 0; from < partners.length; from += Number(due)) {
    deliveries.look(partners.slice(from, from + Number(due)));
    await deliveries.idle();
  }
  if (made !== names.length) throw new Error(`${made} deliveries of ${names.length}`);
}

async function plain(): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const own = join(folder, "store/partners", name);
      for (const below of ["keys", "spam-sources/artifacts", "spam-sources/log"])
        for (const file of await readdir(join(own, below)))
          await put(agent, join(own, below, file), `${url}/${name}/${below}/${file}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  agent.destroy();
}

async function put(agent: Agent, path: string, to: string): Promise<void> {
  const { size } = await stat(path);
  await new Promise<void>((done, fail) => {
    const call = request(to, { method: "PUT", agent, headers: { "content-length": size } }, (response) => {
      response.resume().on("end", done);
    });
    createReadStream(path).pipe(call.on("error", fail));
  });
}

function sink(): void {
  const server = createServer((incoming, response) => {
    incoming.resume().on("end", () => response.writeHead(incoming.method === "HEAD" ? 404 : 201).end());
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo; // it listens on a port
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
  });
}

if (mode === "sink") sink();
else {
  // Receipts of an earlier run say that all is delivered.
  await rm(join(folder, "store/receipts"), { recursive: true, force: true });
  await (mode === "ours" ? ours() : plain());
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(`${JSON.stringify({ seconds, units: names.length * filesOfOne })}\n`);
}
