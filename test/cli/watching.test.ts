/**
 * What an operator watches by, as it is started: status, deliveries, receipts, alerts, metrics and readiness of a
 * runner.
 */
import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "csv-parse/sync";
import { tellCommand } from "../../src/cli/alert-command.ts";
import { answering, receiver } from "../delivery/push/receiving.ts";
import { freePort } from "../free-port.ts";
import { type Ending, temporaryFolder } from "../temporary-folder.ts";
import { until } from "../until.ts";
import { captureTwoDays, openPushedSite } from "./pushed-site.ts";

const day = "2026-11-12T07:00:00Z";

test("a destination that fails shows, is told of, and is served again by hand", async (t) => {
  const alerts = await receiver(t);
  const site = await openPushedSite(t, { SPAMPOTS_ALERT: `${alerts.url}/alerts?token=s3cret` });
  const { inbox, run } = site;
  await captureTwoDays(site);
  inbox.misbehave = answering(403);
  const failed = await run(day, "run", "--once");
  assert.match(failed.stdout, /8 publications, 0 deliveries made, 1 failed/);
  assert.ok(!`${failed.stdout}${failed.stderr}`.includes("s3cret"));

  assert.equal(alerts.taken.length, 1);
  const { text, ...told } = JSON.parse(String(alerts.taken[0]?.body));
  assert.deepEqual(told, {
    v: 1,
    alert: "delivery-failing",
    state: "firing",
    at: day,
    subject: "twcert/spam-sources/webhook",
    partner: "twcert",
    feed: "spam-sources",
    destination: "webhook",
    code: "delivery-refused",
    reason: "HTTP 403",
    since: day,
    behind: 2,
  });
  assert.match(text, /spam-sources for twcert hasn't been taken by its destination webhook/);

  const later = "2026-11-12T09:30:00Z";
  const status = await run(later, "status");
  assert.match(status.stdout, /^partner +feed +last +rows +no\. +sent +taken +next due +wrong$/m);
  assert.match(
    status.stdout,
    /^twcert +spam-sources +2026-11-11 +1 +2 +webhook:0\/2 +– +11-13 06:00 +webhook failing 2h, 2 behind: delivery-refused \(HTTP 403\)$/m,
  );
  assert.match(status.stdout, /^ncc +spam-sources +2026-11-11 +1 +2 +pull +– +11-13 06:00$/m);
  assert.match(status.stdout, /4 feeds of 2 partners; something is wrong with 1\./);
  const own = JSON.parse((await run(later, "--json", "status", "--partner", "ncc")).stdout);
  assert.deepEqual(
    own.map(({ partner, feed, wrong }: Record<string, unknown>) => [partner, feed, wrong]),
    [
      ["ncc", "spam-sources", []],
      ["ncc", "summary", []],
    ],
  );
  assert.equal((await run(later, "status", "--partner", "nobody")).code, 2);

  const lanes = JSON.parse((await run(later, "--json", "deliveries", "--failed")).stdout);
  assert.deepEqual(lanes, [
    {
      partner: "twcert",
      feed: "spam-sources",
      destination: "webhook",
      to: `${inbox.url}/in`,
      delivered: 0,
      delivered_at: null,
      behind: 2,
      age_seconds: 9000,
      failing: { since: day, code: "delivery-refused", reason: "HTTP 403" },
    },
  ]);
  assert.equal((await run(later, "deliveries", "--partner", "ncc")).code, 2);
  assert.equal((await run(later, "deliver")).code, 2);

  const again = await run(later, "deliver", "--retry", "--partner", "twcert");
  assert.equal(again.code, 1);
  assert.match(again.stdout, /^twcert +spam-sources +webhook +0 +1 failed: delivery-refused \(HTTP 403\)$/m);
  inbox.misbehave = answering(204);
  // What a runner is at is left to it.
  const place = site.world.store.under("leases/lanes/twcert/spam-sources/webhook");
  const slots = Array.from({ length: 18 }, (_, slot) => String(Math.floor(Date.now() / 10_000) + slot));
  for (const slot of slots) await place.putOnce(slot, Buffer.from("{}"));
  const held = await run(later, "deliver", "--retry");
  assert.match(held.stdout, /^twcert +spam-sources +webhook +0 +a runner is at it$/m);
  for (const slot of slots) await place.delete(slot);
  const served = await run(later, "--json", "deliver", "--retry", "--destination", "webhook");
  assert.equal(served.code, 0);
  assert.deepEqual(JSON.parse(served.stdout).lanes, [
    {
      partner: "twcert",
      feed: "spam-sources",
      destination: "webhook",
      in_force: true,
      delivered: 2,
      left: false,
      error: null,
    },
  ]);
  assert.match((await run(later, "deliveries", "--failed")).stdout, /^No delivery is failing\.$/m);
  assert.match((await run(later, "deliveries")).stdout, /^twcert +spam-sources +webhook +2 +0 +2026-11-12T09:30:00Z$/m);

  // The runner, started anew, sees from the store that it is over.
  await run(later, "run", "--once");
  await run(later, "run", "--once");
  assert.deepEqual(
    alerts.taken.map(({ body }) => JSON.parse(String(body)).state),
    ["firing", "recovered"],
  );
});

test("a log that can't be read isn't one in which no delivery fails", async (t) => {
  const site = await openPushedSite(t);
  await captureTwoDays(site);
  await site.run(day, "run", "--once");
  await site.world.store.delete("partners/twcert/spam-sources/log/00000002.jws");
  for (const flags of [[], ["--failed"]]) {
    const said = await site.run(day, "deliveries", ...flags);
    assert.equal(said.code, 1);
    assert.match(said.stdout, /^1 logs can't be read: see `spampots status`\.$/m);
    assert.doesNotMatch(said.stdout, /No delivery is failing|Nothing is pushed/);
    assert.match(said.stderr, /"log-behind"/);
  }
  assert.equal((await site.run(day, "--json", "deliveries")).code, 1);
});

test("a lease binds by the time it really is, whatever --now says, and what is left to its holder is told", async (t) => {
  const site = await openPushedSite(t);
  await captureTwoDays(site);
  const place = site.world.store.under("leases/lanes/twcert/spam-sources/webhook");
  const hold = async (instant: number) => {
    for (let slot = 0; slot < 24; slot += 1)
      await place.putOnce(String(Math.floor(instant / 10_000) + slot), Buffer.from("{}"));
  };
  // Of a drill at the same instant, whose runner was killed.
  await hold(Date.parse(day));
  await hold(Date.now());
  const held = JSON.parse((await site.run(day, "--json", "run", "--once")).stdout);
  assert.deepEqual(held, { published: 8, delivered: 0, failed: 0, left: 1 });
  for await (const { key } of place.list("")) if (Number(key) > Date.parse(day) / 10_000 + 30) await place.delete(key);
  const said = await site.run(day, "run", "--once");
  assert.match(said.stdout, /^0 publications, 2 deliveries made, 0 failed\.$/m);
});

test("the book of a partner, who may have left: CSV that a spreadsheet takes for nothing but text", async (t) => {
  const site = await openPushedSite(t);
  const { world, run } = site;
  await captureTwoDays(site);
  await run(day, "run", "--once");
  const fetched = {
    at: "2026-11-12T08:00:00Z",
    feed: "summary",
    sequence: 1,
    artifact: "summary.json",
    sha256: "0".repeat(64),
    range: [0, 100],
    how: "pull",
    token: '=HYPERLINK("x")',
    address: "2001:db8::1",
  };
  await world.store.putOnce(
    "receipts/twcert/summary/00000001-20261112T080000Z-0123456789abcdef.jsonl",
    Buffer.from(`${JSON.stringify(fetched)}\n`),
  );
  await site.folder.writePartners("partners: []\n...\n");
  const said = await run(day, "receipts", "twcert", "--csv");
  assert.equal(said.code, 0);
  const [first, , last, ...none] = parse(said.stdout, { columns: true }) as Record<string, string>[]; // columns are named
  assert.deepEqual(
    [first?.how, first?.sequence, first?.to, first?.token],
    ["push-webhook", "1", `${site.inbox.url}/in`, ""],
  );
  assert.deepEqual([last?.token, last?.range_from, last?.range_to], [`'=HYPERLINK("x")`, "0", "100"]);
  assert.equal(none.length, 0);
  assert.ok(said.stdout.endsWith("\r\n"));
  const since = await run(day, "--json", "receipts", "twcert", "--since", "2026-11-12T07:30:00Z");
  assert.deepEqual(JSON.parse(since.stdout), [fetched]);
  const until = ["--until", "2026-11-12T07:30:00Z", "--feed", "summary"];
  assert.deepEqual(JSON.parse((await run(day, "--json", "receipts", "twcert", ...until)).stdout), []);
  assert.match((await run(day, "receipts", "twcert", ...until)).stdout, /^Nothing was handed out\.$/m);
  assert.equal((await run(day, "receipts", "twcert", "--since", "yesterday")).code, 2);
  assert.equal((await run(day, "receipts", "twcrt")).code, 2);
  const { range: _, token: __, address: ___, artifact: ____, ...common } = fetched;
  const partly = { ...common, how: "push-taxii", destination: "taxii", to: "https://taxii.example/", refused: 3 };
  const key = "receipts/twcert/summary/00000001-to-taxii.jsonl";
  await world.store.putOnce(key, Buffer.from(`${JSON.stringify(partly)}\n`));
  const summaries = ["receipts", "twcert", "--feed", "summary"];
  const rows = parse((await run(day, ...summaries, "--csv")).stdout, { columns: true }) as Record<string, string>[]; // columns are named
  assert.deepEqual(rows.map(({ how, refused }) => `${how} ${refused}`).sort(), ["pull ", "push-taxii 3"]);
  assert.match(
    (await run(day, ...summaries)).stdout,
    /manifest {2}taxii https:\/\/taxii.example\/ {2}3 objects refused$/m,
  );
  await world.store.putOnce("receipts/twcert/summary/00000002-x.jsonl", Buffer.from("torn"));
  const torn = await run(day, "receipts", "twcert", "--csv");
  assert.deepEqual([torn.code, parse(torn.stdout, { columns: true }).length], [1, 4]);
  assert.match(torn.stderr, /00000002-x\.jsonl/);
});

test("an alert command gets JSON on its standard input, none of our settings, and is tried again", async (t) => {
  const place = await temporaryFolder(t);
  const [script, out] = [join(place, "alert.sh"), join(place, "alerts.txt")];
  const site = await openPushedSite(t, { SPAMPOTS_ALERT: `${script} one $two` });
  await captureTwoDays(site);
  await site.folder.writePartners("partners: [\n");
  await writeFile(script, "#!/bin/sh\necho no >&2\nexit 3\n");
  await chmod(script, 0o700);
  const refused = await site.run(day, "run", "--once");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /an alert can't be told.*|"said":"no/);
  await writeFile(script, `#!/bin/sh\n{ cat; echo "$#:$1:$2:\${SPAMPOTS_DATA-unset}"; } >> '${out}'\n`);
  await site.run("2026-11-12T07:11:00Z", "run", "--once");
  await site.run("2026-11-12T07:12:00Z", "run", "--once");
  const [message = "", args, ...rest] = (await readFile(out, "utf8")).trim().split("\n");
  assert.deepEqual([JSON.parse(message).alert, args, rest.length], ["configuration-broken", "2:one:$two:unset", 0]);
});

test("an alert command that hangs is ended, with what it started; one that reads nothing has done its work", async (t) => {
  const folder = await temporaryFolder(t);
  const pids = join(folder, "pids");
  const message = { text: "x".repeat(1_000_000) };
  const { signal } = new AbortController();
  const hanging = tellCommand(["sh", "-c", `sleep 300 & echo $! >> ${pids}; wait`], { PATH: process.env.PATH }, 3000);
  await assert.rejects(hanging(message, signal), /The alert command failed/);
  const pid = Number(await readFile(pids, "utf8"));
  await until(async () => {
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
    return / [ZX]/.test(state.slice(state.lastIndexOf(")")));
  }, "what it started ends");
  await tellCommand(["true"], { PATH: process.env.PATH })(message, signal);
  await assert.rejects(tellCommand(["/nowhere/alert"], {})(message, signal), /The alert command failed/);
});

/** Values of a text of metrics by name and labels. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, value] = /^([a-z0-9_]+(?:\{(?:[a-z_]+="[^"\\]*",?)*\})?) (\S+)$/.exec(line) ?? [];
    assert.ok(name !== undefined, `no sample: ${line}`);
    found.set(name, Number(value));
  }
  return found;
}

/** Takes what is to be done at the end, and does the last of it first: processes end before their folder is removed. */
function lastFirst(t: Pick<TestContext, "after">): Ending {
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => ends.push(end) };
}

test("metrics and readiness of a runner, and of a runner that serves", async (context) => {
  const t = lastFirst(context);
  const port = await freePort();
  const site = await openPushedSite(t, {
    SPAMPOTS_METRICS_LISTEN: `127.0.0.1:${port}`,
    // Ticks follow the real clock: but for the first, there is none.
    SPAMPOTS_TICK: "0 0 1 1 *",
  });
  await captureTwoDays(site);
  const { inbox, world } = site;
  inbox.misbehave = answering(503);
  const get = async (path: string, at = port) => {
    const response = await fetch(`http://127.0.0.1:${at}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const going = site.folder.start(["--now", day, "run"]);
  const found = await until(async () => {
    const values = samples((await get("/metrics")).text);
    return values.has('spampots_delivery_behind{partner="twcert",feed="spam-sources",destination="webhook"}') &&
      values.has(
        'spampots_delivery_failures_total{partner="twcert",feed="spam-sources",destination="webhook",code="delivery-failed"}',
      )
      ? values
      : undefined;
  }, "a delivery fails");
  const value = (name: string, labels = "") => found.get(`spampots_${name}${labels === "" ? "" : `{${labels}}`}`);
  const log = 'partner="twcert",feed="spam-sources"';
  const lane = `${log},destination="webhook"`;
  assert.deepEqual(
    [
      value("publications_total", log),
      value("published_rows_total", log),
      value("lag_seconds", log),
      value("newest_period_end_timestamp_seconds", log),
      value("delivery_behind", lane),
      value("delivery_failures_total", `${lane},code="delivery-failed"`),
      value("mou_days_left", 'partner="ncc"'),
      value("ticks_total", 'outcome="done"'),
      value("last_tick_timestamp_seconds"),
      value("store_unavailable_total"),
    ],
    [2, 2, 0, Date.UTC(2026, 10, 12) / 1000, 2, 1, 414, 1, Date.parse(day) / 1000, 0],
  );
  assert.ok((value("published_bytes_total", log) ?? 0) > 500);
  assert.deepEqual(
    [(await get("/readyz")).status, (await get("/healthz")).status, (await get("/")).status],
    [200, 200, 404],
  );
  await going.end("SIGTERM");

  // Two days later, with a sensor that nobody knows any more: nothing can be published.
  await writeFile(
    join(world.root, "sensors.yaml"),
    "sensors: [{ id: pot-9, addresses: [{ address: 192.88.99.9 }] }]\n...\n",
  );
  const [metrics, public_] = [await freePort(), await freePort()];
  const env = {
    SPAMPOTS_METRICS_LISTEN: `127.0.0.1:${metrics}`,
    SPAMPOTS_LISTEN: `127.0.0.1:${public_}`,
  };
  assert.equal((await site.run(day, "keys", "new", "--tokens")).code, 0);
  await world.ingest("pot-1", [{ id: "late-1", at: "2026-11-12T01:00:00Z", ip: "203.0.113.7" }]);
  site.folder.start(["--now", "2026-11-14T07:00:00Z", "start"], env);
  const behind = await until(async () => {
    const answer = await get("/readyz", public_);
    return answer.status === 503 ? answer : undefined;
  }, "it isn't ready");
  assert.ok(!/twcert|ncc|spam/.test(behind.text), behind.text);
  assert.equal((await get("/readyz", metrics)).status, 503);
  assert.equal((await get("/healthz", public_)).status, 200);
  const values = samples((await get("/metrics", metrics)).text);
  assert.equal(values.get(`spampots_lag_seconds{${log}}`), 25 * 3600);
  assert.equal(values.get(`spampots_publish_failures_total{${log},code="unknown-sensor"}`), 1);
  assert.ok(values.has('spampots_http_answers_total{method="GET",status="503"}'));
});
