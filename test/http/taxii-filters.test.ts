/**
 * TAXII 2.1 over a really served store: a test for each requirement on a server that only lets read. The numbers are
 * those of the requirements as this project counts them; the section of the standard stands in front of each. Here: filters, page sizes and cursors.
 *
 * @see TAXII 2.1, OASIS Standard, 10 June 2021
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { microsecondInstant, parseMicroseconds } from "../../src/publication/manifest.ts";
import {
  everyLatest,
  indicatorA,
  listed,
  manifest,
  newVersion,
  objects,
  ofRecords,
  oldVersion,
  published,
  root,
} from "./taxii-collection.ts";
import { idOf, observable, openTaxiiWorld, versioned } from "./taxii-world.ts";

test("27. §3.4: added_after is strictly after, by microseconds of TAXII's own date, and given once", async (t) => {
  const world = await published(t);
  const all = (await world.get(manifest)).body.objects ?? [];
  for (const [place, { date_added }] of all.entries()) {
    const after = await world.get(`${objects}?added_after=${date_added}`);
    assert.deepEqual(listed(after), everyLatest.slice(place + 1));
    const one = `${objects}${all[place]?.id}/?added_after=`;
    assert.deepEqual(listed(await world.get(`${one}${date_added}`)), []);
    const before = microsecondInstant(parseMicroseconds(String(date_added)) - 1);
    assert.deepEqual(listed(await world.get(`${objects}?added_after=${before}`)), everyLatest.slice(place));
    assert.equal(listed(await world.get(`${one}${before}`)).length, 1);
  }
  assert.equal(listed(await world.get(`${objects}?added_after=2026-11-16T06:00:00Z`)).length, 6);
  for (const wrong of [
    "",
    "yesterday",
    "2026-11-16",
    "2026-11-16T06:00:00",
    "2026-11-16T06:00:00+00:00",
    "2026-02-30T06:00:00.000000Z",
    "2026-11-16T25:00:00.000000Z",
    "2026-11-16T06:00:00.0000001Z",
    "1763273000",
  ]) {
    for (const path of ofRecords)
      assert.equal(
        (await world.get(`${path}?added_after=${encodeURIComponent(wrong)}`)).status,
        400,
        `${path} ${wrong}`,
      );
  }
  const twice = "added_after=2026-11-16T06:00:00.000000Z";
  assert.equal((await world.get(`${objects}?${twice}&${twice}`)).status, 400);
});

test("28. §3.4: limit is a whole number above 0; what fits is given whole, and without more", async (t) => {
  const world = await published(t);
  for (const wrong of ["0", "00", "-1", "abc", "1.5", "", "1e3", "0x10", "+5", "%20", "1,2"]) {
    for (const path of ofRecords)
      assert.equal((await world.get(`${path}?limit=${wrong}`)).status, 400, `${path} ${wrong}`);
  }
  assert.equal((await world.get(`${objects}?limit=1&limit=1`)).status, 400);
  for (let limit = 1; limit <= 8; limit += 1) {
    for (const path of [objects, manifest]) {
      const { body } = await world.get(`${path}?limit=${limit}`);
      assert.deepEqual([body.objects?.length, body.more], [Math.min(limit, 6), limit < 6 ? true : undefined]);
    }
  }
  assert.equal((await world.get(`${objects}?limit=${"9".repeat(40)}`)).body.objects?.length, 6);
});

test("28. §3.4: the server's own bound is 5,000 records, and 1,000 without a limit", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish(
    [1, 2].map((part) => Array.from({ length: 3000 }, (_, n) => observable("ipv4-addr", `${part} ${n}`))),
  );
  const sizes = async (query: string) => (await world.get(`${objects}${query}`)).body.objects?.length;
  assert.deepEqual([await sizes("?limit=6000"), await sizes("")], [5000, 1000]);
  const { body } = await world.get(`${objects}?limit=6000`);
  assert.deepEqual(
    [body.more, (await world.get(`${objects}?limit=6000&next=${body.next}`)).body.objects?.length],
    [true, 1000],
  );
});

test("29. §3.5 and appendix B: a next that is forged, foreign or of another question yields nothing", async (t) => {
  const world = await published(t);
  const { publish } = world;
  await publish([[versioned("indicator", "secret"), versioned("indicator", "other")]], {}, { partner: "ncc" });
  const own = (await world.get(`${objects}?limit=2`)).body.next ?? "";
  const foreign = (await world.get(`${objects}?limit=1`, { partner: "ncc" })).body.next ?? "";
  assert.deepEqual(listed(await world.get(`${objects}?next=${own}`)), everyLatest.slice(2));
  assert.deepEqual(listed(await world.get(`${objects}?next=${own}&limit=2`)), everyLatest.slice(2, 4));
  const bytes = Buffer.from(own, "base64url");
  const flipped = Array.from(bytes, (_, place) => {
    const changed = Buffer.from(bytes);
    changed[place] = (changed[place] ?? 0) ^ 0x80;
    return changed.toString("base64url");
  });
  for (const next of [
    foreign,
    "",
    "0",
    "AAAA",
    `${own}=`,
    `${own}A`,
    own.slice(1),
    ...flipped.slice(8),
    "../../ncc",
    "%00",
  ]) {
    const { status } = await world.get(`${objects}?next=${encodeURIComponent(next)}`);
    assert.equal(status, 400, next);
  }
  // The place within it is no secret: whoever changes it reads the same collection from elsewhere.
  for (const next of flipped.slice(0, 8)) {
    const answer = await world.get(`${objects}?next=${next}`);
    if (answer.status === 200) for (const line of listed(answer)) assert.ok(everyLatest.includes(line));
    else assert.equal(answer.status, 400);
  }
  for (const query of [
    "match[type]=indicator",
    "match[version]=all",
    "added_after=2026-11-16T06:00:00.000000Z",
    "match[spec_version]=2.0",
  ])
    assert.equal((await world.get(`${objects}?next=${own}&${query}`)).status, 400, query);
  const elsewhere = [manifest, `${root}collections/spam-targets/objects/`, `${objects}${indicatorA}/`];
  for (const path of elsewhere) assert.equal((await world.get(`${path}?next=${own}`)).status, 400, path);
  assert.equal((await world.get(`${objects}?next=${own}&next=${own}`)).status, 400);
});

test("30. §3.4: fields are AND, commas are OR, each field once, however brackets and commas are encoded", async (t) => {
  const world = await published(t);
  const [a, b] = [indicatorA, idOf("indicator", "b")];
  const ask = async (query: string, path = objects) =>
    listed(await world.get(`${path}?${query}`)).map((line) => line.split(" ")[0]);
  for (const path of [objects, manifest]) {
    assert.deepEqual(await ask(`match[id]=${b}`, path), [b]);
    assert.deepEqual(await ask(`match[id]=${a},${b}`, path), [b, a]);
    assert.deepEqual(await ask(`match%5Bid%5D=${a}%2C${b}`, path), [b, a]);
    assert.deepEqual(await ask(`match[id]=${a},${b},${a}`, path), [b, a]);
    assert.deepEqual(await ask("match[type]=indicator", path), [b, a]);
    assert.deepEqual(await ask("match[type]=domain-name,identity", path), [
      idOf("identity", "issuer"),
      idOf("domain-name", "c"),
    ]);
    assert.deepEqual(await ask(`match[type]=identity&match[id]=${a}`, path), []);
    assert.deepEqual(await ask(`match[type]=indicator&match[version]=${newVersion}`, path), [a]);
    assert.deepEqual(await ask(`match[version]=${oldVersion}`, path), [idOf("identity", "issuer"), a, b]);
    for (const wrong of [
      "match[id]=",
      "match[id]=x",
      `match[id]=${a},`,
      "match[type]=",
      "match[type]=,",
      "match[type]=Upper Case",
      "match[version]=",
      "match[version]=newest",
      "match[version]=2026-11-09",
      "match[spec_version]=",
      "match[spec_version]=two",
    ])
      assert.equal((await world.get(`${path}?${wrong}`)).status, 400, wrong);
    for (const field of [`id]=${a}`, "type]=indicator", "version]=all", "spec_version]=2.1"])
      assert.equal((await world.get(`${path}?match[${field}&match[${field}`)).status, 400, field);
  }
  for (const path of [`${objects}${a}/`, `${objects}${a}/versions/`])
    assert.equal((await world.get(`${path}?match[spec_version]=x`)).status, 400);
  assert.equal((await world.get(`${objects}${a}/?match[version]=x`)).status, 400);
});

test("31. §3.4: match[version] is first, last, all or exact, mixed; all stands alone; nothing twice", async (t) => {
  const world = await published(t);
  await world.publish([[versioned("indicator", "a", 9)]]);
  const newest = "2026-11-09T05:00:00.009Z";
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["", [newest]],
    ["?match[version]=last", [newest]],
    ["?match[version]=first", [oldVersion]],
    ["?match[version]=all", [oldVersion, newVersion, newest]],
    ["?match[version]=first,last", [oldVersion, newest]],
    [`?match[version]=${newVersion}`, [newVersion]],
    [`?match[version]=${newVersion},last`, [newVersion, newest]],
    [`?match[version]=first,${oldVersion}`, [oldVersion]],
    ["?match[version]=2026-11-09T05:00:00Z", [oldVersion]],
    ["?match[version]=2026-11-09T05:00:00.007001Z", []],
  ];
  for (const [query, versions] of cases) {
    const wanted = versions.map((version) => `${indicatorA} ${version}`);
    assert.deepEqual(listed(await world.get(`${objects}${indicatorA}/${query}`)), wanted, query);
    const among = `${objects}${query === "" ? "?" : `${query}&`}`;
    assert.deepEqual(listed(await world.get(`${among}match[id]=${indicatorA}`)), wanted, query);
    assert.deepEqual(
      listed(await world.get(`${among}match[type]=indicator`)).filter((line) => line.startsWith(indicatorA)),
      wanted,
      query,
    );
  }
  for (const wrong of [
    "all,last",
    "last,last",
    "first,first",
    `${oldVersion},${oldVersion}`,
    `${oldVersion},2026-11-09T05:00:00Z`,
    "last,",
    "Last",
  ])
    assert.equal((await world.get(`${objects}?match[version]=${wrong}`)).status, 400, wrong);
});

test("32. §3.4: all that is here is of STIX 2.1; who asks for another version alone gets nothing", async (t) => {
  const world = await published(t);
  for (const [query, count] of [
    ["2.1", 6],
    ["2.0", 0],
    ["2.0,2.1", 6],
    ["1.2", 0],
  ] as const) {
    assert.equal(listed(await world.get(`${objects}?match[spec_version]=${query}`)).length, count);
    assert.equal(listed(await world.get(`${manifest}?match[spec_version]=${query}`)).length, count);
    const { body } = await world.get(`${objects}${indicatorA}/versions/?match[spec_version]=${query}`);
    assert.equal(body.versions?.length ?? 0, count === 0 ? 0 : 2);
    assert.equal(
      listed(await world.get(`${objects}${indicatorA}/?match[spec_version]=${query}`)).length,
      count === 0 ? 0 : 1,
    );
  }
});

test("33. §3.4: types that aren't here are no error, and match fields that nobody knows are left aside", async (t) => {
  const world = await published(t);
  for (const type of ["malware", "x-custom-thing", "email-message"])
    assert.deepEqual(listed(await world.get(`${objects}?match[type]=${type}`)), []);
  for (const query of ["match[confidence-gte]=50", "match[x]=", "match[name]=%00", "colour=blue", "match=1", "%zz=%zz"])
    assert.deepEqual(listed(await world.get(`${objects}?${query}`)), everyLatest);
});
