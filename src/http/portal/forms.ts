/** Forms that browsers send: their fields as texts, whatever came. */
import type { Context } from "hono";
import type { HttpEnv } from "../route.ts";

/** Longest form that is read, in bytes. */
export const maxFormBytes = 16 * 1024;

/** The fields of a form; none where it isn't one. Files, and fields that stand there more than once, are left out. */
export async function fieldsOf(context: Context<HttpEnv>): Promise<Readonly<Record<string, string | undefined>>> {
  // What isn't of the form that it says is no form.
  const fields = await context.req.parseBody({ all: true }).catch(() => ({}));
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => typeof field[1] === "string"),
  );
}
