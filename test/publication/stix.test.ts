/** STIX: objects by feed against golden bundles and OASIS schemas, ids, parts, revisions and revocations. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { fields, grainColumns } from "../../src/fields.ts";
import type { Cell, Tlp } from "../../src/model.ts";
import type { RenderContext, RenderedArtifact } from "../../src/publication/render.ts";
import { stixRenderer } from "../../src/publication/stix.ts";
import { extensionId, markingDefinition } from "../../src/publication/stix-common.ts";
import { observableIds } from "../../src/publication/stix-ids.ts";
import { isDomainName, patternString, uriOf } from "../../src/publication/stix-names.ts";
import { stixRevocation } from "../../src/publication/stix-revocation.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { contentOf, contextOf, feedOf, type MadeRow, madeRows, render, type TableGrain, week } from "./slice-rows.ts";

const shared = join(import.meta.dirname, "../../../shared/data");
const needsShared = { skip: existsSync(shared) ? false : "the folder ../shared/data is not here" };
const grains: readonly TableGrain[] = ["source-day", "target-day", "url-day", "capture"];

/** An object as parsed: properties are read by name and compared, never trusted. */
type Parsed = Readonly<Record<string, unknown>> & { readonly type: string; readonly id: string };
interface Bundle {
  readonly type: string;
  readonly id: string;
  readonly objects: readonly Parsed[];
}

const bundleOf = async (part: RenderedArtifact): Promise<Bundle> => JSON.parse(await contentOf(part));
const bundlesOf = (parts: readonly RenderedArtifact[]) => Promise.all(parts.map(bundleOf));
const ofType = (bundle: Bundle, type: string) => bundle.objects.filter((object) => object.type === type);

const without = (all: Iterable<string>, known: Iterable<string>) => {
  const held = new Set(known);
  return [...all].filter((id) => !held.has(id));
};
const common = (some: Iterable<string>, others: Iterable<string>) => without(some, without(some, others));

/** References of a bundle to what it doesn't hold. */
const dangling = ({ objects }: Bundle) =>
  without(
    objects.flatMap(refsOf),
    objects.map(({ id }) => id),
  );

/** Renders made rows of a grain; the folder is gone after the test. */
async function made(t: TestContext, grain: TableGrain, count: number, more: Partial<RenderContext> = {}) {
  const context = contextOf(grain, await temporaryFolder(t), more);
  const renderer = stixRenderer(context);
  const parts = await render(renderer, context.columns, madeRows[grain](count));
  return { context, renderer, parts, bundles: await bundlesOf(parts) };
}

/** Ids that an object refers to, and whether each is a list, by STIX's naming rule. */
function refsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name.endsWith("_ref")) return [String(inner)];
    if (name.endsWith("_refs") && Array.isArray(inner)) return inner.map(String);
    return refsOf(inner);
  });
}

test("ids of observables and TLP markings are those of the vectors", needsShared, () => {
  const vectors = JSON.parse(readFileSync(join(shared, "vectors.json"), "utf8"));
  for (const { type, contributing, id } of vectors.sco_ids.cases) {
    assert.equal(observableIds(type)(JSON.stringify(contributing)), id);
  }
  const labels: readonly Tlp[] = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];
  for (const label of labels) {
    const { id, name, created, extensions } = markingDefinition(label);
    assert.equal(id, vectors.tlp_2_0[label.toLowerCase()]);
    assert.deepEqual([name, created], [`TLP:${label}`, "2022-10-01T00:00:00.000Z"]);
    assert.deepEqual(Object.values(extensions), [
      { extension_type: "property-extension", tlp_2_0: label.toLowerCase() },
    ]);
  }
});

const at = (time: string) => Date.parse(`2026-11-10T${time}Z`);
const day = at("00:00:00");

