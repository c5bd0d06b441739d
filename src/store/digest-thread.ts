/** The body of a thread that hashes files: see `digest.ts`, which starts it. */
import { parentPort } from "node:worker_threads";
import { digestFile, type FileWork } from "./digest-file.ts";

parentPort?.on("message", ({ id, work }: { id: number; work: FileWork }) => {
  parentPort?.postMessage({ id, answer: digestFile(work) });
});
