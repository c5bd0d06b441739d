/** A thread for `workers.test.ts`: doubles a number; ends at 13, and fails at 7. */
import { answerWork } from "../../src/workers.ts";

answerWork(async (n: number) => {
  if (n === 13) process.exit(1);
  if (n === 7) throw new Error("no sevens");
  return { doubled: 2 * n };
});
