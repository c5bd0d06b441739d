import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSensors } from "../../src/capture/sensors.ts";
import { SpampotsError } from "../../src/errors.ts";

/** Problems as `line path: message`. */
function problemsOf(text: string): string[] {
  try {
    parseSensors(text, "sensors.yaml");
  } catch (error) {
    assert.ok(error instanceof SpampotsError && error.code === "bad-configuration");
    assert.ok(error.problems.every(({ file }) => file === "sensors.yaml"));
    return error.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
  }
  return [];
}

test("sensors with normalised addresses, dates as days or instants", () => {
  const sensors = parseSensors(
    `
sensors:
  - id: sp-01
    economy: "NO"
    host: A university
    addresses:
      - { address: 192.0.2.1, from: 2026-01-01, to: 2026-06-01T12:00:00-03:00 }
      - address: "2001:DB8:0::1"
      - address: ::ffff:198.51.100.7
    names: [pot1.example.net]
  - id: 'sp-02'
`,
    "sensors.yaml",
  );
  assert.deepEqual(sensors, [
    {
      id: "sp-01",
      economy: "NO",
      host: "A university",
      addresses: [
        { address: "192.0.2.1", from: Date.UTC(2026, 0, 1), to: Date.UTC(2026, 5, 1, 15) },
        { address: "2001:db8::1" },
        { address: "198.51.100.7" },
      ],
      names: ["pot1.example.net"],
    },
    { id: "sp-02", addresses: [], names: [] },
  ]);
});

test("every problem is reported, with line and path, and no address or name in it", () => {
  const problems = problemsOf(`sensors:
  - id: ""
    economy: Brazil
    colour: blue
    addresses:
      - address: 192.0.2.999
      - { address: 192.0.2.1, from: yesterday }
      - { address: 192.0.2.1, from: 2026-06-01, to: 2026-06-01 }
      - 192.0.2.7
    names: [abc, pot1.example.net]
  - addresses: 5
`);
  const heads = problems.map((problem) => problem.split(": ")[0]);
  for (const expected of [
    "2 sensors[0].id",
    "3 sensors[0].economy",
    "4 sensors[0].colour",
    "6 sensors[0].addresses[0].address",
    "7 sensors[0].addresses[1].from",
    "8 sensors[0].addresses[2].to",
    "9 sensors[0].addresses[3]",
    "10 sensors[0].names[0]",
    "11 sensors[1].id",
    "11 sensors[1].addresses",
  ]) {
    assert.ok(heads.includes(expected), `${expected} is not in\n${problems.join("\n")}`);
  }
  assert.ok(!problems.join("\n").includes("192.0"));
});

test("sensors are told apart", () => {
  assert.deepEqual(problemsOf("sensors: [{id: a}, {id: b}]"), []);
  assert.match(problemsOf("sensors: [{id: a}, {id: a}]").join(), /^1 sensors\[1\].id: Another sensor has this id/);
  const two = (first: string, second: string) =>
    problemsOf(`sensors:\n- {id: a, addresses: [{${first}}]}\n- {id: b, addresses: [{${second}}]}`).join();
  assert.match(two("address: 192.0.2.1", "address: '::ffff:192.0.2.1'"), /^3 sensors\[1\].addresses\[0\]: Another/);
  assert.deepEqual(problemsOf("sensors: [{id: a, addresses: [{address: 192.0.2.1}, {address: 192.0.2.1}]}]"), []);
  assert.equal(two("address: 192.0.2.1, to: 2026-06-01", "address: 192.0.2.1, from: 2026-06-01"), "");
  assert.match(two("address: 192.0.2.1, to: 2026-06-02", "address: 192.0.2.1, from: 2026-06-01"), /Another/);
});

test("broken YAML is a problem with its line", () => {
  assert.match(problemsOf("sensors:\n  - id: [\n").join(), /^\d /);
  assert.match(problemsOf("").join(), /undefined :|1 :|: /);
  assert.match(problemsOf("sensors: []\nsensors: []").join(), /^2 /);
  assert.equal(problemsOf("sensors: []").length, 0);
});
