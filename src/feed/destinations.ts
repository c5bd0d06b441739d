/**
 * Destinations: where publications of a subscription are pushed to, as `deliveries` in `partners.yaml` names them.
 * Secrets stand in the environment, and here only the names of the variables that hold them. Pure.
 *
 * @see docs/decisions/0016-how-publications-are-pushed.md
 */
import { z } from "zod";
import { identifier } from "./feeds.ts";

/** Name of a variable of the environment that holds a secret. Names of our own settings are none. */
const variable = z
  .string()
  .regex(
    /^(?!SPAMPOTS_)[A-Z][A-Z0-9_]{1,99}$/,
    "Write the name of an environment variable that holds it, such as JPCERT_PUSH_TOKEN; never the secret itself.",
  );

const url = z
  .string()
  .max(1000)
  .refine(isPlace, "Write an https URL without user, query and fragment, such as https://feeds.partner.example/in.");

/** A URL that a file or message can go to. Whether its host may be asked is for `delivery/push/fence.ts` to say. */
function isPlace(text: string): boolean {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || /[?#\s]/.test(text)) return false;
  return ["https:", "http:"].includes(parsed.protocol) && parsed.username === "" && parsed.password === "";
}

const collectionUrl = url.regex(
  /\/collections\/[\w.~-]+\/?$/,
  "Write the URL of a TAXII 2.1 collection, such as https://taxii.partner.example/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/.",
);

const name = identifier.optional();
const auth = z.union([z.strictObject({ bearer: variable }), z.strictObject({ user: variable, password: variable })], {
  error: "Write { bearer: VARIABLE } or { user: VARIABLE, password: VARIABLE }.",
});
/** Of mutual TLS: the variables hold paths of PEM files. */
const clientTls = z.strictObject({ certificate: variable, key: variable });
const byHttp = { name, url, auth: auth.optional(), tls: clientTls.optional() };

/** One entry of `deliveries`. */
export const deliverySchema = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("pull") }),
    z
      .strictObject({
        kind: z.literal("s3"),
        name,
        bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "Write the name of a bucket."),
        prefix: z
          .string()
          .max(300)
          .regex(/^[\w.-]+(\/[\w.-]+)*$/, "Write names joined by slashes, such as from-cert-br/spampots.")
          .optional(),
        endpoint: url.optional(),
        region: z
          .string()
          .max(60)
          .regex(/^[A-Za-z0-9-]+$/, "Write the name of a region, such as sa-east-1.")
          .default("us-east-1"),
        path_style: z.boolean().optional(),
        credentials: z
          .strictObject({ access_key: variable, secret_key: variable, session_token: variable.optional() })
          .optional(),
        /** Where who puts an object would own it, not whose bucket it is. */
        acl: z.literal("bucket-owner-full-control").optional(),
        role: z
          .strictObject({
            arn: z.string().regex(/^arn:/, "Write the ARN of a role.").max(2048),
            external_id: variable.optional(),
          })
          .optional(),
      })
      .refine(
        ({ endpoint, credentials }) => endpoint === undefined || credentials !== undefined,
        "Write credentials: { access_key: VARIABLE, secret_key: VARIABLE }. Our own, which are used without, are for AWS alone.",
      ),
    z.strictObject({ kind: z.literal("https"), ...byHttp }),
    z.strictObject({ kind: z.literal("webhook"), ...byHttp }),
    z.strictObject({ kind: z.literal("taxii"), ...byHttp, url: collectionUrl }),
  ],
  { error: "Write the kind: pull, s3, https, webhook or taxii." },
);

type RawDelivery = z.infer<typeof deliverySchema>;
type Named<D> = D extends unknown ? Omit<D, "name"> & { readonly name: string } : never;

/** Where publications are pushed to, as checked; its name is unique in its subscription, by default its kind. */
export type Destination = Readonly<Named<Exclude<RawDelivery, { kind: "pull" }>>>;
export type DestinationOf<Kind extends Destination["kind"]> = Extract<Destination, { kind: Kind }>;
/** How an HTTP destination lets us in: names of variables. */
export type Auth = z.infer<typeof auth>;
export type ClientTls = z.infer<typeof clientTls>;

/** The destinations that entries of `deliveries` name; `pull` is none: the partner comes for it. */
export function destinationsOf(deliveries: readonly RawDelivery[]): Destination[] {
  return deliveries.flatMap(
    (entry) => (entry.kind === "pull" ? [] : [{ ...entry, name: entry.name ?? entry.kind } as Destination]), // `name` is set, the rest as parsed
  );
}

/** Where a destination is, for people: no secret is in it. */
export function placeOf(destination: Destination): string {
  if (destination.kind !== "s3") return destination.url;
  const { bucket, prefix } = destination;
  return `s3://${bucket}${prefix === undefined ? "" : `/${prefix}`}`;
}
