/** The lake's contract over a bucket of a real S3 service, and the rights that a lake needs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { isError } from "../../src/errors.ts";
import { compact } from "../../src/lake/compact.ts";
import { openLake } from "../../src/lake/lake.ts";
import { deadFiles } from "../../src/lake/sweep.ts";
import { lakeContract } from "../lake/contract.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type LakeGateway, startLakeGateway } from "./lake-place.ts";

let lakes: LakeGateway;
before(async () => {
  lakes = await startLakeGateway();
});
after(() => lakes?.stop());

lakeContract({ name: "a bucket", place: (t) => lakes.place(t) });

/** The policy of the operator guide's section on lakes, for this user and bucket. */
function policyOf(user: string, bucket: string): string {
  const guide = readFileSync(resolve(import.meta.dirname, "../../docs/operator-guide.md"), "utf8");
  const [, section = ""] = guide.split("\n## Lake in S3\n");
  const [, text = ""] = /```json\n(.*?)```/s.exec(section) ?? [];
  const policy: { Statement: object[] } = JSON.parse(text.replaceAll("BUCKET", bucket));
  const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
  return JSON.stringify({ ...policy, Statement: policy.Statement.map((entry) => ({ ...entry, Principal })) });
}

test("the rights that the operator guide names are all that a lake needs, and take no record", async (t) => {
  const { gateway } = lakes;
  await gateway.bucket("rights");
  const user = await gateway.createUser("ingester");
  const credentials = { accessKeyId: user.accessKey, secretAccessKey: user.secretKey };
  const owner = new S3Client({ ...lakes.options(), forcePathStyle: true });
  await owner.send(new PutBucketPolicyCommand({ Bucket: "rights", Policy: policyOf("ingester", "rights") }));
  owner.destroy();
  const copies = { folder: join(await temporaryFolder(t), "copies"), mostBytes: 1e9 };
  const lake = await openLake("s3://rights", { s3: { ...lakes.options(), credentials }, copies });
  const world = await openOperatorWorld(t, lake);
  for (const sensor of ["pot-1", "pot-2"])
    await world.ingest(sensor, capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const options = { now: Date.UTC(2026, 10, 20), retainDays: 400, temporary: world.root, smallBytes: 1e9 };
  assert.equal((await compact(lake, world.engine, options)).length, 1);
  assert.ok((await world.publish(Date.UTC(2026, 10, 11, 6))).length > 0);
  let swept = 0;
  for await (const { entry } of deadFiles(lake, { now: Date.now() + 86_405_000, retainDays: 36_500 })) {
    await lake.store.delete(entry.key);
    swept += 1;
  }
  assert.equal(swept, 2);
  for (const key of [(await lake.names())[0]?.key ?? "", "compactions/2026-11-10/0001.json"])
    await assert.rejects(lake.store.delete(key), (error) => isError(error, "store-denied"));
});
