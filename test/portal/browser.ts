/**
 * A real browser for tests: Debian's Chromium, without a window, which may reach this machine alone. Whatever a page would
 * load from elsewhere, or is kept from by its policy, fails the test.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const program = process.env.SPAMPOTS_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** A window of its own: cookies, storage and downloads are shared with no other. */
export interface Window {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the console said of errors and refused loads so far. */
  readonly complaints: readonly string[];
}

/** Opens browsers of one process; all ends with the test, which fails where a page complained. */
export async function openBrowser(
  t: Pick<TestContext, "after">,
): Promise<{ window(options?: BrowserContextOptions): Promise<Window> }> {
  const profile = await mkdtemp(join(tmpdir(), "spampots-browser-"));
  const browser = await chromium.launch({
    executablePath: program,
    // Root may not sandbox; names are never resolved, so that nothing leaves this machine.
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    ],
    env: { ...process.env, HOME: profile },
  });
  const all: string[][] = [];
  t.after(async () => {
    await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
    assert.deepEqual(all.flat(), [], "a page complained");
  });
  return {
    async window(options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const complaints: string[] = [];
      all.push(complaints);
      page.on("console", (message) => {
        // The icon is asked for beside the page, when a site that a test ends with may be gone.
        if (message.location().url.endsWith("/portal/icon.svg") && /ERR_CONNECTION_REFUSED/.test(message.text()))
          return;
        // That a page has another status than 200 is what some tests are about.
        if (message.type() === "error" && !/Failed to load resource: the server responded/.test(message.text()))
          complaints.push(`${page.url()}: ${message.text()}`);
      });
      page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
      return { context, page, complaints };
    },
  };
}