/** The rows from which the golden bundles were made by hand. */
const goldenRows: Readonly<Record<TableGrain, readonly Record<string, Cell>[]>> = {
  "source-day": [
    {
      source_ip: "203.0.113.7",
      service: "socks5",
      abused_port: 1080,
      source_asn: 64_500,
      source_as_name: "EXAMPLE-TW",
      source_economy: "TW",
      day,
      first_seen: at("03:12:44"),
      last_seen: at("21:40:09"),
      captures: 18_231,
      recipients: 166_102,
      exemplars: [
        [at("03:12:44"), 40_001, 1080],
        [at("21:40:09"), 51_544, 1080],
      ],
      classification_identifier: "open-proxy",
    },
  ],
  "target-day": [
    {
      day,
      first_seen: at("00:00:02"),
      last_seen: at("23:59:41"),
      kind: "recipient-domain",
      destination_fqdn: "example.com.tw",
      captures: 9120,
      target_basis: "cctld",
    },
    {
      day,
      first_seen: at("00:00:02"),
      last_seen: at("23:59:41"),
      kind: "target-host",
      destination_ip: "198.51.100.25",
      destination_port: 25,
      destination_asn: 64_501,
      destination_as_name: "EXAMPLE-MX-TW",
      captures: 8044,
    },
  ],
  "url-day": [
    {
      day,
      first_seen: at("01:00:00"),
      last_seen: at("22:10:00"),
      side: "source",
      url_host: "pills.example",
      url: "hxxp://pills.example/buy",
      captures: 40_211,
      sources: 212,
      benign: false,
      redacted_urls: 14,
    },
  ],
  capture: [
    {
      timestamp: at("03:12:44"),
      source_ip: "203.0.113.7",
      source_port: 40_001,
      service: "socks5",
      abused_port: 1080,
      source_asn: 64_500,
      source_as_name: "EXAMPLE-TW",
      recipients: 12,
    },
  ],
};

/** Type, sorted property names, and the values that don't depend on ids, texts or policies. */
function shape({ type, id, value, number, name, start, first_observed, valid_until, ...more }: Parsed) {
  const properties = Object.keys({ value, number, name, start, first_observed, valid_until, ...more });
  const kept = properties.filter(
    (key) => more[key] !== undefined || { value, number, name, start, first_observed, valid_until }[key] !== undefined,
  );
  const stated = { value, number, start, first_observed, valid_until };
  const named = type === "autonomous-system" ? { name } : {};
  const observable = /^(ipv[46]-addr|autonomous-system|domain-name|url|network-traffic)$/.test(type);
  return { type, properties: kept.sort(), ...stated, ...named, ...(observable ? { id } : {}) };
}

for (const grain of grains) {
  test(`${feedOf[grain]} has the objects of its golden bundle`, needsShared, async (t) => {
    const context = contextOf(grain, await temporaryFolder(t));
    const rows = goldenRows[grain].map((cells, n) => ({ key: `k${n}`, cells }));
    const [part] = await render(stixRenderer(context), context.columns, rows);
    assert.ok(part);
    const golden: Bundle = JSON.parse(
      readFileSync(join(shared, "stix-golden", `golden-${feedOf[grain]}.json`), "utf8"),
    );
    const ours = (await bundleOf(part)).objects
      // Beside the golden ones there is the marking CLEAR, for what is constant.
      .filter(({ name }) => name !== "TLP:CLEAR");
    const shapes = (objects: readonly Parsed[]) => objects.map((object) => JSON.stringify(shape(object))).sort();
    assert.deepEqual(shapes(ours), shapes(golden.objects));
  });
}

