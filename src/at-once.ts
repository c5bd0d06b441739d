/** Bounded concurrency: several files in flight, and never more than that. Pure. */

/** Starts a task once there is room for it; throws what an earlier task threw. */
export type Start = (task: () => Promise<void>) => Promise<void>;

/**
 * Does `work` on each item, at most `most` at once. What came of it is in the order of the items.
 *
 * @throws what the first one to fail threw; by then nothing is under way.
 */
export async function mapAtOnce<Item, Made>(
  items: Iterable<Item>,
  most: number,
  work: (item: Item) => Promise<Made>,
): Promise<Made[]> {
  const made: Made[] = [];
  await startAtOnce(most, async (start) => {
    for (const [index, item] of [...items].entries()) {
      await start(async () => {
        made[index] = await work(item);
      });
    }
  });
  return made;
}

/** Runs `work`, which starts tasks of which at most `most` run at once; afterwards all are finished. */
export async function startAtOnce(most: number, work: (start: Start) => Promise<void>): Promise<void> {
  const busy = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const finish = async () => {
    await Promise.all(busy);
    if (failures.length > 0) throw failures[0];
  };
  await work(async (task) => {
    if (busy.size >= most) await Promise.race(busy);
    if (failures.length > 0) throw failures[0];
    const running = task()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => busy.delete(running));
    busy.add(running);
  }).catch((error: unknown) => failures.push(error));
  await finish();
}

/** Loads each item, in order, with up to `ahead` loads begun before they are needed. */
export async function* readAhead<Item, Loaded>(
  items: Iterable<Item>,
  ahead: number,
  load: (item: Item) => Promise<Loaded>,
): AsyncGenerator<Loaded> {
  const queue: Promise<Loaded>[] = [];
  for (const item of items) {
    const loading = load(item);
    // Whoever takes it from the queue meets the error; until then it isn't an unhandled one.
    loading.catch(() => undefined);
    queue.push(loading);
    const first = queue.length > ahead ? queue.shift() : undefined;
    if (first) yield await first;
  }
  for (const loading of queue) yield await loading;
}

/** Logs that are read or committed to at once: they are independent, and each mostly waits for the store. */
export const logsAtOnce = 8;
