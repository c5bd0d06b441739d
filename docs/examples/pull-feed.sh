#!/bin/sh
# What is new of one feed, by the pull API, with a shell, curl, openssl 3, jq and coreutils. Run it from cron; it stops at
# whatever isn't proven, and a publication whose manifest is in FOLDER/log is there as a whole.
#
#   pull-feed.sh URL PARTNER KEY.pem FEED FOLDER THUMBPRINT
#
# KEY.pem is your Ed25519 key. THUMBPRINT is of the issuer's key (Ed25519), as you were told it by phone.
set -eu
url=$1 partner=$2 key=$3 feed=$4 folder=$5 pin=$6 api=$1/v1/feeds/$4/publications
if [ ! -r "$key" ]; then echo "There is no key $key: make one by new-key.sh" >&2; exit 2; fi
mkdir -p "$folder/log" "$folder/artifacts"; work=$(mktemp -d "$folder/.tmpXXXXXX"); trap 'rm -rf "$work"' EXIT
encode() { basenc --base64url -w 0 | tr -d =; }
decode() { jq -Rrj '. + "=" * (3 - (length + 3) % 4)' | basenc --base64url -d; }
digest() { sha256sum "$@" | cut -c 1-64; }
get() { curl -sS --retry 3 -H "@$work/header" "$@"; }
fail() { echo "$*" >&2; exit 3; }
# A token, against a short assertion that our key signs.
jq -jn --arg me "$partner" --arg url "$url" --arg jti "$(openssl rand -hex 16)" 'now | floor | {iss: $me, sub: $me, aud: $url, iat: ., exp: (. + 60), jti: $jti}' > "$work/claims"
printf %s.%s "$(printf '{"alg":"EdDSA"}' | encode)" "$(encode < "$work/claims")" > "$work/input"
printf 'grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=%s.%s' "$(cat "$work/input")" "$(openssl pkeyutl -sign -inkey "$key" -rawin -in "$work/input" | encode)" |
  curl -sSf -d @- -o "$work/token" "$url/oauth2/token"
jq -r '"authorization: Bearer " + .access_token' "$work/token" > "$work/header"
# The issuer's key: what the service says counts only if it is the one whose thumbprint we know.
get -f -o "$work/keys" "$url/v1/keys"; x=$(jq -r --arg pin "$pin" '.keys[] | select(.kid == $pin).x' "$work/keys")
[ "$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" | openssl dgst -sha256 -binary | encode)" = "$pin" ] || fail "another key than $pin"
printf MCowBQYDK2VwAyEA%s "$x" | decode > "$work/issuer.der"
# From the newest that we have: its number, and the digest that the next one must name.
after=$(ls "$folder/log" | sed -n '$s/^0*\([0-9]*\)\.jws$/\1/p') previous=null
[ -z "$after" ] || previous=$(jq -rj .payload "$folder/log/$(printf %08d "$after").jws" | decode | digest)
list=$(get -f "$api?after=${after:-0}" | jq -nr '[input.publications[].sequence | floor | tostring] | join(" ")')
for n in $list; do
  get -f -H 'accept: application/jose+json' -o "$work/jws" "$api/$n"
  jq -rj '.protected + "." + .payload' "$work/jws" > "$work/input"; jq -rj .signature "$work/jws" | decode > "$work/signature"
  jq -rj .payload "$work/jws" | decode > "$work/manifest"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/issuer.der" -rawin -in "$work/input" -sigfile "$work/signature" > /dev/null || fail "the signature of $n doesn't hold"
  jq -r --arg me "$partner" --arg feed "$feed" --arg previous "$previous" --argjson n "$n" 'if [.type, .partner, .feed, .sequence, .previous_sha256 // "null"] == ["spampots-manifest", $me, $feed, $n, $previous]
    then .artifacts[] | .sha256 + " " + .name else error("this is not the publication that should be here") end' "$work/manifest" > "$work/files"
  while read -r sha256 name; do
    status=$(get -o "$work/file" -w '%{http_code}' "$api/$n/$name")
    if [ "$status" = 410 ]; then echo "$n/$name was withdrawn or is expired" >&2; continue; fi
    if [ "$status" != 200 ]; then echo "$n/$name: HTTP status $status" >&2; exit 1; fi
    [ "$(digest "$work/file")" = "$sha256" ] || fail "$n/$name isn't what was signed"
    mv "$work/file" "$folder/artifacts/$(printf %.16s "$sha256")-$name"
  done < "$work/files"
  previous=$(digest "$work/manifest"); mv "$work/jws" "$folder/log/$(printf %08d "$n").jws"; echo "$feed $n"
done
