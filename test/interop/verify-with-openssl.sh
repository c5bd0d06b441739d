#!/bin/sh
# Verifies every publication of one feed with nothing but a shell, openssl, jq and coreutils.
#
#   verify-with-openssl.sh FEED-FOLDER JWKS-FILE [PARTNER-KEYS-FOLDER]
#
# FEED-FOLDER holds log/ and artifacts/. JWKS-FILE is the issuer's set of keys, which you got from the issuer and not
# from the store. With the third argument, keys that were retired count where an announcement by a live key states them.
# Ed25519 keys (alg EdDSA). Ends with 0 where everything holds.
set -eu
feed=$1 jwks=$2 announcements=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "WRONG: $*" >&2; exit 1; }

# Strict base64url to bytes: what comes back must be spelled the same.
decode() {
  printf '%s' "$1" | basenc --base64url -d -i > "$2" 2>/dev/null || { pad=$1; while [ $(( ${#pad} % 4 )) -ne 0 ]; do pad="$pad="; done
    printf '%s' "$pad" | basenc --base64url -d > "$2" || fail "not base64url"; }
  [ "$(basenc --base64url -w0 < "$2" | tr -d =)" = "$1" ] || fail "not strict base64url"
}

# The public key of a kid as PEM: twelve constant bytes (RFC 8410) and the 32 bytes of x.
key_of() {
  x=$(jq -er --arg kid "$1" '[.keys[] | select(.kid == $kid and .kty == "OKP" and .crv == "Ed25519")] | if length == 1 then .[0].x else error("?") end' "$jwks") || fail "key $1 isn't in $jwks"
  print=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" | openssl dgst -sha256 -binary | basenc --base64url | tr -d =)
  [ "$print" = "$1" ] || fail "key $1 isn't what its name says (RFC 7638)"
  decode "$x" "$work/x"
  { echo "-----BEGIN PUBLIC KEY-----"; { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/x"; } | base64; echo "-----END PUBLIC KEY-----"; } > "$work/key.pem"
}

# Checks the signature of a JWS file; leaves its payload in $work/payload and the kid in $kid.
open_jws() {
  protected=$(jq -er .protected "$1"); payload=$(jq -er .payload "$1"); signature=$(jq -er .signature "$1")
  jq -e 'keys == ["payload","protected","signature"]' "$1" > /dev/null || fail "$1 has other members"
  decode "$protected" "$work/header"; decode "$payload" "$work/payload"; decode "$signature" "$work/signature"
  jq -e --arg typ "$2" 'keys == ["alg","kid","typ"] and .alg == "EdDSA" and .typ == $typ' "$work/header" > /dev/null || fail "$1 has another header"
  kid=$(jq -r .kid "$work/header")
  key_of "$kid"
  printf '%s.%s' "$protected" "$payload" > "$work/input"
  openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/input" -sigfile "$work/signature" > /dev/null || fail "the signature of $1 doesn't hold"
}
digest() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }
is_live() { jq -e --arg kid "$1" 'any(.keys[]; .kid == $kid and (has("retired_at") | not))' "$jwks" > /dev/null; }

# Tips that a live key vouches for: in the last announcement that one signed, or in one before it.
: > "$work/tips"
if [ -n "$announcements" ]; then
  previous=null n=0 vouched=0
  for file in "$announcements"/*.jws; do
    n=$((n + 1))
    [ "$(basename "$file")" = "$(printf '%08d.jws' "$n")" ] || fail "announcement $n is missing"
    open_jws "$file" spampots-keys+jws
    [ "$(jq -r .previous_sha256 "$work/payload")" = "$previous" ] || fail "announcement $n doesn't follow the one before it"
    previous=$(digest "$work/payload")
    jq -r '.tips[] | .payload_sha256' "$work/payload" >> "$work/tips"
    if is_live "$kid"; then vouched=$(wc -l < "$work/tips"); fi
  done
  head -n "$vouched" "$work/tips" > "$work/vouched"; mv "$work/vouched" "$work/tips"
fi

sequence=0 previous=null counts=0 artifacts=0 gone=0 : > "$work/expected"
for file in "$feed"/log/*.jws; do
  sequence=$((sequence + 1))
  [ "$(basename "$file")" = "$(printf '%08d.jws' "$sequence")" ] || fail "publication $sequence is missing"
  open_jws "$file" spampots-manifest+jws
  jq -e --argjson n "$sequence" '.type == "spampots-manifest" and .sequence == $n' "$work/payload" > /dev/null || fail "$file is of another number"
  [ "$(jq -r .previous_sha256 "$work/payload")" = "$previous" ] || fail "publication $sequence doesn't follow the one before it"
  place=$(jq -r '[.issuer, .partner, .feed] | @tsv' "$work/payload")
  [ "${first:=$place}" = "$place" ] || fail "publication $sequence is of another issuer, partner or feed"
  previous=$(digest "$work/payload")
  if is_live "$kid" || grep -qx "$previous" "$work/tips"; then counts=$sequence; fi
  jq -r '(.withdraws.sequences // [])[]' "$work/payload" >> "$work/withdrawn"
  jq -r '.artifacts[] | [.sha256, .bytes, .sha256[0:16] + "-" + .name] | @tsv' "$work/payload" |
    sed "s/^/$sequence	$(jq -r .retain_until "$work/payload")	/" >> "$work/expected"
  next_by=$(jq -r '.next_by // ""' "$work/payload")
done
[ "$sequence" -gt 0 ] || fail "the log is empty"
[ "$counts" -eq "$sequence" ] || fail "publications $((counts + 1)) to $sequence are signed by a retired key, and nothing by a live one reaches them"

now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
while IFS='	' read -r number retain sha256 bytes name; do
  path="$feed/artifacts/$name"
  if [ -f "$path" ]; then
    [ "$(wc -c < "$path")" -eq "$bytes" ] && [ "$(digest "$path")" = "$sha256" ] || fail "$path isn't what was signed"
    artifacts=$((artifacts + 1))
  elif grep -qx "$number" "$work/withdrawn" || ! expr "$now" \< "$retain" > /dev/null; then gone=$((gone + 1))
  else fail "$path of publication $number is missing"
  fi
done < "$work/expected"

echo "Holds: $sequence publications of $(printf '%s' "$first" | tr '\t' ' '), $artifacts artifacts ($gone expired or withdrawn)."
[ -z "$next_by" ] || ! expr "$next_by" \< "$now" > /dev/null || fail "another publication was promised by $next_by and isn't there"
