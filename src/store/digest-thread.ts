/** The body of a thread that hashes files: see `digest.ts`, which starts it. */
import { answerWork } from "../workers.ts";
import { digestFile } from "./digest-file.ts";

answerWork(digestFile);
