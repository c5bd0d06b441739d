/** Python's tools for references and peers: virtual environments in the scratch folder, filled from PyPI. */
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

/** Requirements files beside the references. */
export type Requirements = "stix2" | "peers";

/** The interpreter of an environment with the packages of a requirements file; made, or made anew, where it must be. */
export async function pythonWith(name: Requirements, folder: string, say: (text: string) => void): Promise<string> {
  const wanted = join(import.meta.dirname, "references", `requirements-${name}.txt`);
  const installed = join(folder, "installed.txt");
  const python = join(folder, "bin", "python");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(wanted, "utf8")) return python;
  say(`installing Python packages of ${name} from PyPI`);
  rmSync(folder, { recursive: true, force: true });
  await run({ program: "python3", args: ["-m", "venv", folder] });
  const quiet = ["install", "--quiet", "--disable-pip-version-check", "--requirement", wanted];
  await run({ program: python, args: ["-m", "pip", ...quiet] });
  copyFileSync(wanted, installed);
  return python;
}
