/**
 * A query of a cluster outlives its process by minutes. So who is told to end in the middle of one cancels it, and then
 * ends as it would have. For commands that don't listen for signals themselves, as `run` does.
 */

const signals = ["SIGINT", "SIGTERM"] as const;

/**
 * The same rows. A signal meanwhile calls `interrupt`, which is to make them throw; once they did, the process ends by
 * that signal. A second one ends it at once.
 */
export async function* cancelledBySignal<T>(rows: AsyncIterable<T>, interrupt: () => void): AsyncGenerator<T> {
  let asked: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals) => {
    asked = signal;
    forget();
    interrupt();
  };
  const forget = () => {
    for (const signal of signals) process.off(signal, end);
  };
  if (signals.every((signal) => process.listenerCount(signal) === 0))
    for (const signal of signals) process.on(signal, end);
  try {
    yield* rows;
  } finally {
    forget();
    if (asked !== undefined) process.kill(process.pid, asked);
  }
}
