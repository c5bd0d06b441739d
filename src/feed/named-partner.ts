/** A partner by the id that somebody typed. Pure. */
import { SpampotsError } from "../errors.ts";

/** The one of `partners` with this id. @throws SpampotsError `bad-argument` where none has it. */
export function namedPartner<Entry extends { readonly id: string }>(partners: readonly Entry[], id: string): Entry {
  const partner = partners.find((entry) => entry.id === id);
  if (partner !== undefined) return partner;
  throw new SpampotsError("bad-argument", "There is no such partner.", {
    partner: id,
    hint: "partners.yaml names them all.",
  });
}