/** A validator for each type of object, from the OASIS schemas. */
function schemaValidators() {
  // `strict: false` and no unicode expressions: the OASIS schemas ask for both.
  const ajv = new Ajv2020({ strict: false, unicodeRegExp: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat("idn-hostname", isDomainName);
  const root = join(shared, "stix-2.1-schemas");
  for (const folder of ["common", "observables", "sdos", "sros"]) {
    for (const file of readdirSync(join(root, folder))) {
      ajv.addSchema(JSON.parse(readFileSync(join(root, folder, file), "utf8")));
    }
  }
  const base = "http://raw.githubusercontent.com/oasis-open/cti-stix2-json-schemas/stix2.1/schemas";
  return (object: Parsed): string[] => {
    const validate = ["common", "observables", "sdos", "sros"]
      .map((folder) => ajv.getSchema(`${base}/${folder}/${object.type}.json`))
      .find((found) => found !== undefined);
    assert.ok(validate, `no schema for ${object.type}`);
    if (validate(object) === true) return [];
    return (validate.errors ?? []).map((error) => `${object.id} ${error.instancePath} ${error.message}`);
  };
}

test("every object fits the OASIS schema of its type", needsShared, async (t) => {
  const faultsOf = schemaValidators();
  for (const grain of grains) {
    const { bundles } = await made(t, grain, 150);
    for (const object of bundles.flatMap(({ objects }) => objects)) assert.deepEqual(faultsOf(object), []);
  }
});

for (const grain of grains) {
  test(`parts of ${feedOf[grain]} are valid alone and hold all rows`, async (t) => {
    const { parts, bundles, context } = await made(t, grain, 3000);
    assert.ok(grain === "url-day" || parts.length > 1);
    for (const [index, bundle] of bundles.entries()) {
      const part = parts[index];
      assert.ok(part);
      const stem = `${feedOf[grain]}_2026-W46_tlp-amber_part-${String(index + 1).padStart(4, "0")}`;
      assert.deepEqual(
        [part.name, part.part, part.objects, part.mediaType, part.contentEncoding],
        [`${stem}.stix.json.gz`, index + 1, bundle.objects.length, "application/stix+json;version=2.1", "gzip"],
      );
      assert.ok(bundle.objects.length <= 5000);
      const ids = bundle.objects.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, "no id twice in a part");
      assert.deepEqual(dangling(bundle), []);
      const [grouping, ...others] = ofType(bundle, "grouping");
      assert.equal(others.length, 0);
      const constant = new Set(["marking-definition", "identity", "extension-definition", "grouping"]);
      const own = bundle.objects.filter(({ type }) => !constant.has(type));
      assert.deepEqual(
        grouping?.object_refs,
        own.map(({ id }) => id),
      );
    }
    const rowIds = bundles.flatMap((bundle) =>
      ofType(bundle, "observed-data").flatMap((object) => {
        const extension = JSON.parse(JSON.stringify(object.extensions))[extensionId];
        assert.equal(extension.feed, context.feed);
        return extension.exemplar === true ? [] : [extension.row_id];
      }),
    );
    const builtFrom = grain === "url-day" ? 3000 - withoutObjects(3000) : 3000;
    assert.equal(new Set(rowIds).size, rowIds.length);
    assert.equal(rowIds.length, builtFrom);
  });
}

/** Made rows of spam-urls whose host is withheld or no domain name. */
function withoutObjects(count: number): number {
  return madeRows["url-day"](count).filter(({ cells }) => !/^[\da-z.:-]+$/.test(String(cells.url_host ?? "_"))).length;
}

test("objects of a key stay together, and a key that alone fills a part repeats what it shares", async (t) => {
  const exemplars = Array.from({ length: 6000 }, (_, n) => [week.start + n * 1000, 1024 + n, 1080]);
  const source = (ip: string, more: Record<string, Cell>): MadeRow => ({
    key: ip,
    cells: { source_ip: ip, source_asn: 64_500, first_seen: week.start, last_seen: week.end - 1, captures: 1, ...more },
  });
  const rows = [source("203.0.113.6", {}), source("203.0.113.7", { exemplars }), source("203.0.113.8", {})];
  const context = contextOf("source-day", await temporaryFolder(t));
  const bundles = await bundlesOf(await render(stixRenderer(context), context.columns, rows));
  assert.deepEqual(
    bundles.map((bundle) => ofType(bundle, "indicator").map(({ pattern }) => pattern)),
    [
      ["[ipv4-addr:value = '203.0.113.6']"],
      ["[ipv4-addr:value = '203.0.113.7']"],
      ["[ipv4-addr:value = '203.0.113.7']"],
      ["[ipv4-addr:value = '203.0.113.7']", "[ipv4-addr:value = '203.0.113.8']"],
    ],
  );
  const [, first, second, third] = bundles;
  assert.ok(first && second && third);
  assert.deepEqual(ofType(first, "indicator"), ofType(second, "indicator"));
  const flows = [first, second, third].flatMap((bundle) => ofType(bundle, "network-traffic"));
  assert.equal(flows.length, 6000);
  for (const bundle of bundles) {
    assert.ok(bundle.objects.length <= 5000);
    assert.deepEqual(dangling(bundle), []);
  }
});

test("law: chunks of any size give the same parts", async (t) => {
  for (const grain of grains) {
    const rows = madeRows[grain](300);
    const digests = new Set<string>();
    for (const sizes of [[300], [1, 2, 30], [299, 1], [64]]) {
      const context = contextOf(grain, await temporaryFolder(t));
      const parts = await render(stixRenderer(context), context.columns, rows, sizes);
      digests.add(parts.map(({ sha256 }) => sha256).join());
    }
    assert.equal(digests.size, 1);
  }
});

test("a revision keeps ids and rises modified; after a revocation and for another policy ids are others", async (t) => {
  const [first, revised, again, other] = [
    await made(t, "source-day", 20),
    await made(t, "source-day", 20, { modifiedSteps: 3 }),
    await made(t, "source-day", 20, { modifiedSteps: 4, revokes: 1 }),
    await made(t, "source-day", 20, { policyDigest: "60".repeat(32) }),
  ].map(({ bundles }) => bundles[0]);
  assert.ok(first && revised && again && other);
  const versioned = (bundle: Bundle) =>
    bundle.objects.filter(({ type }) => /^(indicator|sighting|observed-data|relationship|grouping)$/.test(type));
  const ids = (bundle: Bundle) => new Set(versioned(bundle).map(({ id }) => id));
  assert.deepEqual(ids(revised), ids(first));
  assert.notEqual(revised.id, first.id);
  for (const [bundle, modified] of [
    [first, "2026-11-16T00:00:00.001Z"],
    [revised, "2026-11-16T00:00:00.003Z"],
  ] as const) {
    for (const object of versioned(bundle)) {
      assert.deepEqual([object.created, object.modified], ["2026-11-16T00:00:00.000Z", modified]);
    }
  }
  assert.deepEqual(common(ids(again), ids(first)), []);
  assert.deepEqual(common(ids(other), ids(first)), []);
  const constant = ({ objects }: Bundle) => objects.slice(0, 4);
  assert.deepEqual(constant(other), constant(first));
  const observables = (bundle: Bundle) =>
    bundle.objects.filter(({ type }) => /-addr$|^network-traffic$|^autonomous-system$/.test(type));
  assert.deepEqual(observables(other), observables(first));
});

test("counts above STIX's limit are capped and stand in the extension as they are", async (t) => {
  const { bundles } = await made(t, "source-day", 10);
  const [bundle] = bundles;
  assert.ok(bundle);
  const capped = ofType(bundle, "observed-data").filter((object) => object.number_observed === 999_999_999);
  assert.equal(capped.length, 1);
  assert.match(JSON.stringify(capped), /"captures":4000000000\b/);
  assert.equal(ofType(bundle, "sighting").filter((object) => object.count === 999_999_999).length, 1);
});

test("an extension holds the row's other columns by name, and no empty cell", async (t) => {
  const { bundles } = await made(t, "capture", 12);
  const [bundle] = bundles;
  assert.ok(bundle);
  const found = ofType(bundle, "observed-data").find((object) => object.first_observed === "2026-11-09T00:00:00Z");
  const extension = JSON.parse(JSON.stringify(found?.extensions))[extensionId];
  assert.deepEqual(extension, {
    extension_type: "property-extension",
    feed: "spam-events",
    row_id: extension.row_id,
    transport: "tcp",
    service: "socks4",
    abused_port: 1080,
    source_economy: "TW",
    request_type: "connect-25",
    destination_ip: "198.51.100.25",
    destination_port: 25,
    destination_asn: 64_501,
    destination_economy: "JP",
    sides: ["source", "target"],
    recipients: 12,
    recipients_yours: 3,
    recipient_domains: ["shop.example:3"],
    mail_from_domain: "bulk.example",
    helo: "mx.example",
    subject: "=1+1",
    language: "zh",
    charset: "big5",
    message_kb: 3,
    body_sha256: "ab".repeat(32),
    attachment_types: ["image/gif", "image/png"],
    attachment_sha256: ["cd".repeat(32), "ef".repeat(32)],
    url_hosts: ["pills.example", "w3.example"],
  });
  assert.doesNotMatch(JSON.stringify(bundle), /\\u00|[\u202e]|sensor-1|capture-/);
});

test("no property of ours reads as a reference, and every column has a form", () => {
  for (const name of fields.keys()) assert.doesNotMatch(name, /_refs?$|_hex$|_bin$/);
  for (const grain of grains) for (const name of grainColumns[grain]) assert.ok(fields.has(name));
});

test("victims get no indicator and no sighting, benign hosts neither", async (t) => {
  const types = (bundles: readonly Bundle[]) =>
    new Set(bundles.flatMap(({ objects }) => objects.map(({ type }) => type)));
  for (const grain of ["target-day", "capture"] as const) {
    const { bundles } = await made(t, grain, 60);
    assert.deepEqual(common(types(bundles), ["indicator", "sighting"]), []);
  }
  const context = contextOf("url-day", await temporaryFolder(t));
  const rows = [{ key: "k", cells: { url_host: "w3.example", day: week.start, captures: 1, benign: true } }];
  const parts = await render(stixRenderer(context), context.columns, rows);
  const left = types(await bundlesOf(parts));
  assert.deepEqual(common(left, ["indicator", "sighting"]), []);
  assert.ok(left.has("domain-name") && left.has("observed-data"));
});

test("one sight alone has no stop_time, and an indicator ends a week after the last", async (t) => {
  const context = contextOf("source-day", await temporaryFolder(t));
  const seen = { first_seen: week.start + 100, last_seen: week.start + 900 };
  const rows = [{ key: "k", cells: { source_ip: "2001:db8::1", source_asn: 64_500, captures: 1, ...seen } }];
  const [bundle] = await bundlesOf(await render(stixRenderer(context), context.columns, rows));
  assert.ok(bundle);
  const [relationship] = ofType(bundle, "relationship");
  assert.equal(relationship?.start_time, "2026-11-09T00:00:00Z");
  assert.equal(relationship && "stop_time" in relationship, false);
  const [indicator] = ofType(bundle, "indicator");
  assert.equal(indicator?.valid_until, "2026-11-16T00:00:00Z");
  assert.equal(indicator?.pattern, "[ipv6-addr:value = '2001:db8::1']");
});

test("an indicator says how much was sent, where the feed does", async (t) => {
  const describe = async (cells: Record<string, Cell>) => {
    const context = contextOf("source-day", await temporaryFolder(t));
    const rows = [1, 2].map((n) => ({ key: `k${n}`, cells: { source_ip: "203.0.113.7", ...cells } }));
    const [bundle] = await bundlesOf(await render(stixRenderer(context), context.columns, rows));
    return String(bundle && ofType(bundle, "indicator")[0]?.description).split(". ")[0];
  };
  const tail = "none delivered, in 2026-W46 (UTC)";
  const full = { captures: 10, recipients: 2_500_000_000n };
  assert.equal(await describe(full), `Sent 20 messages for 5000000000 potential recipients, ${tail}`);
  assert.equal(await describe({}), `Sent messages for potential recipients, ${tail}`);
});

test("where instants are withheld, day or period stands in", async (t) => {
  const spans = async (cells: Record<string, Cell>) => {
    const context = contextOf("source-day", await temporaryFolder(t));
    const rows = [{ key: "k", cells: { source_ip: "203.0.113.7", ...cells } }];
    const [bundle] = await bundlesOf(await render(stixRenderer(context), context.columns, rows));
    const [seen] = bundle ? ofType(bundle, "observed-data") : [];
    return [seen?.first_observed, seen?.last_observed, seen?.number_observed];
  };
  assert.deepEqual(await spans({ day: week.start }), ["2026-11-09T00:00:00Z", "2026-11-09T23:59:59Z", 1]);
  assert.deepEqual(await spans({}), ["2026-11-09T00:00:00Z", "2026-11-15T23:59:59Z", 1]);
  const accepted = { timestamp: week.start + 1000, first_seen: week.start + 5000, captures: 3 };
  assert.deepEqual(await spans(accepted), ["2026-11-09T00:00:05Z", "2026-11-09T00:00:05Z", 3]);
});

test("connections without both ports, and of services unknown for a port, are not made up", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t));
  const cells = { source_ip: "203.0.113.7", timestamp: week.start, abused_port: 1080 };
  const [events] = await bundlesOf(await render(stixRenderer(context), context.columns, [{ key: "k", cells }]));
  assert.ok(events);
  assert.deepEqual(ofType(events, "network-traffic"), []);
  const halves = [{ source_port: 5 }, { abused_port: 1080 }].map((half, n) => ({
    key: `k${n}`,
    cells: { source_ip: "2001:db8::1", timestamp: week.start, ...half },
  }));
  const whole = { ...halves[0]?.cells, abused_port: 1080, source_ip: "2001:db8::1", service: "smtp" };
  const again = contextOf("capture", await temporaryFolder(t));
  const rows = [...halves, { key: "w", cells: whole }];
  const [mixed] = await bundlesOf(await render(stixRenderer(again), again.columns, rows));
  assert.ok(mixed);
  assert.deepEqual(
    ofType(mixed, "network-traffic").map(({ protocols }) => protocols),
    [["ipv6", "tcp", "smtp"]],
  );
  const sources = contextOf("source-day", await temporaryFolder(t));
  const exemplars = [
    [week.start, 5, 1080],
    [week.start, 6, 8080],
  ];
  const row = { key: "k", cells: { source_ip: "203.0.113.7", service: "http", abused_port: 8080, exemplars } };
  const [bundle] = await bundlesOf(await render(stixRenderer(sources), sources.columns, [row]));
  assert.ok(bundle);
  assert.deepEqual(
    ofType(bundle, "network-traffic").map(({ protocols }) => protocols),
    [
      ["ipv4", "tcp"],
      ["ipv4", "tcp", "http"],
    ],
  );
});

