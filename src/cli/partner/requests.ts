/** `spampots partner requests|approve|reject`: what partners handed in by invitations, and what the operator decides. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import { listTokenKeys } from "../../partner/auth/token-keys.ts";
import { type ApprovalContext, objectionTo } from "../../partner/joining/approval.ts";
import { fingerprintOf, isFingerprint } from "../../partner/joining/fingerprint.ts";
import { decide, type JoinRequest, listRequests } from "../../partner/joining/request.ts";
import { withKey } from "../../partner/registry/changes.ts";
import { serviceUrl } from "../../settings.ts";
import type { Run } from "../run.ts";
import { say, sayJson, table } from "../say.ts";
import { openTerminal } from "../terminal.ts";
import type { CliWorld } from "../world.ts";
import { change, openRegistry, textOf } from "./change.ts";

export function requestsCommand(partner: Command, run: Run): void {
  partner
    .command("requests")
    .description("Show the keys that partners handed in by invitations, and what was decided.")
    .action(run(showRequests));
  partner
    .command("approve")
    .description("Let a key count that a partner handed in, once its fingerprint was told by phone.")
    .argument("<request>", "id of the request, or its beginning")
    .option("--fingerprint <digits>", "what the partner told by phone; asked for at a terminal")
    .action(run(approve));
  partner
    .command("reject")
    .description("Decide that a key which was handed in will not count.")
    .argument("<request>", "id of the request, or its beginning")
    .action(run(reject));
}

async function contextOf(world: CliWorld): Promise<ApprovalContext> {
  const { settings } = world;
  return {
    realm: { url: serviceUrl(settings.serve) },
    tokenKeys: (await listTokenKeys(settings.tokenKeys)).keys,
    partners: (await world.configuration()).partners,
    now: world.clock(),
  };
}

async function showRequests(world: CliWorld): Promise<void> {
  const requests = await listRequests(await world.store());
  // Before the first invitation there may be no keys, nor any partner.
  const context = requests.length === 0 ? undefined : await contextOf(world);
  const shown = await Promise.all(
    requests.map(async (request) => {
      const objection = context && request.decision === undefined ? await objectionTo(request, context) : undefined;
      const { id, partner, requestedAt, address, key, decision } = request;
      return {
        id,
        partner,
        requested_at: requestedAt,
        address,
        thumbprint: key.kid,
        fingerprint: fingerprintOf(key.kid),
        state: decision?.decision ?? (objection === undefined ? "waiting" : "refused"),
        ...(decision === undefined ? {} : { decided_at: decision.decided_at }),
        ...(objection === undefined ? {} : { objection }),
      };
    }),
  );
  if (world.json) return sayJson({ requests: shown });
  if (shown.length === 0) return say("No partner handed in a key. Invite one: spampots partner invite <partner>.");
  const head = ["request", "partner", "when", "from", "fingerprint", "state"];
  say(
    table(
      head,
      shown.map((each) => [each.id, each.partner, each.requested_at, each.address, each.fingerprint, each.state]),
    ),
  );
  for (const { id, objection } of shown) if (objection !== undefined) say(`${id}: ${objection}`);
}

async function found(world: CliWorld, id: string): Promise<JoinRequest> {
  const requests = (await listRequests(await world.store())).filter((each) => id !== "" && each.id.startsWith(id));
  const [request, another] = requests;
  if (request !== undefined && another === undefined) return request;
  throw new SpampotsError("bad-argument", request ? "Several requests begin like this." : "There is no such request.", {
    request: id,
    hint: "`spampots partner requests` lists them all.",
  });
}

/** @throws SpampotsError `already-exists` where something else was decided. */
function checkUndecided({ decision }: JoinRequest, wanted: "approved" | "rejected"): void {
  if (decision === undefined || decision.decision === wanted) return;
  throw new SpampotsError("already-exists", "Something else was decided about this request.", {
    decision: decision.decision,
    decided_at: decision.decided_at,
    hint: "A decision stays. Invite the partner anew; `spampots partner rotate-key --remove` takes a key out.",
  });
}

async function approve(world: CliWorld, id: string, flags: { fingerprint?: string }): Promise<void> {
  const request = await found(world, id);
  checkUndecided(request, "approved");
  const objection = await objectionTo(request, await contextOf(world));
  if (objection !== undefined) {
    throw new SpampotsError("bad-key", objection, {
      request: request.id,
      partner: request.partner,
      hint: `Nothing was changed. To be rid of it: spampots partner reject ${request.id}`,
    });
  }
  const told = flags.fingerprint ?? (await askFingerprint(world, request));
  if (!isFingerprint(told, fingerprintOf(request.key.kid))) {
    throw new SpampotsError("verify-failed", "This is not the fingerprint of the key that was handed in.", {
      request: request.id,
      partner: request.partner,
      hint: "Have it read out again. If it differs still, somebody else handed in this key: reject it, and invite anew.",
    });
  }
  const opened = await openRegistry(world);
  // What `check` would refuse is refused before anything is decided; nothing is written that another operator rejected
  // meanwhile. Where the file can't be written then, the same command does it later.
  const after = withKey(textOf(opened), request.partner, request.key, opened.feeds);
  const decision = await decide(await world.store(), request.id, "approved", world.clock());
  checkUndecided({ ...request, decision }, "approved");
  const changed = await change(world, opened, after);
  if (world.json) return sayJson({ request: request.id, partner: request.partner, changed, ...decision });
  say(`${request.partner}'s key ${request.key.kid} counts as soon as \`serve\` has read partners.yaml.`);
}

async function askFingerprint(world: CliWorld, { partner, address, requestedAt }: JoinRequest): Promise<string> {
  const terminal = openTerminal(world.json);
  if (terminal === undefined) {
    throw new SpampotsError("bad-argument", "The fingerprint must be said, as the partner told it by phone.", {
      hint: "Give it in --fingerprint, or run the command at a terminal.",
    });
  }
  try {
    terminal.say(`${partner} handed in a key at ${requestedAt} from ${address}.`);
    terminal.say("Call the partner, by a number that you know. Have the fingerprint read to you; don't read it out.");
    return await terminal.ask("Fingerprint, as you heard it");
  } finally {
    terminal.close();
  }
}

async function reject(world: CliWorld, id: string): Promise<void> {
  const request = await found(world, id);
  checkUndecided(request, "rejected");
  const decision = await decide(await world.store(), request.id, "rejected", world.clock());
  checkUndecided({ ...request, decision }, "rejected");
  if (world.json) return sayJson({ request: request.id, partner: request.partner, ...decision });
  say(`Rejected. The invitation is used up; for another: spampots partner invite ${request.partner}`);
}
