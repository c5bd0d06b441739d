/**
 * TAXII 2.1 over a really served store: a test for each requirement on a server that only lets read. The numbers are
 * those of the requirements as this project counts them; the section of the standard stands in front of each.
 *
 * @see TAXII 2.1, OASIS Standard, 10 June 2021
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { secondsInstant } from "../../src/feed/period.ts";
import { collectionId } from "../../src/http/taxii.ts";
import { dayMs, hourMs } from "../../src/model.ts";
import { microsecondInstant, parseMicroseconds } from "../../src/publication/manifest.ts";
import { testNow } from "../publication/issuer.ts";
import {
  type Answer,
  idOf,
  type MadeObject,
  observable,
  openTaxiiWorld,
  type TaxiiWorld,
  versioned,
  withdrawing,
} from "./taxii-world.ts";

const mediaType = "application/taxii+json;version=2.1";
const root = "/taxii2/feeds/";
const collection = `${root}collections/spam-sources/`;
const objects = `${collection}objects/`;
const manifest = `${collection}manifest/`;

/** Five objects in two parts, the identity in both; then a later version of one, and one more. */
async function published(t: TestContext): Promise<TaxiiWorld> {
  const world = await openTaxiiWorld(t);
  const issuer = versioned("identity", "issuer");
  await world.publish([
    [issuer, observable("ipv4-addr", "a"), versioned("indicator", "a")],
    [issuer, observable("ipv4-addr", "b"), versioned("indicator", "b")],
  ]);
  await world.publish([[issuer, versioned("indicator", "a", 7), observable("domain-name", "c")]]);
  return world;
}

const indicatorA = idOf("indicator", "a");
const [oldVersion, newVersion] = ["2026-11-09T05:00:00.000Z", "2026-11-09T05:00:00.007Z"];

/** What an answer lists: names and versions of objects. */
const listed = ({ status, body }: Answer) => {
  assert.equal(status, 200, JSON.stringify(body));
  return (body.objects ?? []).map(({ id, modified, version }) => `${id} ${modified ?? version ?? ""}`.trim());
};
const everyLatest = [
  `${idOf("identity", "issuer")} ${oldVersion}`,
  idOf("ipv4-addr", "a"),
  idOf("ipv4-addr", "b"),
  `${idOf("indicator", "b")} ${oldVersion}`,
  `${indicatorA} ${newVersion}`,
  idOf("domain-name", "c"),
];
const firstAdded = (answer: Answer) => answer.headers.get("x-taxii-date-added-first");
const lastAdded = (answer: Answer) => answer.headers.get("x-taxii-date-added-last");

/** Every address that answers with records or a resource. */
const resources = [
  "/taxii2/",
  root,
  `${root}collections/`,
  collection,
  manifest,
  objects,
  `${objects}${indicatorA}/`,
  `${objects}${indicatorA}/versions/`,
];
const ofRecords = resources.slice(4);

test("2. §8.2.1: discovery is /taxii2/ at the root of the server and names an API root that is there", async (t) => {
  const world = await openTaxiiWorld(t);
  const { status, body } = await world.get("/taxii2/");
  assert.equal(status, 200);
  assert.deepEqual(body.api_roots, [root]);
  assert.equal((await world.get(root)).status, 200);
});

test("3. §3.1: every path ends in a slash; without it nothing is there", async (t) => {
  const world = await published(t);
  for (const path of resources) {
    assert.equal((await world.get(path)).status, 200, path);
    assert.equal((await world.get(path.slice(0, -1))).status, 404, path);
  }
});

test("4. §3.1: every answer has the media type with its version, errors too", async (t) => {
  const world = await published(t);
  const answers = [
    ...(await Promise.all(resources.map((path) => world.get(path)))),
    await world.get("/taxii2/", { partner: undefined }),
    await world.get("/taxii2/nothing/"),
    await world.get(`${objects}?limit=0`),
    await world.get(objects, { partner: "twcert", headers: { Accept: "text/html" } }),
    await world.get(objects, { partner: "twcert", method: "PUT" }),
    await world.get(objects, { partner: "twcert", method: "POST", body: "{}" }),
    await world.get(objects, { partner: "twcert", method: "HEAD" }),
  ];
  assert.deepEqual(new Set(answers.map(({ headers }) => headers.get("content-type"))), new Set([mediaType]));
  assert.deepEqual(
    answers.slice(resources.length).map(({ status }) => status),
    [401, 404, 400, 406, 405, 403, 200],
  );
});

