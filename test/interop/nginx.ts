/** nginx (Debian: nginx-light) as a partner's WebDAV server, on loopback, with a list of what it was asked. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificate } from "../delivery/push/certificates.ts";
import { freePort } from "../free-port.ts";

export interface NginxOptions {
  readonly folder: string;
  /** By TLS; without one by plain HTTP, for a proxy that stands before it. */
  readonly server?: Certificate;
  /** Lines of the one location: who may come in, and what is made by itself. */
  readonly location: readonly string[];
  /** Lines of the server. */
  readonly more?: readonly string[];
  /** Where files go; a folder of its own by default. */
  readonly root?: string;
}

/** One request as nginx logged it when it was done. */
export interface Logged {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export interface Nginx {
  /** Base URL, such as `https://127.0.0.1:<port>/in`. */
  readonly url: string;
  /** What it holds below that. */
  readonly held: string;
  requests(): Promise<readonly Logged[]>;
}

/** Starts one; it ends with the test. */
export async function nginx(t: { after(end: () => Promise<unknown>): unknown }, options: NginxOptions): Promise<Nginx> {
  const { folder, server, location, more = [], root = join(folder, "files") } = options;
  const port = await freePort();
  await mkdir(join(root, "in"), { recursive: true });
  await mkdir(join(folder, "temporary"), { recursive: true });
  const temporary = ["proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/temporary/${kind};`,
  );
  const configuration = `
daemon off;
user root;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/errors notice;
events {}
http {
  log_format asked '$request_method $uri $status';
  access_log ${folder}/asked asked;
  client_max_body_size 0;
  ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port}${server === undefined ? "" : " ssl"};
    ${server === undefined ? "" : `ssl_certificate ${server.cert}; ssl_certificate_key ${server.key};`}
    ${more.join("\n    ")}
    location / {
      root ${root};
      # On the same file system: a file then gets its name in one step.
      client_body_temp_path ${root}/.temporary;
      dav_methods PUT MKCOL;
      ${location.join("\n      ")}
    }
  }
}
`;
  const file = join(folder, "nginx.conf");
  await writeFile(file, configuration);
  const child = spawn("nginx", ["-p", folder, "-c", file, "-e", join(folder, "errors")], { stdio: "ignore" });
  const exited = once(child, "exit").catch(() => undefined);
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  await listens(child, port, join(folder, "errors"));
  return {
    url: `${server === undefined ? "http" : "https"}://127.0.0.1:${port}/in`,
    held: join(root, "in"),
    requests: async () =>
      (await readFile(join(folder, "asked"), "utf8"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [method = "", path = "", status] = line.split(" ");
          return { method, path, status: Number(status) };
        }),
  };
}

async function listens(child: ChildProcess, port: number, errors: string): Promise<void> {
  for (let left = 100; left > 0; left -= 1) {
    if (child.exitCode !== null) break;
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([once(socket, "connect"), once(socket, "error")]).then(
      () => !socket.connecting && socket.readyState === "open",
      () => false,
    );
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nginx doesn't start: ${await readFile(errors, "utf8").catch(() => "is it installed?")}`);
}
