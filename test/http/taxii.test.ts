/**
 * TAXII 2.1 over a really served store: a test for each requirement on a server that only lets read. The numbers are
 * those of the requirements as this project counts them; the section of the standard stands in front of each. Here: types, credentials, resources and errors.
 *
 * @see TAXII 2.1, OASIS Standard, 10 June 2021
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { collectionId } from "../../src/http/taxii.ts";
import { dayMs } from "../../src/model.ts";
import {
  collection,
  firstAdded,
  indicatorA,
  lastAdded,
  manifest,
  mediaType,
  objects,
  ofRecords,
  published,
  resources,
  root,
} from "./taxii-collection.ts";
import { openTaxiiWorld } from "./taxii-world.ts";

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
