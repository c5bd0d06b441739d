/**
 * Address -> economy and AS by the table in force. Every thread has one of these over the same shared files.
 *
 * Flow: `tables` reads the files -> `SharedTables` goes to each worker -> here -> columns `*_economy`, `*_asn`, `*_as_name`.
 */
import type { AutonomousSystem, Economy } from "../model.ts";
import { dayMs } from "../model.ts";
import { remembered } from "./recent.ts";
import { byKindAndDate, decodeTable, type Table, type TableKind, type TableStatement } from "./table.ts";
import { systemOf } from "./values.ts";

/** Table files in shared memory; `postMessage` and `workerData` carry it without a copy. */
export interface SharedTables {
  readonly files: readonly SharedArrayBuffer[];
}

/** What tables say of an address. */
export interface Network {
  readonly economy: Economy | undefined;
  readonly system: AutonomousSystem | undefined;
}

/** Answers for normalised addresses at an instant (ms since 1970 UTC). */
export interface Attribution {
  /** Economy the address is registered in; `undefined` where the table in force at `at` says nothing. */
  economy(address: string, at: number): Economy | undefined;
  /** AS that originates the address. The same object for the same AS, frozen. */
  asn(address: string, at: number): AutonomousSystem | undefined;
  /** Both at once: the quickest way. The same object for the same address. */
  network(address: string, at: number): Network;
  /** A number that is the same for instants at which the same tables are in force: answers are then the same too. */
  era(at: number): number;
  /** The tables that answers come from, by kind and date. */
  readonly tables: readonly TableStatement[];
}

/** Days after which a table is old: registries transfer addresses daily, and publish monthly at least what moved. */
export const oldTableDays = 35;

/** Whole days from a table's date to `now`; negative for a table of the future. */
export function tableAgeDays(statement: TableStatement, now: number): number {
  return Math.floor((now - Date.parse(statement.date)) / dayMs);
}

/** A week of spam has some 20,000 source addresses. */
const rememberedAddresses = 65_536;

/**
 * Attribution over shared tables.
 *
 * @throws SpampotsError `bad-table` where a file isn't as it was written.
 */
export function tablesFromShared(shared: SharedTables): Attribution {
  const tables = shared.files.map(decodeTable);
  const economy = inForce(tables, "economy", (value) => (value === "" ? undefined : value));
  const system = inForce(tables, "asn", systemOf);
  // Between the dates of tables an address has one answer, which is remembered: each capture asks for two addresses.
  const dates = [...new Set([0, ...tables.map(({ statement }) => Date.parse(statement.date))])].sort((a, b) => b - a);
  const spans = dates.map((from) => ({
    from,
    answer: remembered(rememberedAddresses, (text) => ({ economy: economy(text, from), system: system(text, from) })),
  }));
  const oldest = spans.at(-1);
  const network = (address: string, at: number): Network =>
    (spans.find(({ from }) => from <= at) ?? oldest)?.answer(address) ?? unknownNetwork;
  return {
    economy: (address, at) => network(address, at).economy,
    asn: (address, at) => network(address, at).system,
    network,
    era: (at) => spans.findIndex(({ from }) => from <= at),
    tables: tables.map((table) => table.statement).toSorted(byKindAndDate),
  };
}

const unknownNetwork: Network = { economy: undefined, system: undefined };

/** The newest table with a date not after `at`, else the oldest: its answer. */
function inForce<T>(tables: readonly Table[], kind: TableKind, read: (value: string) => T | undefined) {
  const dated = tables
    .filter(({ statement }) => statement.kind === kind)
    .toSorted((a, b) => byKindAndDate(b.statement, a.statement))
    .map(({ statement, values, find }) => {
      const meanings = values.map(read);
      return { from: Date.parse(statement.date), answer: (text: string) => meanings[find(text)] };
    });
  const oldest = dated.at(-1);
  return (address: string, at: number): T | undefined =>
    (dated.find(({ from }) => from <= at) ?? oldest)?.answer(address);
}
