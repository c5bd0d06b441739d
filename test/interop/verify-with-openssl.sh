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
tab=$(printf '\t')
fail() { echo "WRONG: $*" >&2; exit 1; }
digest() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }

# Bytes to base64url.
encode() { base64 | tr '+/' '-_' | tr -d '=\n'; }

# Strict base64url ($1) to bytes (file $2): what comes back must be spelled the same.
decode() {
  case $((${#1} % 4)) in 2) padding="==" ;; 3) padding="=" ;; *) padding="" ;; esac
  printf '%s%s' "$1" "$padding" | tr -- '-_' '+/' | base64 -d > "$2" 2> /dev/null || fail "not base64url"
  [ "$(encode < "$2")" = "$1" ] || fail "not strict base64url"
}

# The issuer's keys as PEM: twelve constant bytes (RFC 8410) and the 32 bytes of x. A key's name is its RFC 7638 thumbprint.
jq -r '.keys[] | select(.kty == "OKP" and .crv == "Ed25519") | [.kid, .x, has("retired_at")] | @tsv' "$jwks" > "$work/keys"
while IFS="$tab" read -r kid x retired; do
  name=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" | openssl dgst -sha256 -binary | encode)
  [ "$name" = "$kid" ] || fail "the key $kid isn't what its name says"
  decode "$x" "$work/x"
  { echo "-----BEGIN PUBLIC KEY-----"
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/x"; } | base64
    echo "-----END PUBLIC KEY-----"; } > "$work/$kid.pem"
  if [ "$retired" = false ]; then : > "$work/$kid.live"; fi
done < "$work/keys"

# Checks the signature of the JWS file $1, made for the use $2; leaves its payload in $work/payload and the key's name in $kid.
open_jws() {
  parts=$(jq -er 'if keys == ["payload","protected","signature"] then [.protected, .payload, .signature] | @tsv else error("?") end' "$1") || fail "$1 has other members"
  IFS="$tab" read -r protected payload signature << END
$parts
END
  decode "$protected" "$work/header"; decode "$payload" "$work/payload"; decode "$signature" "$work/signature"
  kid=$(jq -er --arg typ "$2" 'if keys == ["alg","kid","typ"] and .alg == "EdDSA" and .typ == $typ then .kid else error("?") end' "$work/header") || fail "$1 has another header"
  case $kid in */* | .*) fail "$1 names no key" ;; esac
  [ -f "$work/$kid.pem" ] || fail "the key $kid isn't in $jwks"
  printf '%s.%s' "$protected" "$payload" > "$work/input"
  openssl pkeyutl -verify -pubin -inkey "$work/$kid.pem" -rawin -in "$work/input" -sigfile "$work/signature" > /dev/null || fail "the signature of $1 doesn't hold"
}

# Publications that announcements state, up to the last announcement that a live key signed.
: > "$work/tips"; : > "$work/vouched"
if [ -n "$announcements" ]; then
  previous=null n=0
  for file in "$announcements"/*.jws; do
    n=$((n + 1))
    [ "$(basename "$file")" = "$(printf '%08d.jws' "$n")" ] || fail "announcement $n is missing"
    open_jws "$file" spampots-keys+jws
    [ "$(jq -r .previous_sha256 "$work/payload")" = "$previous" ] || fail "announcement $n doesn't follow the one before it"
    previous=$(digest "$work/payload")
    jq -r '.tips[].payload_sha256' "$work/payload" >> "$work/tips"
    if [ -f "$work/$kid.live" ]; then cp "$work/tips" "$work/vouched"; fi
  done
fi

sequence=0 previous=null counts=0
: > "$work/artifacts"; : > "$work/withdrawn"
for file in "$feed"/log/*.jws; do
  sequence=$((sequence + 1))
  [ "$(basename "$file")" = "$(printf '%08d.jws' "$sequence")" ] || fail "publication $sequence is missing"
  open_jws "$file" spampots-manifest+jws
  facts=$(jq -er 'if .type == "spampots-manifest" then [.sequence, (.previous_sha256 // "null"), (.next_by // "none"), .issuer, .partner, .feed] | @tsv else error("?") end' "$work/payload") || fail "$file is no manifest"
  IFS="$tab" read -r number follows next_by place << END
$facts
END
  [ "$number" = "$sequence" ] || fail "$file is of another number"
  [ "$follows" = "$previous" ] || fail "publication $sequence doesn't follow the one before it"
  [ "${first:=$place}" = "$place" ] || fail "publication $sequence is of another issuer, partner or feed"
  previous=$(digest "$work/payload")
  if [ -f "$work/$kid.live" ] || grep -qx "$previous" "$work/vouched"; then counts=$sequence; fi
  jq -r '.artifacts[] as $a | [.sequence, .retain_until, $a.sha256, $a.bytes, $a.sha256[0:16] + "-" + $a.name] | @tsv' "$work/payload" >> "$work/artifacts"
  jq -r '(.withdraws.sequences // [])[]' "$work/payload" >> "$work/withdrawn"
done
[ "$counts" -eq "$sequence" ] || fail "publications $((counts + 1)) to $sequence are signed by a retired key, and nothing by a live one reaches them"

now=$(date -u +%Y-%m-%dT%H:%M:%SZ) there=0 gone=0
while IFS="$tab" read -r number retain_until sha256 bytes name; do
  path="$feed/artifacts/$name"
  if [ -f "$path" ]; then
    [ "$(wc -c < "$path")" -eq "$bytes" ] && [ "$(digest "$path")" = "$sha256" ] || fail "$path isn't what was signed"
    there=$((there + 1))
  elif grep -qx "$number" "$work/withdrawn" || ! expr "$now" \< "$retain_until" > /dev/null; then gone=$((gone + 1))
  else fail "$path of publication $number is missing"
  fi
done < "$work/artifacts"

echo "Holds: $sequence publications of $(echo "$first" | tr '\t' ' '), $there artifacts ($gone expired or withdrawn)."
[ "$next_by" = none ] || ! expr "$next_by" \< "$now" > /dev/null || fail "another publication was promised by $next_by and isn't there"