test("5. §3.1: our media type in Accept is never refused, however it is written", async (t) => {
  const world = await published(t);
  for (const accept of [
    mediaType,
    "application/taxii+json",
    "application/taxii+json; version=2.1",
    'application/taxii+json;version="2.1"',
    "APPLICATION/TAXII+JSON;VERSION=2.1",
    "application/taxii+json;version=2.1;q=0.1",
    "application/taxii+json;version=2.1; Q=0.1, text/html",
    "text/html, application/taxii+json;q=0.5",
    "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
    "application/taxii+json ; charset=utf-8 ; version=2.1",
    "application/*",
    "*/*",
    "text/html, */*;q=0.1",
    "",
  ]) {
    const { status, headers } = await world.get(objects, { partner: "twcert", headers: { Accept: accept } });
    assert.deepEqual([status, headers.get("content-type")], [200, mediaType], accept);
  }
});

test("6. §3.1: a client that takes none of our types is told 406", async (t) => {
  const world = await published(t);
  for (const accept of [
    "application/taxii+json;version=2.0",
    "application/vnd.oasis.taxii+json;version=2.0",
    "application/stix+json;version=2.1",
    "application/xml",
    "text/html",
    "application/taxii+json;version=2.1;q=0",
    "application/taxii+json;version=2.1;q=0, */*",
    "nonsense",
  ]) {
    for (const path of resources) {
      const { status, body } = await world.get(path, { partner: "twcert", headers: { Accept: accept } });
      assert.deepEqual([status, body.http_status], [406, "406"], `${path} ${accept}`);
    }
  }
});

test("7. §3.1: the type of a body that is sent is never the reason of a refusal", async (t) => {
  const world = await published(t);
  for (const type of [mediaType, "application/taxii+json", "application/stix+json;version=2.1"]) {
    const ask = { partner: "twcert", method: "POST", headers: { "Content-Type": type }, body: "{}" };
    assert.equal((await world.get(objects, ask)).status, 403);
  }
});

test("8. §2: dates of TAXII have exactly six decimals", async (t) => {
  const world = await published(t);
  const six = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
  for (const path of ofRecords) {
    const answer = await world.get(path);
    assert.match(firstAdded(answer) ?? "", six, path);
    assert.match(lastAdded(answer) ?? "", six, path);
  }
  for (const { date_added } of (await world.get(manifest)).body.objects ?? []) assert.match(String(date_added), six);
});

test("9. §2: ids of collections are UUIDs of version 4, the same for ever, another for each partner and feed", async (t) => {
  const world = await published(t);
  const ids = async (partner: string) =>
    (await world.get(`${root}collections/`, { partner })).body.collections?.map(({ id }) => id);
  const [first, others] = [await ids("twcert"), await ids("ncc")];
  await world.restart();
  assert.deepEqual(await ids("twcert"), first);
  const all = [...(first ?? []), ...(others ?? [])];
  assert.equal(new Set(all).size, 4);
  for (const id of all) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(collectionId("twcert", "spam-sources"), "525fafaa-e20a-495e-8aed-740b032be8e3");
});

test("10. §2: no list is ever empty; the member is left out", async (t) => {
  const world = await published(t);
  assert.deepEqual((await world.get(`${root}collections/`, { partner: "plain" })).body, {});
  assert.deepEqual((await world.get(objects, { partner: "ncc" })).body, {});
  const none = "added_after=2030-01-01T00:00:00.000000Z";
  for (const path of ofRecords) assert.deepEqual((await world.get(`${path}?${none}`)).body, {}, path);
});