test("captures of one address, however far apart, share one statement of its network", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t));
  const rows = ["203.0.113.7", "203.0.113.8", "203.0.113.7"].map((source_ip, n) => ({
    key: `k${n}`,
    cells: { source_ip, timestamp: week.start + n * 60_000, source_asn: 64_500 },
  }));
  const [bundle] = await bundlesOf(await render(stixRenderer(context), context.columns, rows, [1]));
  assert.ok(bundle);
  assert.deepEqual(
    ofType(bundle, "relationship").map((object) => [object.start_time, object.stop_time]),
    [
      ["2026-11-09T00:00:00Z", "2026-11-09T00:02:00Z"],
      ["2026-11-09T00:01:00Z", undefined],
    ],
  );
  assert.equal(ofType(bundle, "autonomous-system").length, 1);
});

test("without rows, with withheld keys and over the limit there is no part, and notes say why", async (t) => {
  const folder = await temporaryFolder(t);
  const empty = stixRenderer(contextOf("source-day", folder));
  assert.deepEqual(await empty.finish(), []);
  assert.deepEqual(empty.notes, []);

  const green = contextOf("source-day", folder, { tlp: "GREEN", columns: ["source_asn", "captures"] });
  const withheld = stixRenderer(green);
  assert.deepEqual(await render(withheld, green.columns, madeRows["source-day"](4)), []);
  assert.match(withheld.notes.join(), /^4 of 4 rows have no STIX objects/);

  for (const [rows, parts] of [
    [50, 1],
    [51, 0],
  ] as const) {
    const limited = contextOf("capture", folder, { stixMaxRows: 50 });
    const renderer = stixRenderer(limited);
    const rendered = await render(renderer, limited.columns, madeRows.capture(rows), [20]);
    assert.equal(rendered.length, parts);
    assert.equal(renderer.notes.join().includes("51 rows, more than the feed's stix_max_rows of 50"), parts === 0);
    await renderer.abort();
  }
  assert.deepEqual(await readdir(folder), []);
});

