/**
 * Trino as the engine that answers slices: a cluster reads the lake in S3, this process the rows that come of it.
 *
 * Flow: slice's SQL -> `tables.ts` -> `sql.ts` -> `query.ts` -> `request.ts` -> chunks.
 *
 * @see docs/decisions/0024-the-lake-in-object-storage.md
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { BasicAuth, type ConnectionOptions, type QueryData } from "trino-client";
import { SpampotsError } from "../../errors.ts";
import type { Cell, Chunk } from "../../model.ts";
import type { TrinoSettings } from "../../settings.ts";
import type { Engine } from "../engine.ts";
import { brokenOff } from "./errors.ts";
import { type Page, pages } from "./query.ts";
import { type Cluster, clusterOf } from "./request.ts";
import { trinoSql } from "./sql.ts";
import { Tables } from "./tables.ts";

/** Milliseconds for which a cluster that doesn't answer is asked again: a coordinator is started anew within them. */
const patienceMs = 60_000;

/**
 * The cluster that the settings name. Nothing is asked yet.
 *
 * @throws SpampotsError `bad-argument` where the file of certificates can't be read.
 */
export async function openCluster(settings: TrinoSettings, patience = patienceMs): Promise<Cluster> {
  return clusterOf(await connection(settings), patience);
}

/**
 * Answers slices by a cluster over the lake at this URL of S3. Nothing is asked before the first slice.
 *
 * @throws SpampotsError as {@link openCluster}
 */
export async function openTrino(settings: TrinoSettings, lake: string): Promise<Engine> {
  const cluster = await openCluster(settings);
  const place = { ...settings, lake };
  const tables = new Tables(cluster, place);
  const running = new Set<AbortController>();
  let isEnding = false;
  /** A slice that is just being chosen would else post its query afterwards, and nobody would cancel that. */
  const end = () => {
    isEnding = true;
    for (const stop of running) stop.abort();
  };
  return {
    async *rows(relations, query, purpose = []) {
      if (isEnding) throw brokenOff(undefined);
      const stop = new AbortController();
      running.add(stop);
      try {
        for (const selection of Object.values(relations)) await tables.prepare(selection, stop.signal);
        const sql = trinoSql(place, relations, typeof query === "string" ? query : query.inlined);
        const statement = { sql, tags: ["spampots", ...purpose.map(tagOf)], signal: stop.signal };
        for await (const page of pages(cluster, statement)) yield chunkOf(page);
      } finally {
        running.delete(stop);
      }
    },
    interrupt: end,
    close: end,
  };
}

/** Tags are separated by commas, and stand in a comment of one line. */
const tagOf = (word: string) => word.replaceAll(/[^\w.:-]/g, "_");

async function connection({ url, user, password, token, ca }: TrinoSettings): Promise<ConnectionOptions> {
  return {
    server: url,
    source: "spampots-feeds",
    ...(password === undefined ? {} : { auth: new BasicAuth(user, password) }),
    ssl: {
      ...(ca === undefined ? {} : { ca: await certificates(ca) }),
      // The library hands it to the agent: a handshake for each page would cost more than the page.
      ...{ keepAlive: true },
    },
    extraHeaders: {
      "X-Trino-User": user,
      // What is asked must not depend on where the process or the cluster stands.
      "X-Trino-Time-Zone": "UTC",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  };
}

async function certificates(path: string): Promise<Buffer> {
  try {
    const pem = await readFile(path);
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new SpampotsError("bad-argument", "The file of the cluster's certificates can't be read.", {
      cause,
      path,
      hint: "SPAMPOTS_TRINO_CA names a file of PEM certificates, readable for this user.",
    });
  }
}

/** A page's rows by columns. */
function chunkOf({ columns, rows }: Page): Chunk {
  return {
    rows: rows.length,
    columns: columns.map(({ type }, index) => {
      if (type === "varbinary") return rows.map((row: QueryData) => bytesOf(row[index]));
      return rows.map((row: QueryData): Cell => row[index] ?? null);
    }),
  };
}

/** Trino says bytes as Base64. */
const bytesOf = (cell: unknown): Cell => (typeof cell === "string" ? Buffer.from(cell, "base64") : null);
