/**
 * Broken configuration: files that are cut, half-written, mutated, enormous or made to explode publish nothing, say what
 * is wrong in which file and line, and take no longer than good ones. And an MoU that lapses between two runs, or during
 * one, ends what its partner gets.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isError, type Problem } from "../../src/errors.ts";
import { type Configuration, loadConfiguration } from "../../src/feed/configuration.ts";
import { parseMicroseconds } from "../../src/publication/manifest.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";
import { assertSameState, endState } from "./end-state.ts";
import { campaign, type Random } from "./seeded.ts";
import { expectDone, openSite, partnersFile, type Site } from "./world.ts";

/** What a mutation must lead to: refused; accepted with the same meaning; or one of the two, since it may be a valid file. */
type Fate = "refused" | "same" | "either";

/** Ways in which a file is broken. `text` ends with its last line, `...`. */
const mutations: Readonly<
  Record<string, { fate: Fate; change: (text: string, random: Random) => string | Uint8Array }>
> = {
  cut: { fate: "refused", change: (text, random) => text.slice(0, random.whole(0, text.length - 2)) },
  "cut in a sector": {
    fate: "refused",
    change: (text, random) => {
      const kept = random.whole(0, text.length - 2);
      return text.slice(0, kept) + "\0".repeat(text.length - kept);
    },
  },
  "written over a longer one": { fate: "refused", change: (text) => `${text}${text.slice(text.length >> 1)}` },
  "a line twice": {
    fate: "either",
    change: (text, random) => {
      const lines = text.split("\n");
      const at = random.whole(0, lines.length - 1);
      return lines.toSpliced(at, 0, lines[at] ?? "").join("\n");
    },
  },
  "a key twice": { fate: "refused", change: (text) => text.replace(/^( *)([\w.-]+: .+)$/m, "$1$2\n$1$2") },
  "a line less": {
    fate: "either",
    change: (text, random) => {
      const lines = text.split("\n");
      return lines.toSpliced(random.whole(0, lines.length - 1), 1).join("\n");
    },
  },
  "a line shifted": {
    fate: "either",
    change: (text, random) => {
      const lines = text.split("\n");
      const at = random.whole(0, lines.length - 1);
      return lines.with(at, random.pick([" ", "  ", "\t", "        "]) + (lines[at] ?? "")).join("\n");
    },
  },
  "another type": {
    fate: "either",
    change: (text, random) => {
      const values = [...text.matchAll(/(?<=: )[^\n]+/g)];
      const { index, 0: value } = random.pick(values);
      const other = random.pick([
        "null",
        "[]",
        "{}",
        "7",
        "-1",
        "1e309",
        "true",
        "''",
        "!!binary aGk=",
        "2026-02-31",
        "&a [*a]",
      ]);
      return text.slice(0, index) + other + text.slice(index + value.length);
    },
  },
  "a byte changed": {
    fate: "either",
    change: (text, random) => {
      const bytes = Buffer.from(text);
      bytes[random.whole(0, bytes.length - 5)] = random.whole(0, 255);
      return bytes;
    },
  },
  NUL: { fate: "refused", change: (text, random) => insert(text, random, "\0") },
  "a terminal's escape": { fate: "refused", change: (text, random) => insert(text, random, "\u001b]0;x\u0007") },
  "invalid UTF-8": {
    fate: "refused",
    change: (text, random) => {
      const at = random.whole(0, text.length);
      return Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.of(0xc3, 0x28), Buffer.from(text.slice(at))]);
    },
  },
  "aliases that explode": {
    fate: "refused",
    change: (text) => {
      const names = "abcdefghi".split("");
      const bomb = names.map(
        (name, at) => `x${name}: &${name} [${Array(9).fill(at === 0 ? "lol" : `*${names[at - 1]}`)}]`,
      );
      return `${bomb.join("\n")}\n${text}`;
    },
  },
  "brackets without end": { fate: "refused", change: (text) => `${text.slice(0, -4)}x: ${"[".repeat(200_000)}\n...\n` },
  "a hundred thousand keys": {
    fate: "refused",
    change: (text) => `${text.slice(0, -4)}${Array.from({ length: 100_000 }, (_, at) => `k${at}: 1\n`).join("")}...\n`,
  },
  "50 MB": { fate: "refused", change: (text) => `${"# more\n".repeat(7_500_000)}${text}` },
  "a byte order mark": { fate: "same", change: (text) => `\ufeff${text}` },
  "lines of another system": { fate: "same", change: (text) => text.replaceAll("\n", "\r\n") },
};

function insert(text: string, random: Random, what: string): string {
  const at = random.whole(0, text.length);
  return text.slice(0, at) + what + text.slice(at);
}

const files = [
  "partners.yaml",
  "feeds/spam-sources.yaml",
  "feeds/spam-events.yaml",
  "feeds/summary.yaml",
  "feeds/maps/domains.yaml",
];