test("11. §3.8: resources have the members that the standard names, each once", async (t) => {
  const world = await published(t);
  const members = async (path: string) => Object.keys((await world.get(path)).body).sort();
  assert.deepEqual(await members("/taxii2/"), ["api_roots", "default", "description", "title"]);
  assert.deepEqual(await members(root), ["description", "max_content_length", "title", "versions"]);
  const ofCollection = ["alias", "can_read", "can_write", "description", "id", "media_types", "title"];
  assert.deepEqual(await members(collection), ofCollection);
  assert.deepEqual(await members(`${objects}?limit=1`), ["more", "next", "objects"]);
  assert.deepEqual(await members(`${manifest}?limit=1`), ["more", "objects"]);
  const { text } = await world.get(`${objects}?limit=1`);
  assert.equal(text.match(/"more"/g)?.length, 1);
});

test("12. §8.2.1: a request without User-Agent is answered", async (t) => {
  const world = await published(t);
  const headers = { Authorization: `Bearer ${await world.token("twcert")}` };
  const status = await new Promise((resolve, reject) => {
    request(`${world.url}/taxii2/`, { headers }, (answer) => resolve(answer.resume().statusCode))
      .on("error", reject)
      .end();
  });
  assert.equal(status, 200);
});

test("13. §1.6.9: without credentials, or with bad ones, 401 names both ways in", async (t) => {
  const world = await published(t);
  const basic = (pair: string) => ({ Authorization: `Basic ${Buffer.from(pair).toString("base64")}` });
  const token = await world.token("twcert");
  for (const headers of [
    {},
    basic("twcert:wrong"),
    basic(token),
    { Authorization: "Bearer x.y.z" },
    { Authorization: `Token ${token}` },
  ]) {
    for (const path of [...resources, "/taxii2/nothing/", "/taxii2"]) {
      const { status, headers: said } = await world.get(path, { partner: undefined, headers });
      assert.equal(status, 401, path);
      assert.match(said.get("www-authenticate") ?? "", /Bearer realm=.*Basic realm=/);
    }
  }
  const { status } = await world.get(`/taxii2/?access_token=${token}`, { partner: undefined });
  assert.equal(status, 401);
});

test("14. §8.2.2: HTTP Basic with a token as the password comes in, and discovery says so", async (t) => {
  const world = await published(t);
  const token = await world.token("twcert");
  for (const user of ["twcert", "", "anyone"]) {
    const headers = { Authorization: `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}` };
    const { status, body } = await world.get("/taxii2/", { partner: undefined, headers });
    assert.equal(status, 200);
    assert.match(body.description ?? "", /Basic .* token .* as the password/);
  }
});

test("15. §1.6.9: collections are those of the client alone", async (t) => {
  const world = await published(t);
  const { body } = await world.get(`${root}collections/`, { partner: "ncc" });
  assert.deepEqual(
    body.collections?.map(({ id }) => id),
    ["spam-sources", "spam-targets"].map((feed) => collectionId("ncc", feed)),
  );
});

