/** Ingest of captures without bodies beside DuckDB alone, which reads the same lines into the same columns. */
import { join } from "node:path";
import { captureColumns } from "../../../src/fields.ts";
import { type Bench, spampots } from "../bench.ts";
import { emptied, freshData, spool, warm } from "../data.ts";
import { duckdb, text } from "../duckdb.ts";
import type { Figure } from "../figure.ts";
import { wholeProcess } from "../process.ts";

/** A spool line's members as DuckDB is told them, so that it has nothing to guess. */
const lineColumns = {
  kind: "VARCHAR",
  id: "VARCHAR",
  session: "VARCHAR",
  connected_at: "TIMESTAMP",
  captured_at: "TIMESTAMP",
  source: "STRUCT(ip VARCHAR, port INTEGER)",
  service: "STRUCT(name VARCHAR, port INTEGER)",
  handshake: "BOOLEAN",
  request: "STRUCT(type VARCHAR, method VARCHAR, host VARCHAR, ip VARCHAR, port INTEGER, result VARCHAR)",
  envelope: "STRUCT(helo VARCHAR, mail_from VARCHAR, rcpt_to VARCHAR[])",
  message_bytes: "BIGINT",
};

/** What of the lake's columns a line tells by itself. What only enriching can know is NULL: DuckDB has less to do. */
const fromLine: Readonly<Record<string, string>> = {
  capture_id: "id",
  session: "session",
  connected_at: "epoch_ms(connected_at)",
  captured_at: "epoch_ms(captured_at)",
  source_ip: "source.ip",
  source_port: "source.port",
  service: "service.name",
  abused_port: "service.port",
  request_type: "request.type",
  request_method: "request.method",
  request_result: "request.result",
  destination_host: "request.host",
  destination_ip: "request.ip",
  destination_port: "request.port",
  handshake: "handshake",
  helo: "envelope.helo",
  mail_from_domain: "envelope.mail_from",
  recipients: "len(envelope.rcpt_to)",
  message_bytes: "message_bytes",
};

/** `read_json` of spool files, copied to Parquet with the lake's columns, compression and row groups. */
export function readJsonSql(files: readonly string[], to: string): readonly string[] {
  const columns = Object.entries(lineColumns).map(([name, type]) => `${name}: ${text(type)}`);
  const select = captureColumns.map(({ name, type }) => `CAST(${fromLine[name] ?? "NULL"} AS ${type}) AS ${name}`);
  const lines = `read_json([${files.map(text).join(", ")}], format='newline_delimited', compression='zstd', columns={${columns.join(", ")}})`;
  return [
    // It need not keep the order of lines: so it is faster, and takes less memory.
    "SET preserve_insertion_order = false",
    `COPY (SELECT ${select.join(", ")} FROM ${lines} WHERE kind IN ('message', 'request')) TO ${text(to)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)`,
  ];
}

export const ingest: Figure = {
  id: "ingest",
  work: "ingest, captures without bodies",
  reference: "DuckDB alone: `read_json` of the same files `COPY`ed to Parquet with the same columns",
  bound: { kind: "rate", least: 0.3 },
  async prepare(bench: Bench) {
    const { files, captures, rows, sensors, folder } = await spool(bench, bench.captures, "none");
    warm(files);
    return {
      size: `${captures.toLocaleString("en")} captures and ${(rows - captures).toLocaleString("en")} requests in ${files.length} files`,
      unit: "captures and requests",
      commands: {
        ours: "spampots ingest <folder>",
        reference: "COPY (SELECT … FROM read_json(<files>)) TO 'captures.parquet' (COMPRESSION zstd)",
      },
      async ours() {
        const place = { data: await freshData(bench, "ingest"), sensors };
        return wholeProcess(spampots(bench, place, "ingest", folder), rows);
      },
      async reference() {
        const to = join(emptied(bench, "ingest"), "captures.parquet");
        return wholeProcess(duckdb(bench, "ingest", readJsonSql(files, to)), rows);
      },
      notes: [
        "DuckDB is told every type, may change the order of rows, and leaves what enriching finds (economies, ASes, domains) empty.",
        "Both are whole processes; ours also loads its tables of addresses, which were imported before, and hashes, links and records each file.",
      ],
    };
  },
};
