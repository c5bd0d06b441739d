/**
 * Isolation in the portal: in one partner's session, whatever is another's answers exactly as what never existed: status,
 * headers and body. A law over all routes of pages and files, both ways; and nobody's session opens nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { askPortal, openPortal, sessionCookie } from "../../portal/portal-world.ts";
import { csvFile, publish, stixFile } from "../../publication/issuer.ts";
import { type Answer, newClientKey, type Served } from "../served.ts";

const templates = [
  "/portal/feeds/{feed}",
  "/portal/feeds/{feed}/{sequence}",
  "/portal/feeds/{feed}/{sequence}/signed",
  "/portal/feeds/{feed}/{sequence}/files/{artifact}",
  "/portal/receipts/{feed}",
] as const;

/** Everything that a client can see but for the time. */
function seen({ status, headers, text }: Answer): unknown {
  return [status, [...headers].filter(([name]) => name !== "date"), text];
}

/** Each has something that the other lacks: twcert numbers and a feed, ncc another feed, and files of its own. */
async function openTwo(t: Parameters<typeof openPortal>[0]): Promise<Served> {
  const served = await openPortal(t);
  const { twcert, ncc } = served.keysOf;
  await served.change({
    twcert: { keys: [twcert], feeds: ["spam-sources", "summary"] },
    ncc: { keys: [ncc], feeds: ["spam-sources", "spam-events"] },
  });
  await publish(served, { partner: "ncc", feed: "spam-events", files: [csvFile(4, "e"), stixFile(3)] });
  served.setNow(served.now() + 2000);
  return served;
}

const worlds = {
  // What the other partner has, and what nobody has, of the same lengths.
  twcert: {
    theirs: { feeds: ["spam-events"], sequences: ["1"], artifacts: ["spam-events_2026-W46_tlp-amber.csv.gz"] },
    nobodys: { feeds: ["spam-nobody"], sequences: ["1"], artifacts: ["spam-nobody_2026-W46_tlp-amber.csv.gz"] },
  },
  ncc: {
    theirs: {
      feeds: ["spam-sources", "summary"],
      sequences: ["2", "5", "6"],
      artifacts: ["spam-sources_2026-W45_tlp-amber.stix.json.gz"],
    },
    nobodys: {
      feeds: ["spam-sources", "nothing"],
      sequences: ["7", "8", "9"],
      artifacts: ["spam-sources_2025-W45_tlp-amber.stix.json.gz"],
    },
  },
} as const;

test("what is another partner's answers as what never existed, on every route of the portal", async (t) => {
  const served = await openTwo(t);
  const cookies = { twcert: await sessionCookie(served, "twcert"), ncc: await sessionCookie(served, "ncc") };
  const pick = (names: readonly string[], index: number) => names[index % names.length] ?? "";
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("twcert", "ncc"),
      fc.constantFrom(...templates),
      fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)),
      fc.constantFrom("GET", "HEAD"),
      fc.constantFrom("", "?before=3", "?files=1", "?x=1"),
      async (who, template, [a, b, c], method, query) => {
        const { theirs, nobodys } = worlds[who];
        const [there, never] = [theirs, nobodys].map(({ feeds, sequences, artifacts }) =>
          template
            .replace("{feed}", pick(feeds, a))
            .replace("{sequence}", pick(sequences, b))
            .replace("{artifact}", pick(artifacts, c)),
        );
        assert.ok(there && never);
        // The feed that both have is its own, where no number or file says otherwise.
        if (!template.includes("{sequence}") && there.endsWith("/spam-sources")) return;
        const [found, nothing] = await Promise.all(
          [there, never].map((path) => askPortal(served, path + query, cookies[who], { method })),
        );
        assert.ok(found && nothing);
        assert.deepEqual(seen(found), seen(nothing), `${who} ${there}`);
        assert.equal(found.status, 404, there);
      },
    ),
    { numRuns: 300 },
  );
});

test("the same places answer whose they are, and nothing that is answered names the other", async (t) => {
  const served = await openTwo(t);
  const [own, other] = [await sessionCookie(served, "ncc"), await sessionCookie(served, "twcert")];
  // The other one was handed something: its receipts are its own.
  assert.equal((await askPortal(served, "/portal/feeds/spam-sources/1/signed", other)).status, 200);
  assert.equal((await askPortal(served, "/portal/receipts.csv", other)).text.trim().split("\n").length, 2);
  assert.equal((await askPortal(served, "/portal/receipts.csv", own)).text.trim().split("\n").length, 1);
  for (const path of ["/portal/receipts", "/portal/receipts/spam-sources"]) {
    const digest = /class="digest"/;
    assert.match((await askPortal(served, path, other)).text, digest);
    assert.doesNotMatch((await askPortal(served, path, own)).text, digest);
  }
  const paths = [
    "/portal",
    "/portal/receipts",
    "/portal/receipts.csv",
    "/portal/receipts/spam-sources",
    "/portal/feeds/spam-sources",
    "/portal/feeds/spam-sources/1",
    "/portal/feeds/spam-sources/1/signed",
  ];
  const sequence1 = "/portal/feeds/spam-events/1/files/spam-events_2026-W46_tlp-amber.csv.gz";
  for (const path of [...paths, "/portal/feeds/spam-events/1", sequence1]) {
    const { status, text, headers } = await askPortal(served, path, own);
    assert.equal(status, 200, path);
    const payload = path.endsWith("signed") ? Buffer.from(JSON.parse(text).payload, "base64url").toString() : "";
    assert.doesNotMatch(`${text}${payload}${JSON.stringify([...headers])}`, /twcert/, path);
  }
  for (const path of paths) {
    const { status, text } = await askPortal(served, path, other);
    assert.equal(status, 200, path);
    assert.doesNotMatch(text, /\bncc\b|spam-events/, path);
  }
});

test("without a session, and with one that isn't one, every place sends to sign in alike", async (t) => {
  const served = await openTwo(t);
  const token = (await sessionCookie(served, "twcert")).split("=")[1] ?? "";
  const cookies = ["", "spampots-session=x", `spampots-operator=${token}`, `spampots-session=${token.slice(0, -2)}AA`];
  for (const path of ["/portal", "/portal/feeds/spam-sources/6", "/portal/receipts.csv", "/portal/nowhere"]) {
    const answers = await Promise.all(cookies.map((cookie) => askPortal(served, path, cookie)));
    for (const answer of answers) {
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/portal/sign-in"], path);
      assert.equal(answer.text, "");
    }
  }
});

test("a partner's session doesn't open the operator's page, nor an operator's key a partner's", async (t) => {
  const key = await newClientKey("ES256");
  const served = await openPortal(t, { operators: [key] });
  const { operatorCookie } = await import("../../portal/portal-world.ts");
  const partner = await sessionCookie(served, "twcert");
  const operator = await operatorCookie(served, key);
  assert.equal((await askPortal(served, "/portal/operator", operator)).status, 200);
  for (const path of ["/portal", "/portal/feeds/spam-sources/6/signed", "/portal/receipts.csv"])
    assert.equal((await askPortal(served, path, operator)).status, 303, path);
  const refused = await askPortal(served, "/portal/operator", partner);
  assert.ok(refused.status === 303 || refused.status === 404);
  assert.doesNotMatch(refused.text, /ncc/);
  const stranger = await operatorCookie(served, await newClientKey("ES256"));
  assert.notEqual((await askPortal(served, "/portal/operator", stranger)).status, 200);
});