test("a summary has no STIX form", async (t) => {
  const context = { ...contextOf("capture", await temporaryFolder(t)), grain: "summary" as const };
  assert.throws(() => stixRenderer(context), { code: "internal" });
});

test("a text that names a sensor stops the slice, and abort leaves no part", async (t) => {
  const folder = await temporaryFolder(t);
  const context = contextOf("url-day", folder, { hits: (text) => text.includes("exposed") });
  const renderer = stixRenderer(context);
  const rows = [
    // More parts than may be on their way at once.
    ...madeRows["url-day"](30_000),
    { key: "z", cells: { url_host: "zz.example", url: "hxxp://zz.example/exposed" } },
  ];
  await assert.rejects(render(renderer, context.columns, rows), { code: "sensor-exposed" });
  assert.notDeepEqual(await readdir(folder), []);
  await renderer.abort();
  assert.deepEqual(await readdir(folder), []);
});

async function* contents(parts: readonly RenderedArtifact[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(await contentOf(part));
}

test("a revocation holds each indicator once, revoked, with its id and a later modified", async (t) => {
  const { parts, bundles, context } = await made(t, "source-day", 1500);
  assert.ok(parts.length > 1);
  const later = { ...context, modifiedSteps: 2, revokes: 1 };
  const revoked = await stixRevocation(contents(parts), later);
  assert.deepEqual(
    revoked.map(({ name, part }) => [name, part]),
    [["spam-sources_2026-W46_tlp-amber_revoked-part-0001.stix.json.gz", 1]],
  );
  const [bundle] = await bundlesOf(revoked);
  assert.ok(bundle);
  const before = bundles.flatMap((part) => ofType(part, "indicator"));
  const expected = before.map((indicator) => ({ ...indicator, modified: "2026-11-16T00:00:00.002Z", revoked: true }));
  assert.deepEqual(ofType(bundle, "indicator"), expected);
  assert.deepEqual(dangling(bundle), []);
});

test("a revocation of parts without indicators is nothing, and of something else refused", async (t) => {
  const { parts, context } = await made(t, "target-day", 20);
  assert.deepEqual(await stixRevocation(contents(parts), context), []);
  const strange = async function* () {
    yield Buffer.from("{}");
  };
  await assert.rejects(stixRevocation(strange(), context), { code: "bad-manifest" });
});

test("host names that validators refuse are told from those they allow", () => {
  for (const host of [
    "pills.example",
    "a-b.c1.example",
    "xn--fsq.example",
    "xn--fiqs8s",
    "xn--e1afmkfd.example",
    "1.example",
  ]) {
    assert.equal(isDomainName(host), true, host);
  }
  const refused = [
    "",
    "a_b.example",
    "-a.example",
    "a-.example",
    "a..b",
    "a.example.",
    "ab--c.example",
    "xn--ls8h.example",
  ];
  for (const host of [
    ...refused,
    "xn--bogus-9.example",
    "ev'il.example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(127)}aa`,
  ]) {
    assert.equal(isDomainName(host), false, host);
  }
});

test("defanged URLs become URIs of RFC 3986", () => {
  const cases = [
    ["hxxp://pills.example/buy", "http://pills.example/buy"],
    ["hxxps://pills.example:8443/a|b/[c]/%zz/%41", "https://pills.example:8443/a%7Cb/%5Bc%5D/%25zz/%41"],
    ["hxxp://[2001:db8::1]/x", "http://[2001:db8::1]/x"],
    ["hxxp://pills.example/\ufffd\u514d", "http://pills.example/%EF%BF%BD%E5%85%8D"],
    ["hxxp://a_b.example/", undefined],
    ["ftp://pills.example/", undefined],
    ["", undefined],
  ] as const;
  for (const [url, uri] of cases) assert.equal(uriOf(url), uri);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (path) => {
      assert.match(
        uriOf(`hxxp://pills.example/${path}`) ?? "",
        /^http:\/\/pills\.example\/(?:[\w.~:/@!$&'()*+,;=-]|%[\dA-Fa-f]{2})*$/,
      );
    }),
  );
});

test("a pattern's string keeps its quotes and backslashes to itself", () => {
  assert.equal(patternString("it's a \\ here"), "'it\\'s a \\\\ here'");
});
