/** Cells of bodies: the same for each copy, made anew where other tables came into force or something else is attached. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyRows } from "../../../src/lake/rows/body-cells.ts";

let asked = 0;
const rows = new BodyRows(
  {
    era: (at) => Math.floor(at / 1000),
    url: (href, at) => {
      asked += 1;
      return href.startsWith("http") ? { url: href, host: "h.example", economy: at < 1000 ? "TW" : "JP" } : undefined;
    },
  },
  (text) => text.includes("trap"),
);
const shown = ({ linkCells, attachmentCells, ...rest }: ReturnType<BodyRows["cells"]>) => ({
  ...rest,
  links: Buffer.from(linkCells).toString(),
  attached: Buffer.from(attachmentCells).toString(),
});
const file = (type: string) => [{ type, bytes: 3, sha256: "ab" }];

test("a copy of a body has its cells without anything being asked again", () => {
  const body = { urls: ["http://a/", "ftp://b/"], attachments: file("image/gif") };
  const first = rows.cells(body, 5);
  assert.equal(asked, 2);
  const { links, attached, probe, urlEconomies } = shown(first);
  assert.equal(links, "TW\thttp://a/\u001fh.example\u001f\u001f\u001f\u001fTW\u001f\t");
  assert.equal(attached, "image/gif\u001f3\u001fab\t");
  assert.deepEqual([probe, urlEconomies], [false, ["TW"]]);
  assert.equal(rows.cells({ ...body }, 6), first);
  assert.equal(asked, 2);
});

test("other tables, other attachments and another body each make their own", () => {
  const body = { urls: ["http://a/"], attachments: file("image/gif") };
  assert.deepEqual(shown(rows.cells(body, 999)).urlEconomies, ["TW"]);
  assert.deepEqual(shown(rows.cells(body, 1000)).urlEconomies, ["JP"]);
  assert.match(shown(rows.cells({ ...body, attachments: file("text/x") }, 1000)).attached, /^text\/x/);
  assert.notEqual(rows.cells({ ...body, urls: ["http://a/"] }, 1000), rows.cells(body, 1000));
});

test("a sensor in a link or a type of attachment is told", () => {
  assert.equal(rows.cells({ urls: ["http://trap/"], attachments: [] }, 5).probe, true);
  assert.equal(rows.cells({ urls: [], attachments: file("x/trap") }, 5).probe, true);
  assert.equal(rows.cells({ urls: ["ftp://trap/"], attachments: [] }, 5).probe, false);
});
