/**
 * The story of an archive of mail: its messages become one spool file, which is then ingested like any other, so that
 * there is one way into the lake. The same archive with the same flags gives the same bytes, and so the same batch.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { archivedMessages, archivedRecord } from "./capture/archive.ts";
import { SpampotsError } from "./errors.ts";
import { plain } from "./log.ts";
import { earliestInstant, type MessageRecord, type ServiceName } from "./model.ts";
import type { Settings } from "./settings.ts";
import { temporaryPath } from "./store/temporary.ts";

/** What an archive doesn't say of itself. */
export interface ArchiveFlags {
  readonly sensor: string;
  readonly service: ServiceName;
  /** Received headers written by the receiving side; the last of them names the client. */
  readonly trustedHops: number;
}

/**
 * Writes the archive's spool file into the spool folder and returns its path. A message that tells no address or
 * instant becomes a `rejected` line: counted in quarantine, not lost.
 */
export async function archiveToSpool(path: string, flags: ArchiveFlags, settings: Settings): Promise<string> {
  await mkdir(settings.spool, { recursive: true });
  await mkdir(join(settings.data, ".tmp"), { recursive: true });
  const lines = temporaryPath(settings.data);
  const whole = temporaryPath(settings.data);
  try {
    const { sealedAt, digest } = await writeLines(path, flags, lines);
    const header = { v: 1, sensor: flags.sensor, sealed_at: new Date(sealedAt).toISOString() };
    const out = createWriteStream(whole);
    out.write(`${JSON.stringify(header)}\n`);
    await pipeline(createReadStream(lines), out);
    const to = join(settings.spool, `archive-${digest.slice(0, 16)}.ndjson`);
    await rename(whole, to);
    return to;
  } finally {
    await rm(lines, { force: true });
    await rm(whole, { force: true });
  }
}

async function writeLines(
  path: string,
  flags: ArchiveFlags,
  to: string,
): Promise<{ sealedAt: number; digest: string }> {
  const file = await open(to, "w");
  const hash = createHash("sha256").update(JSON.stringify(flags));
  let sealedAt = earliestInstant;
  try {
    for await (const { raw } of archivedMessages(path)) {
      const { line, at } = lineOf(raw, flags);
      hash.update(line);
      if (at !== undefined) sealedAt = Math.max(sealedAt, at);
      await file.write(`${line}\n`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sealedAt, digest: hash.digest("hex") };
}

function lineOf(raw: Uint8Array, flags: ArchiveFlags): { line: string; at?: number } {
  try {
    const record = archivedRecord(raw, flags);
    return { line: JSON.stringify(spoolLine(record, raw)), at: record.capturedAt };
  } catch (error) {
    if (!(error instanceof SpampotsError)) throw error;
    const reason = plain(String(error.facts.reason ?? error.message));
    return {
      line: JSON.stringify({
        kind: "rejected",
        code: error.code,
        reason,
        message: Buffer.from(raw).toString("base64"),
      }),
    };
  }
}

function spoolLine(record: MessageRecord, raw: Uint8Array): Record<string, unknown> {
  const { id, session, sourceIp, sourcePort, service, abusedPort, helo, mailFrom, rcptTo } = record;
  return {
    kind: "message",
    id,
    session,
    connected_at: new Date(record.connectedAt).toISOString(),
    captured_at: new Date(record.capturedAt).toISOString(),
    source: { ip: sourceIp, port: sourcePort },
    handshake: record.handshake,
    service: { name: service, port: abusedPort },
    envelope: {
      ...(helo === undefined ? {} : { helo }),
      ...(mailFrom === undefined ? {} : { mail_from: mailFrom }),
      rcpt_to: rcptTo,
      rcpt_count: record.recipients,
    },
    message: Buffer.from(raw).toString("base64"),
  };
}
