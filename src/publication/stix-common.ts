/**
 * The objects that stand in every part, whatever the slice: TLP 2.0 markings, the issuer's identity and the definition
 * of our one extension. Ids, times and contents are constant, so that every partner's copy is the same. Pure.
 *
 * @see STIX 2.1 §7.2 and §7.3; OASIS, TLP 2.0 marking definitions (extension 60a3c5c5)
 */
import type { Tlp } from "../model.ts";
import type { RenderContext } from "./render.ts";
import type { ExtensionDefinition, Identity, MarkingDefinition, StixId } from "./stix-types.ts";

/** Id of our property extension. Fixed for ever: consumers know the extension by it. */
export const extensionId: StixId<"extension-definition"> = "extension-definition--3735e8dd-3c55-4519-938f-14fa7971d576";

const tlpExtensionId: StixId<"extension-definition"> = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

const markingIds: Readonly<Record<Tlp, StixId<"marking-definition">>> = {
  CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
  GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
  AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
  "AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
  RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
};

/** When identity and extension-definition were first made; a changed content needs a later `modified`. */
const constantTime = "2026-01-01T00:00:00.000Z";

/** Id of the OASIS marking of a label. */
export function markingId(tlp: Tlp): StixId<"marking-definition"> {
  return markingIds[tlp];
}

/** The OASIS marking definition of a label, as published. */
export function markingDefinition(tlp: Tlp): MarkingDefinition {
  return {
    type: "marking-definition",
    spec_version: "2.1",
    id: markingIds[tlp],
    created: "2022-10-01T00:00:00.000Z",
    name: `TLP:${tlp}`,
    extensions: { [tlpExtensionId]: { extension_type: "property-extension", tlp_2_0: tlp.toLowerCase() } },
  };
}

/** The issuer's id as a STIX id. */
export function issuerId(context: Pick<RenderContext, "issuer">): StixId<"identity"> {
  // The context promises `identity--` and a UUIDv4; it is made once by configuration, not parsed here.
  return context.issuer.identityId as StixId<"identity">;
}

/** The issuer. Marked CLEAR: everyone may know who publishes. */
export function issuerIdentity(context: Pick<RenderContext, "issuer">): Identity {
  return {
    type: "identity",
    spec_version: "2.1",
    id: issuerId(context),
    created_by_ref: issuerId(context),
    created: constantTime,
    modified: constantTime,
    name: context.issuer.name,
    identity_class: "organization",
    object_marking_refs: [markingIds.CLEAR],
  };
}

/** Our extension: columns of a row that STIX has no property for. */
export function extensionDefinition(context: Pick<RenderContext, "issuer">): ExtensionDefinition {
  return {
    type: "extension-definition",
    spec_version: "2.1",
    id: extensionId,
    created_by_ref: issuerId(context),
    created: constantTime,
    modified: constantTime,
    name: "SpamPots row",
    description:
      "Columns of a SpamPots feed row that STIX 2.1 has no property for. Names and meanings as in the CSV of the same feed.",
    schema:
      "A JSON object. extension_type: property-extension. feed: id of the feed. row_id: 16 hex digits, the row's name in " +
      "the CSV. exemplar: true on an observed-data that states one connection of the row, else absent. Any other property " +
      "is a column of the feed's CSV under its name there: numbers and booleans as such, instants and days as text, lists " +
      "and pairs (key:count) as arrays of text; empty cells are absent. The columns are described in docs/fields.md of " +
      "spampots-feeds.",
    version: "1.0.0",
    extension_types: ["property-extension"],
    object_marking_refs: [markingIds.CLEAR],
  };
}

/** What a part of this slice begins with: each marking that it refers to, the issuer, our extension. */
export function commonObjects(
  context: Pick<RenderContext, "issuer" | "tlp">,
): readonly (MarkingDefinition | Identity | ExtensionDefinition)[] {
  const labels: readonly Tlp[] = context.tlp === "CLEAR" ? ["CLEAR"] : ["CLEAR", context.tlp];
  return [...labels.map(markingDefinition), issuerIdentity(context), extensionDefinition(context)];
}
