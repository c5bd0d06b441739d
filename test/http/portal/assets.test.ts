/** What every page loads: there for anybody, kept by browsers, and all that a page names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, openServed } from "../served.ts";

test("whatever the sign-in page loads is there without a session, and told to be unchanged by its digest", async (t) => {
  const { url } = await openServed(t);
  const page = await ask(`${url}/portal/sign-in`);
  const places = [...page.text.matchAll(/<(?:link|script)\b[^>]*\b(?:href|src)="([^"]+)"/g)].map(([, place]) => place);
  assert.deepEqual(places, ["/portal/style.css", "/portal/icon.svg", "/portal/sign-in.js"]);
  const types: (string | null)[] = [];
  for (const place of places) {
    const { status, headers } = await ask(`${url}${place}`);
    assert.equal(status, 200);
    types.push(headers.get("content-type"));
    const again = await ask(`${url}${place}`, { headers: { "If-None-Match": headers.get("etag") ?? "" } });
    assert.deepEqual([again.status, again.text], [304, ""]);
  }
  assert.deepEqual(types, ["text/css", "image/svg+xml", "text/javascript; charset=utf-8"]);
});
