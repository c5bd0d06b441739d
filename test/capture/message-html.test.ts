/**
 * Visible text of HTML, and URLs out of text and HTML.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeEntities, looksLikeHtml, readHtml } from "../../src/capture/html.ts";
import { UrlCollector } from "../../src/capture/links.ts";

const visible = (source: string): string => readHtml(source).text.replace(/\s+/g, " ").trim();

test("tags, comments, scripts, styles and titles aren't shown; blocks part words, other tags don't", () => {
  const source =
    "<!DOCTYPE html><html><head><title>Untitled</title><style>p{x}</style></head><body><p>One<br>two</p>" +
    "<script>var a = '<b>no</b>';</script>V<b></b>ia<xyz>g</xyz>r<!-- x > y -->a<td>three</td></body>";
  assert.equal(visible(source), "One two Viagra three");
});

test("broken markup shows what a reader would", () => {
  assert.equal(visible("1 < 2 & 3 <4"), "1 < 2 & 3 <4");
  assert.equal(visible('a<img alt="x > y">b<a title=it\'s>c</a>'), "a bc");
  assert.equal(visible('a<a href="never closed>b c'), "ab c");
  assert.equal(visible("a<!-- never closed > b"), "a b");
  assert.equal(visible("a<script>never closed"), "a");
  assert.equal(visible("a</>b<?xml x?>c<!>d"), "abcd");
  assert.equal(visible("a<b"), "a");
});

test("entities", () => {
  const text =
    "&lt;a&gt; &amp;amp; &eacute;&#233;&#xE9; &nbsp;&euro;&#146; &commat; &unknown; &#0;&#xD800;&#99999999; &copy 1&";
  assert.equal(decodeEntities(text), "<a> &amp; ééé \u00a0€’ @ &unknown; \ufffd\ufffd\ufffd © 1&");
});

test("text without a type is HTML where it begins so", () => {
  for (const text of ["<html>", "  \n<BODY bgcolor=x>", "<!DOCTYPE HTML PUBLIC>", "<table >"]) {
    assert.equal(looksLikeHtml(text), true, text);
  }
  for (const text of ["Hello <html>", "<hello@example.com>", "< p>", ""])
    assert.equal(looksLikeHtml(text), false, text);
});

function urlsOf(text: string): readonly string[] {
  const urls = new UrlCollector();
  urls.text(text);
  return urls.urls;
}

function linkOf(value: string): string | undefined {
  const urls = new UrlCollector();
  urls.link(value);
  return urls.urls[0];
}

test("URLs in running text, without user-info, query and fragment, each once", () => {
  const text =
    "Visit http://Example.COM/Path?id=victim@example.org#x, (https://user:pass@example.net:8443/a/../b). " +
    "WWW.example.org/x; http://example.com/Path http://example.com:80 ftp://no.example mailto:a@b.c user@www.example.com";
  assert.deepEqual(urlsOf(text), [
    "http://example.com/Path",
    "https://example.net:8443/b",
    "http://www.example.org/x",
    "http://example.com/",
  ]);
});

test("a URL in Chinese or Japanese text ends where that text goes on", () => {
  assert.deepEqual(urlsOf("請上http://example.tw/a查詢。www.example.tw/b（特價）"), [
    "http://example.tw/a",
    "http://www.example.tw/b",
  ]);
  assert.deepEqual(urlsOf("http://例え.jp/ http://пример.рф/путь"), [
    "http://xn--r8jz45g.jp/",
    "http://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C",
  ]);
});

test("links: what a browser makes of disguised hosts and broken lines", () => {
  const links = {
    "http://0x7f.1/": "http://127.0.0.1/",
    "http://2130706433/a": "http://127.0.0.1/a",
    "http://%65xample.com/": "http://example.com/",
    " \n ht\ntp://exa\tmple.com/\r\n": "http://example.com/",
    "http:\\\\example.com\\a": "http://example.com/a",
    "HTTPS:example.com": "https://example.com/",
    "//example.com/x": "http://example.com/x",
    "www.example.com": "http://www.example.com/",
    "http://good.example@evil.example/": "http://evil.example/",
    "http://evil.example?@good.example/": "http://evil.example/",
    "http://ｅｘａｍｐｌｅ．com/": "http://example.com/",
    "http://[::1]/": "http://[::1]/",
  };
  for (const [written, url] of Object.entries(links)) assert.equal(linkOf(written), url, written);
  for (const written of ["", "#top", "mailto:a@b.c", "javascript:alert(1)", "cid:x", "http://", "http://a b/", "/x"]) {
    assert.equal(linkOf(written), undefined, written);
  }
});

test("values of href, src, action and background are links, decoded, however they are quoted", () => {
  const source =
    "<a href=\"http://a.example/?x=1&amp;y=2\"><A HREF = 'http://b.example'><img src=http://c.example/x.gif>" +
    "<form action=&#104;ttp://d.example><body background=http://e.example><p title='http://f.example'>";
  assert.deepEqual(readHtml(source).links, [
    "http://a.example/?x=1&y=2",
    "http://b.example",
    "http://c.example/x.gif",
    "http://d.example",
    "http://e.example",
  ]);
});

test("at most 100 URLs of at most 2,000 characters; the query of a long one doesn't count", () => {
  const many = Array.from({ length: 300 }, (_, index) => `http://h${index}.example/`);
  assert.deepEqual(urlsOf(many.join(" ")), many.slice(0, 100));
  assert.deepEqual(urlsOf(`http://a.example/${"x".repeat(3000)} http://b.example/?${"x".repeat(3000)}`), [
    "http://b.example/",
  ]);
});

test("what is written is searched too: with query, and percent-decoded", () => {
  const urls = new UrlCollector();
  urls.text("http://a.example/?relay=%31%39%38.51.100.7");
  assert.deepEqual(
    [...urls.written],
    ["http://a.example/?relay=%31%39%38.51.100.7", "http://a.example/?relay=198.51.100.7"],
  );
});

test("any text gives URLs that are URLs, without query, fragment and user-info", () => {
  const piece = fc.constantFrom(
    "http://",
    "https://",
    "www.",
    "example.com",
    "/",
    "?",
    "#",
    "@",
    ":",
    "%",
    "[",
    "]",
    " ",
    "é",
    "點",
    "<",
    '"',
    ".",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 40 }), (pieces) => {
      const text = pieces.join("");
      const { links } = readHtml(`<a href="${text}">${text}</a>`);
      const urls = new UrlCollector();
      for (const link of links) urls.link(link);
      urls.text(text);
      for (const url of urls.urls) {
        const parsed = new URL(url);
        assert.equal(parsed.href, url);
        assert.equal(parsed.search + parsed.hash + parsed.username + parsed.password, "");
        assert.match(url, /^https?:\/\/[!-~]+$/);
      }
    }),
    { numRuns: 500 },
  );
});
