/**
 * Threads that answer: work goes to the one with the least to do, and each answer comes back to who asked for it. They are
 * started when there is work for them, and keep the process alive only while they work.
 */
import { parentPort, type Transferable, Worker } from "node:worker_threads";
import { SpampotsError, sayError } from "./errors.ts";

interface Asked<Work> {
  readonly id: number;
  readonly work: Work;
}

type Answered<Answer> = { readonly id: number } & ({ readonly answer: Answer } | { readonly failure: string });

export interface WorkersOptions {
  /** Threads at most. */
  readonly count: number;
  /** What each is started with: its module finds it in `workerData` of `node:worker_threads`. */
  readonly facts?: unknown;
  /** Megabytes that a thread's newest objects may take, where its work is better off with few. */
  readonly youngMb?: number;
}

/** Threads that run one module, which calls {@link answerWork}. */
export class Workers<Work, Answer> {
  readonly #module: URL;
  readonly #options: WorkersOptions;
  readonly #threads: Thread<Work, Answer>[] = [];

  /** @param module the module's place; as it is in a checkout, as JavaScript where installed */
  constructor(module: URL, options: WorkersOptions) {
    this.#module = module;
    this.#options = options;
  }

  /**
   * The answer to a piece of work; `moved` is given away with it.
   *
   * @throws SpampotsError `internal` where the thread failed
   */
  ask(work: Work, moved: readonly Transferable[] = []): Promise<Answer> {
    const [least] = this.#threads.toSorted((a, b) => a.busy - b.busy);
    const mayStart = this.#threads.length < this.#options.count;
    const thread = least !== undefined && (least.busy === 0 || !mayStart) ? least : this.#start();
    return thread.ask(work, moved);
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()));
  }

  #start(): Thread<Work, Answer> {
    const thread = new Thread<Work, Answer>(this.#module, this.#options, () => {
      const place = this.#threads.indexOf(thread);
      if (place >= 0) this.#threads.splice(place, 1);
    });
    this.#threads.push(thread);
    return thread;
  }
}

class Thread<Work, Answer> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #last = 0;

  constructor(module: URL, { facts, youngMb }: WorkersOptions, onEnd: () => void) {
    // What the process was started with (a script, a loader) is none of a thread's business.
    const resourceLimits = youngMb === undefined ? {} : { maxYoungGenerationSizeMb: youngMb };
    this.#worker = new Worker(module, { workerData: facts, execArgv: [], resourceLimits });
    this.#worker.on("message", (said: Answered<Answer>) => this.#take(said));
    this.#worker.on("error", (cause) => {
      onEnd();
      this.#failAll({ cause });
    });
    this.#worker.on("exit", () => {
      onEnd();
      this.#failAll({});
    });
  }

  get busy(): number {
    return this.#waiting.size;
  }

  ask(work: Work, moved: readonly Transferable[]): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    this.#last += 1;
    this.#waiting.set(this.#last, waiting);
    this.#worker.ref();
    this.#worker.postMessage({ id: this.#last, work } satisfies Asked<Work>, moved);
    return waiting.promise;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(said: Answered<Answer>): void {
    const waiting = this.#waiting.get(said.id);
    this.#waiting.delete(said.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("answer" in said) waiting?.resolve(said.answer);
    else waiting?.reject(failed({ failure: said.failure }));
  }

  #failAll(facts: Readonly<Record<string, unknown>>): void {
    for (const { reject } of this.#waiting.values()) reject(failed(facts));
    this.#waiting.clear();
  }
}

const failed = (facts: Readonly<Record<string, unknown>>) =>
  new SpampotsError("internal", "A thread of the program failed.", facts);

/**
 * Called by a thread's module: makes the answers, one after another in the order of the work. `moved` says what of an
 * answer is given away with it.
 */
export function answerWork<Work, Answer>(
  make: (work: Work) => Answer | Promise<Answer>,
  moved: (answer: Answer) => readonly Transferable[] = () => [],
): void {
  const answer = async ({ id, work }: Asked<Work>) => {
    try {
      const made = await make(work);
      parentPort?.postMessage({ id, answer: made } satisfies Answered<Answer>, moved(made));
    } catch (error) {
      parentPort?.postMessage({ id, failure: sayError(error) } satisfies Answered<Answer>);
    }
  };
  let queue = Promise.resolve();
  parentPort?.on("message", (asked: Asked<Work>) => {
    queue = queue.then(() => answer(asked));
  });
}
