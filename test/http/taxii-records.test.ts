/**
 * TAXII 2.1 over a really served store: a test for each requirement on a server that only lets read. The numbers are
 * those of the requirements as this project counts them; the section of the standard stands in front of each. Here: records, their dates and versions, and pages.
 *
 * @see TAXII 2.1, OASIS Standard, 10 June 2021
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  everyLatest,
  firstAdded,
  indicatorA,
  lastAdded,
  listed,
  manifest,
  newVersion,
  objects,
  ofRecords,
  oldVersion,
  published,
} from "./taxii-collection.ts";
import {
  type Answer,
  idOf,
  type MadeObject,
  observable,
  openTaxiiWorld,
  versioned,
  withdrawing,
} from "./taxii-world.ts";

test("20. §3.7: objects come in an envelope, never in a bundle, byte for byte as they were published", async (t) => {
  const world = await published(t);
  const { body, text } = await world.get(objects);
  assert.deepEqual(Object.keys(body), ["objects"]);
  assert.ok(text.includes(JSON.stringify(versioned("indicator", "a", 7))));
});

test("22. §3.3: records ascend by date_added, the oldest first", async (t) => {
  const world = await published(t);
  assert.deepEqual(listed(await world.get(objects)), everyLatest);
  const dates =
    (await world.get(`${manifest}?match[version]=all`)).body.objects?.map(({ date_added }) => String(date_added)) ?? [];
  assert.equal(dates.length, 7);
  assert.deepEqual(dates, [...dates].sort());
});

test("23. §3.2: the headers say when the first and the last record of this answer were added", async (t) => {
  const world = await published(t);
  for (const path of ofRecords) {
    for (const query of ["", "?limit=1", "?match[version]=all"]) {
      const answer = await world.get(path + query);
      assert.ok(firstAdded(answer) && lastAdded(answer), path);
    }
  }
  const dates = async (query: string) =>
    (await world.get(`${manifest}${query}`)).body.objects?.map(({ date_added }) => date_added);
  for (const query of ["", "?limit=2", "?match[version]=all&limit=3", "?match[type]=indicator"]) {
    const [answer, said] = [await world.get(`${objects}${query}`), await dates(query)];
    assert.deepEqual([firstAdded(answer), lastAdded(answer)], [said?.[0], said?.at(-1)], query);
  }
  const empty = await world.get(`${objects}?match[type]=malware`);
  assert.deepEqual([empty.status, firstAdded(empty), lastAdded(empty)], [200, null, null]);
});

test("24. §5.3: a manifest record has id, date, version and media type, one for each version", async (t) => {
  const world = await published(t);
  const { body } = await world.get(`${manifest}?match[version]=all&match[id]=${indicatorA}`);
  const [first, second] = body.objects ?? [];
  assert.deepEqual([first?.version, second?.version], [oldVersion, newVersion]);
  assert.deepEqual(Object.keys(first ?? {}).sort(), ["date_added", "id", "media_type", "version"]);
  assert.equal(first?.media_type, "application/stix+json;version=2.1");
  const marking: MadeObject = {
    type: "marking-definition",
    spec_version: "2.1",
    id: idOf("marking-definition", "m"),
    created: "2022-10-01T00:00:00.000Z",
  };
  await world.publish([[marking]]);
  const created = (await world.get(`${manifest}?match[type]=marking-definition`)).body.objects?.[0];
  assert.equal(created?.version, "2022-10-01T00:00:00.000Z");
});

test("25. §5.8: versions are a list of strings; an object that isn't there is 404", async (t) => {
  const world = await published(t);
  const { body } = await world.get(`${objects}${indicatorA}/versions/`);
  assert.deepEqual(body, { versions: [oldVersion, newVersion] });
  assert.deepEqual((await world.get(`${objects}${indicatorA}/versions/?limit=1`)).body, {
    more: true,
    versions: [oldVersion],
  });
  for (const id of [idOf("indicator", "never"), idOf("malware", "a"), "indicator--1", "x"]) {
    assert.equal((await world.get(`${objects}${id}/versions/`)).status, 404);
    assert.equal((await world.get(`${objects}${id}/`)).status, 404);
  }
  const none = await world.get(`${objects}${indicatorA}/?match[version]=2020-01-01T00:00:00.000Z`);
  assert.deepEqual([none.status, none.body], [200, {}]);
});

test("26. observables have one version, which never changes", async (t) => {
  const world = await published(t);
  const address = `${objects}${idOf("ipv4-addr", "a")}/versions/`;
  const before = (await world.get(address)).body;
  assert.equal(before.versions?.length, 1);
  await world.publish([[observable("ipv4-addr", "a")]]);
  assert.deepEqual((await world.get(address)).body, before);
  const [version] = before.versions ?? [];
  assert.deepEqual(listed(await world.get(`${objects}?match[type]=ipv4-addr&match[version]=${version}`)), [
    idOf("ipv4-addr", "a"),
    idOf("ipv4-addr", "b"),
  ]);
});

test("34. §3.4: the manifest lists exactly what objects gives for the same query", async (t) => {
  const world = await published(t);
  for (const query of [
    "",
    "?match[version]=all",
    "?match[type]=indicator&match[version]=first",
    "?limit=3",
    `?match[id]=${indicatorA}`,
  ]) {
    const ids = (answer: Answer) => answer.body.objects?.map(({ id }) => id);
    assert.deepEqual(ids(await world.get(manifest + query)), ids(await world.get(objects + query)), query);
  }
});

test("35. §3.5: more and next on objects; more alone on manifest and versions", async (t) => {
  const world = await published(t);
  const { body } = await world.get(`${objects}${indicatorA}/?match[version]=all&limit=1`);
  assert.deepEqual([body.more, typeof body.next, body.objects?.length], [true, "string", 1]);
  const rest = await world.get(`${objects}${indicatorA}/?match[version]=all&next=${body.next}`);
  assert.deepEqual(listed(rest), [`${indicatorA} ${newVersion}`]);
  for (const path of [`${manifest}?limit=1`, `${objects}${indicatorA}/versions/?limit=1`]) {
    const answer = await world.get(path);
    assert.deepEqual([answer.body.more, answer.body.next], [true, undefined]);
    const next = await world.get(`${path}&added_after=${lastAdded(answer)}`);
    assert.ok(Date.parse(String(firstAdded(next))) >= Date.parse(String(lastAdded(answer))));
  }
});

test("36. every record has an instant of its own: pages of one by added_after lose nothing of one batch", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish(
    [1, 2].map((part) => Array.from({ length: 20 }, (_, n) => observable("ipv4-addr", `${part} ${n}`))),
  );
  for (const path of [objects, manifest]) {
    const found: string[] = [];
    let after = "2000-01-01T00:00:00.000000Z";
    for (let turns = 0; turns < 100; turns += 1) {
      const answer = await world.get(`${path}?limit=1&added_after=${after}`);
      found.push(...listed(answer).map((line) => line.split(" ")[0] ?? ""));
      after = lastAdded(answer) ?? "";
      if (answer.body.more !== true) break;
    }
    assert.deepEqual(
      found,
      [1, 2].flatMap((part) => Array.from({ length: 20 }, (_, n) => idOf("ipv4-addr", `${part} ${n}`))),
    );
  }
});

test("37. §3.5: what is withdrawn under a reader is gone; more may then be followed by nothing", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a")]]);
  await world.publish([[versioned("indicator", "b")]], {
    period: { every: "week", id: "2026-W45", start: "2026-11-02T00:00:00Z", end: "2026-11-09T00:00:00Z" },
    covers: { from: "2026-11-02T00:00:00Z", to: "2026-11-09T00:00:00Z" },
    revision: 0,
    supersedes: null,
  });
  const { body } = await world.get(`${objects}?limit=1`);
  assert.equal(body.more, true);
  await world.publish([], withdrawing([2]));
  const rest = await world.get(`${objects}?limit=1&next=${body.next}`);
  assert.deepEqual([rest.status, rest.body], [200, {}]);
});