test("16. §4.1: the default is one of the API roots; each is absolute and of https, or a path from the server's root", async (t) => {
  const world = await openTaxiiWorld(t);
  const { body } = await world.get("/taxii2/");
  assert.ok(body.title);
  assert.ok(body.api_roots?.includes(String(body.default)));
  for (const url of body.api_roots ?? []) assert.match(url, /^(https:\/\/[^/?#]+)?\/(?!\/)(?!.*\.\.)[^?#]*\/$/);
});

test("17. §4.2: the API root has a title, its version and a positive length; another root is 404", async (t) => {
  const world = await openTaxiiWorld(t);
  const { body } = await world.get(root);
  assert.ok(body.title);
  assert.deepEqual(body.versions, [mediaType]);
  assert.ok(Number.isSafeInteger(body.max_content_length) && Number(body.max_content_length) > 0);
  for (const path of [
    "/taxii2/other/",
    "/taxii2/other/collections/",
    `${root}status/2d086da7-4bdc-4f91-900e-d77486753710/`,
  ])
    assert.equal((await world.get(path)).status, 404);
  const long = { partner: "twcert", method: "POST", body: "x".repeat(100_000) };
  assert.equal((await world.get(objects, long)).status, 403);
});

test("18. §5.2: a collection says what this client may do, and its alias stands for its id", async (t) => {
  const world = await published(t);
  const { body } = await world.get(collection);
  assert.deepEqual(
    [body.id, body.alias, body.can_read, body.can_write, body.media_types],
    [collectionId("twcert", "spam-sources"), "spam-sources", true, false, ["application/stix+json;version=2.1"]],
  );
  assert.ok(body.title);
  const byId = `${root}collections/${body.id}/`;
  for (const rest of ["", "objects/", "manifest/", `objects/${indicatorA}/versions/`])
    assert.equal((await world.get(byId + rest)).text, (await world.get(collection + rest)).text);
});

test("19. §3.3: collections come in the same order; one that isn't there is 404, as one of another's", async (t) => {
  const world = await published(t);
  const order = async () => (await world.get(`${root}collections/`)).body.collections?.map(({ alias }) => alias);
  assert.deepEqual(await order(), ["spam-sources", "spam-targets"]);
  assert.deepEqual(await order(), await order());
  const foreign = collectionId("ncc", "spam-sources");
  for (const id of [foreign, "00000000-0000-4000-8000-000000000000", "spam-events", "summary", "%2e%2e%2f"]) {
    for (const rest of ["", "objects/", "manifest/", `objects/${indicatorA}/`, `objects/${indicatorA}/versions/`])
      assert.equal((await world.get(`${root}collections/${id}/${rest}`)).status, 404, id + rest);
  }
});

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

test("38. §3.6: an error has a title and its status as a string", async (t) => {
  const world = await published(t);
  const asks = [
    await world.get(`${objects}?limit=0`),
    await world.get("/taxii2/", { partner: undefined }),
    await world.get(objects, { partner: "twcert", method: "POST", body: "{}" }),
    await world.get("/taxii2/no/"),
    await world.get(objects, { partner: "twcert", method: "DELETE" }),
    await world.get(objects, { partner: "twcert", headers: { Accept: "text/html" } }),
  ];
  assert.deepEqual(
    asks.map(({ status }) => status),
    [400, 401, 403, 404, 405, 406],
  );
  for (const { status, body } of asks) {
    assert.ok(typeof body.title === "string" && body.title !== "");
    assert.equal(body.http_status, String(status));
  }
});

test("39. §3.6: a partner whose agreement is over is told 403, on every path alike", async (t) => {
  const world = await published(t);
  world.advance(300 * dayMs); // the agreements end with June 2027
  const answers = await Promise.all([...resources, "/taxii2/nothing/"].map((path) => world.get(path)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([403]));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
});

test("40. and 42. a collection that can't be written says 403 to its reader, 404 to others", async (t) => {
  const world = await published(t);
  const foreign = `${root}collections/${collectionId("ncc", "spam-sources")}/objects/`;
  const statusOf = async (path: string, method: string) =>
    (await world.get(path, { partner: "twcert", method })).status;
  assert.equal(await statusOf(objects, "POST"), 403);
  assert.equal(await statusOf(`${objects}${indicatorA}/`, "DELETE"), 403);
  assert.equal(await statusOf(foreign, "POST"), 404);
  assert.equal(await statusOf(`${foreign}${indicatorA}/`, "DELETE"), 404);
  assert.equal((await world.get(objects)).body.objects?.length, 6);
});

test("41. §4.3: there are no status resources", async (t) => {
  const world = await published(t);
  assert.equal((await world.get(`${root}status/2d086da7-4bdc-4f91-900e-d77486753710/`)).status, 404);
});

test("43. other methods are 405 with Allow; HEAD is a GET without its body", async (t) => {
  const world = await published(t);
  for (const path of resources) {
    const wrong = path === objects ? ["PUT", "DELETE", "PATCH"] : ["PUT", "POST", "PATCH"];
    for (const method of wrong) {
      const { status, headers } = await world.get(path, { partner: "twcert", method });
      assert.deepEqual([status, headers.get("allow")], [405, "GET, HEAD"], `${method} ${path}`);
    }
    const [get, head] = [await world.get(path), await world.get(path, { partner: "twcert", method: "HEAD" })];
    assert.deepEqual([head.status, head.text], [200, ""]);
    for (const name of ["content-length", "content-type", "x-taxii-date-added-first", "x-taxii-date-added-last"])
      assert.equal(head.headers.get(name), get.headers.get(name), name);
  }
});

test("an id and version is a record once: of the earliest publication that still holds it", async (t) => {
  const world = await openTaxiiWorld(t);
  const same = [versioned("indicator", "a"), observable("ipv4-addr", "a")];
  const first = await world.publish([same]);
  const second = await world.publish([[...same, versioned("indicator", "b")]]);
  const dates = async () =>
    (await world.get(`${manifest}?match[version]=all`)).body.objects?.map(({ date_added }) =>
      parseMicroseconds(String(date_added)),
    );
  const [one, two] = [first, second].map(({ published_at }) => parseMicroseconds(published_at));
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(await dates(), [one, one + 1, two + 2]);
  await world.publish([], withdrawing([1]));
  assert.deepEqual(await dates(), [two, two + 1, two + 2]);
  await world.publish([], withdrawing([2]));
  assert.deepEqual((await world.get(objects)).body, {});
});

test("a withdrawal that revokes has the revoked versions, and these are the newest", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a"), observable("ipv4-addr", "a")]]);
  await world.publish([[versioned("indicator", "a", 1, { revoked: true })]], withdrawing([1], true));
  const { body } = await world.get(`${objects}?match[version]=all`);
  assert.deepEqual(body.objects, [versioned("indicator", "a", 1, { revoked: true })]);
});

test("expired objects are gone the moment they expire, and the index forgets them", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a")]], { retain_until: secondsInstant(testNow + hourMs) });
  await world.publish([[versioned("indicator", "b")]]);
  assert.equal(listed(await world.get(objects)).length, 2);
  world.advance(hourMs);
  assert.deepEqual(listed(await world.get(objects)), [`${idOf("indicator", "b")} ${oldVersion}`]);
  assert.equal((await world.get(`${objects}${indicatorA}/`)).status, 404);
});

test("the newer version wins by modified, also where it was published earlier", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a", 5)]]);
  await world.publish([[versioned("indicator", "a", 2)]]);
  const at = (step: number) => versioned("indicator", "a", step).modified;
  assert.deepEqual(listed(await world.get(objects)), [`${indicatorA} ${at(5)}`]);
  assert.deepEqual(listed(await world.get(`${objects}?match[version]=first`)), [`${indicatorA} ${at(2)}`]);
});

test("what a page was cut from has a receipt each, and a HEAD or a manifest has none", async (t) => {
  const world = await published(t);
  for (const [path, method] of [
    [objects, "HEAD"],
    [manifest, "GET"],
  ] as const)
    await world.get(path, { partner: "twcert", method });
  await world.get(objects);
  const answer = await fetch(`${world.url}/v1/receipts`, {
    headers: { Authorization: `Bearer ${await world.token("twcert")}` },
  });
  const { receipts }: { receipts: { sequence: number; how: string; sha256: string; artifact?: string }[] } = JSON.parse(
    await answer.text(),
  );
  assert.deepEqual(receipts.map(({ sequence, how, artifact }) => [sequence, how, artifact]).sort(), [
    [1, "taxii", undefined],
    [2, "taxii", undefined],
  ]);
});

test("an index that is gone, is of another form or is damaged is made again", async (t) => {
  const world = await published(t);
  const before = (await world.get(objects)).text;
  const path = join(world.index, "twcert", "spam-sources.sqlite");
  for (const content of ["no database at all", "", Buffer.alloc(8192, 7)]) {
    await world.restart();
    await writeFile(path, content);
    assert.equal((await world.get(objects)).text, before);
  }
});

test("a part that isn't what was signed is not handed out", async (t) => {
  const world = await published(t);
  await world.get(objects);
  const files: string[] = [];
  for await (const { key } of world.issuer.store.list("partners/twcert/spam-sources/artifacts/"))
    files.push(join(world.issuer.root, key));
  // A byte of the header that says nothing of the content: only the digest tells.
  for (const path of files) {
    const bytes = await readFile(path);
    bytes[9] = (bytes[9] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }
  const changed = await world.get(objects);
  assert.deepEqual([changed.status, changed.body.objects], [500, undefined]);
  for (const path of files) await writeFile(path, "other bytes, of another length");
  const cut = await world.get(objects);
  assert.deepEqual([cut.status, cut.body.objects], [503, undefined]);
  assert.equal((await world.get(manifest)).status, 200);
});