/** Loads a configuration; what is wrong with it as problems. Anything else that goes wrong is our fault. */
async function load(config: string): Promise<Configuration | readonly Problem[]> {
  try {
    return await loadConfiguration(config);
  } catch (error) {
    if (isError(error, "bad-configuration")) return error.problems;
    throw error;
  }
}

/** Milliseconds of CPU that refusing a file may take; a good one takes some fifty. */
const longest = 6000;

campaign("configuration", async (one) => {
  const { random } = one;
  const site = await openSite("ingested");
  const name = random.pick(Object.keys(mutations));
  const file = random.pick(files);
  const { fate, change } = mutations[name] ?? assert.fail();
  const good = await readFile(join(site.config, file), "utf8");
  const broken = change(good, random);
  one.note(`${name} in ${file}`);
  if (broken.length < 10_000) one.note(broken.toString());
  await writeFile(join(site.config, file), broken);
  const began = process.cpuUsage().user;
  const loaded = await load(site.config);
  assert.ok((process.cpuUsage().user - began) / 1000 < longest, "it takes too long");
  const refused = "length" in loaded;
  if (fate !== "either") assert.equal(refused ? "refused" : "same", fate);
  if (refused) {
    checkProblems(loaded, file);
    if (random.chance(0.3)) await publishesNothing(site);
  } else if (fate === "same") {
    await writeFile(join(site.config, file), good);
    assert.deepEqual(loaded, await load(site.config));
  }
  await site.remove();
});

/** Each names a file; those of the file that was broken come first to mind, and a line is told wherever there is one. */
function checkProblems(problems: readonly Problem[], file: string): void {
  assert.ok(problems.length > 0 && problems.length < 500);
  assert.ok(problems.some((problem) => problem.file.endsWith(file)) || file !== "partners.yaml", "its file is named");
  for (const problem of problems) {
    assert.match(problem.message, /^\P{Cc}{5,300}$/u, "one line that can be read");
    if (!/bytes|UTF-8|missing/.test(problem.message)) assert.ok((problem.line ?? 0) > 0, JSON.stringify(problem));
  }
}

async function publishesNothing(site: Site): Promise<void> {
  const before = await endState(site);
  for (const args of [["publish"], ["publish", "--again"]]) {
    const ran = await site.run(args);
    assert.equal(ran.code, 2, ran.stdout);
    const { error } = JSON.parse(ran.stdout);
    assert.equal(error.code, "bad-configuration");
    assert.ok(error.problems.length > 0);
  }
  assertSameState(await endState(site), before);
}

test("a configuration that is exchanged while publish runs counts from the next run on", async () => {
  const [site, undisturbed] = [await openSite("ingested"), await openSite("published")];
  const running = site.start(["publish"], { at: { how: "pause", event: `link ${site.data}/store/partners` } });
  assert.ok(await running.paused());
  await writeFile(join(site.config, "partners.yaml"), partnersFile.slice(0, 700));
  running.resume();
  expectDone(await running.done);
  assertSameState(await endState(site), await endState(undisturbed));
  assert.equal((await site.run(["publish"])).code, 2);
});

test("a partner whose MoU lapsed between two runs gets nothing more", async () => {
  const site = await openSite("published");
  const lapsing = partnersFile.replace("expires: 2027-12-31", "expires: 2026-11-13");
  await writeFile(join(site.config, "partners.yaml"), lapsing);
  const run = async (now: string) => {
    const { published } = JSON.parse(expectDone(await site.run(["--now", now, "publish", "--again"])).stdout);
    return published.map(({ partner, period }: { partner: string; period: string }) => `${partner} ${period}`);
  };
  assert.ok((await run("2026-11-13T23:59:59Z")).includes("twcert 2026-11-12"), "in force until its last second");
  const later = await run("2026-11-14T08:00:00Z");
  assert.ok(later.includes("ncc 2026-11-13"));
  assert.equal(later.filter((entry: string) => entry.startsWith("twcert")).length, 0);
});

test("a partner whose MoU lapses while publish runs gets nothing from that instant on", async (t) => {
  const end = Date.UTC(2026, 10, 14);
  let reached = 0;
  for (let asked = 0; asked < 40; asked += 3) {
    const world = await openOperatorWorld(t);
    await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-09T01:00:00Z", 5));
    await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-11T01:00:00Z", 5));
    const partners = world.partners.map((partner) =>
      partner.id === "twcert" ? { ...partner, mou: { ...partner.mou, to: end } } : partner,
    );
    // The clock passes midnight when it is asked for the n-th time.
    let left = asked;
    const clock = () => {
      left -= 1;
      return left >= 0 ? end - 1000 : end + 7 * 3_600_000;
    };
    const published = await world.publish(end - 1000, {}, { partners, clock });
    const late = published.filter(({ published_at }) => parseMicroseconds(published_at) / 1000 >= end);
    assert.equal(late.filter(({ partner }) => partner === "twcert").length, 0, `asked ${asked} times`);
    if (late.some(({ partner }) => partner === "ncc") && published.some(({ partner }) => partner === "twcert"))
      reached += 1;
  }
  assert.ok(reached > 3, "the clock passed midnight in the middle of runs");
});
