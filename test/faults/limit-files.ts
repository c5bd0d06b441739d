/**
 * Loaded before the program by `node --import`: no file of this process may grow beyond FAULTS_FILE_BYTES, by
 * setrlimit(2) through prlimit(1). The kernel then fails the write, in native code too.
 */
import { execFileSync } from "node:child_process";
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  // Without a listener the signal would end the process; with one the write fails with EFBIG.
  process.on("SIGXFSZ", () => undefined);
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${process.env.FAULTS_FILE_BYTES}`]);
}
