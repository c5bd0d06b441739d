/** Lakes in a bucket of a gateway of their own, with a proxy before it that counts requests and breaks them. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import type { S3Options } from "../../src/store/s3-session.ts";
import { type S3Proxy, startS3Proxy } from "../faults/s3-proxy.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type Gateway, startGateway } from "./gateway.ts";

type Test = Pick<TestContext, "after">;

/** A fresh prefix of the bucket. */
export interface LakePlace {
  readonly url: string;
  /** Below it are the copies of each opening: `1`, `2` and so on. */
  readonly folder: string;
  /** The lake there, as a process of its own opens it. */
  open(mostBytes?: number): Promise<Lake>;
}

export interface LakeGateway {
  readonly gateway: Gateway;
  readonly proxy: S3Proxy;
  options(deadlineMs?: number): S3Options;
  /** With `proxied`, requests go through the proxy. */
  place(t: Test, proxied?: boolean): Promise<LakePlace>;
  stop(): Promise<void>;
}

/** Starts a gateway with the bucket `lake`. */
export async function startLakeGateway(): Promise<LakeGateway> {
  const gateway = await startGateway();
  await gateway.bucket("lake");
  const proxy = await startS3Proxy(gateway.endpoint);
  let places = 0;
  const options = (deadlineMs = 20_000): S3Options => ({
    endpoint: gateway.endpoint,
    region: "us-east-1",
    pathStyle: true,
    deadlineMs,
    credentials: { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey },
  });
  return {
    gateway,
    proxy,
    options,
    async place(t, proxied = false) {
      const folder = await temporaryFolder(t);
      const url = `s3://lake/${++places}`;
      const s3 = proxied ? { ...options(3000), endpoint: proxy.endpoint } : options();
      let opened = 0;
      const open = (mostBytes = 1e9) =>
        openLake(url, { s3, copies: { folder: join(folder, `${++opened}`), mostBytes } });
      return { url, folder, open };
    },
    async stop() {
      await proxy.stop();
      await gateway.stop();
    },
  };
}
