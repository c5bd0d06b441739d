/**
 * Address ranges into steps. A table says one value, or none, for each address: a function with steps over the address
 * space. Rows of files may overlap; whatever their order, the same rows give the same steps, and the steps are the
 * fewest that say it, so equal tables have equal bytes.
 *
 * Flow: readers (`delegated`, `csv`, `mmdb`) -> rows -> here -> `table`.
 */

/** Addresses `first` to `last` (both inclusive, as numbers) have `value`. The empty text means: known to have none. */
export interface Row {
  readonly first: bigint;
  readonly last: bigint;
  readonly value: string;
}

/** From `start` on, up to the next step, addresses have `value`; empty where the table says nothing. */
export interface Step {
  readonly start: bigint;
  readonly value: string;
}

/**
 * Positive where `a` counts before `b` for the addresses both cover: the narrower one; of equally wide ones that which
 * starts later; of the same range the lesser text. A total order, so that the order of rows never matters.
 */
export function precedence(a: Row, b: Row): number {
  const widths = b.last - b.first - (a.last - a.first);
  if (widths !== 0n) return widths > 0n ? 1 : -1;
  if (a.first !== b.first) return a.first > b.first ? 1 : -1;
  return a.value === b.value ? 0 : a.value < b.value ? 1 : -1;
}

/** The steps of `rows` over the addresses 0 to `greatest`, in order, beginning with one at 0; neighbours differ in value. */
export function steps(rows: readonly Row[], greatest: bigint): Step[] {
  const sorted = rows.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const made: Step[] = [];
  /** Rows that may cover `at`, the one that counts last. */
  const active: Row[] = [];
  let at = 0n;
  const paintUpTo = (end: bigint) => {
    while (at < end) {
      const top = active.at(-1);
      if (top !== undefined && top.last < at) {
        active.pop();
        continue;
      }
      const value = top?.value ?? "";
      if (made.at(-1)?.value !== value) made.push({ start: at, value });
      at = top === undefined || top.last >= end ? end : top.last + 1n;
    }
  };
  for (const row of sorted) {
    paintUpTo(row.first);
    insert(active, row);
  }
  paintUpTo(greatest + 1n);
  return made;
}

/** Keeps `active` in ascending precedence. Files nest a few rows deep, so the walk from the end is short. */
function insert(active: Row[], row: Row): void {
  let place = active.length;
  while (place > 0 && precedence(active[place - 1] ?? row, row) > 0) place -= 1;
  active.splice(place, 0, row);
}
