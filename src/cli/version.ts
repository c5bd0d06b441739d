/** The program's version, from its own package. */
import { readFileSync } from "node:fs";

export function programVersion(): string {
  // The file is our own: it has a version.
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
