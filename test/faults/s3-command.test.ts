/**
 * The real command line against a real S3 service that fails: it ends in time, with a documented exit code and sentences
 * for people; and once the service is well, the same command again ends with what an undisturbed one would have made.
 */
import assert from "node:assert/strict";
import { after } from "node:test";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { assertClean } from "./race.ts";
import { drawPlan } from "./s3-plans.ts";
import { startS3Proxy } from "./s3-proxy.ts";
import { differences, type Objects, objectsOf, openAt } from "./s3-world.ts";
import { campaign } from "./seeded.ts";
import { expectDone, openSite, type Site } from "./world.ts";

/** Seconds of `SPAMPOTS_S3_DEADLINE` where something is broken. */
const deadline = 2;
/** A start, the work, and a deadline for each log until the store counts as away. */
const longestMs = 40_000;

interface Undisturbed {
  readonly gateway: Gateway;
  readonly site: Site;
  readonly objects: Objects;
  readonly requests: number;
}

let gateway: Promise<Gateway> | undefined;
let made: Promise<Undisturbed> | undefined;
after(async () => {
  await made?.catch(() => {});
  await (await gateway)?.stop();
});

const environment = (service: Gateway, endpoint: string, prefix: string, seconds = 30) => ({
  SPAMPOTS_STORE: `s3://faults/${prefix}`,
  SPAMPOTS_S3_ENDPOINT: endpoint,
  SPAMPOTS_S3_DEADLINE: String(seconds),
  SPAMPOTS_LOG: "silent",
  AWS_ACCESS_KEY_ID: service.accessKey,
  AWS_SECRET_ACCESS_KEY: service.secretKey,
});

async function makeUndisturbed(): Promise<Undisturbed> {
  gateway = startGateway();
  const service = await gateway;
  await service.bucket("faults");
  const site = await openSite("ingested");
  const proxy = await startS3Proxy(service.endpoint);
  const own = await site.copy();
  try {
    expectDone(await own.run(["publish"], {}, environment(service, proxy.endpoint, "undisturbed")));
  } finally {
    await proxy.stop();
  }
  const requests = proxy.log.length;
  const objects = await objectsOf(openAt(service, service.endpoint, "undisturbed", 30_000));
  return { gateway: service, site, objects, requests };
}

campaign("s3-command", async (one) => {
  made ??= makeUndisturbed();
  const { gateway: service, site: from, objects, requests } = await made;
  const site = await from.copy();
  const proxy = await startS3Proxy(service.endpoint);
  try {
    const name = `command-${one.number}`;
    const broken = environment(service, proxy.endpoint, name, deadline);
    const { plan, words } = drawPlan(one, requests);
    one.note(words);
    proxy.plan(plan);
    const ran = await site.run(["publish"], {}, broken);
    for (const { seen, fault } of proxy.log)
      if (fault !== undefined) one.note(`${seen.number} ${seen.operation} ${seen.key}: ${fault}`);
    one.note(`ended with ${ran.code} after ${Math.round(ran.ms)} ms\n${ran.stdout}\n${ran.stderr}`);
    assertClean([ran], ["store-unavailable", "store-denied", "store-unfit", "verify-failed", "log-behind"]);
    assert.doesNotMatch(ran.stdout + ran.stderr, /^\s+at /m, "a stack is no sentence");
    assert.ok(ran.ms < longestMs);
    await proxy.settled();
    const well = environment(service, service.endpoint, name);
    expectDone(await site.run(["publish"], {}, well));
    expectDone(await site.run(["verify", "--deep"], {}, well));
    assert.deepEqual(differences(await objectsOf(openAt(service, service.endpoint, name, 30_000)), objects), []);
    assert.deepEqual(proxy.strays, []);
  } finally {
    await proxy.stop();
    await site.remove();
  }
});
