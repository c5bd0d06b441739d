/**
 * A client: asks a URL again and again over some connections that stay, and says how long all took.
 *
 *     node ask.ts <url> <token> <requests> <connections>
 */
import { Agent, get } from "node:http";

const [url = "", token = "", requests = "1", connections = "1"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const headers = { Authorization: `Bearer ${token}` };

/** Bytes of one answer. */
function ask(): Promise<number> {
  return new Promise((done, fail) => {
    const request = get(url, { agent, headers }, (response) => {
      let bytes = 0;
      if (response.statusCode !== 200) fail(new Error(`${url}: ${response.statusCode}`));
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on("end", () => done(bytes));
      response.on("error", fail);
    });
    request.on("error", fail);
  });
}

await ask();
let left = Number(requests);
let bytes = 0;
const begun = performance.now();
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    for (; left > 0; ) {
      left -= 1;
      bytes += await ask();
    }
  }),
);
const seconds = (performance.now() - begun) / 1000;
agent.destroy();
process.stdout.write(`${JSON.stringify({ seconds, units: bytes })}\n`);
