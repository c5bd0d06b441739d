/** A bare recursive listing of a folder: names alone. `node list-files.ts <folder>` */
import { readdirSync } from "node:fs";

const [folder = ""] = process.argv.slice(2);
const began = performance.now();
const names = readdirSync(folder, { recursive: true });
const seconds = (performance.now() - began) / 1000;
process.stdout.write(`${JSON.stringify({ seconds, units: names.length })}\n`);
