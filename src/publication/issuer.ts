/** STIX identity of the issuer: one constant id (UUIDv4), since importers join what carries the same. */
export const issuerIdentity = "identity--7b0e1a52-3c64-4e0b-9d1e-5a4f2c9b8e01";
