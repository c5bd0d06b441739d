#!/bin/sh
# Makes an Ed25519 key to come in with, and prints the line for the operator: its public half. Needs openssl 3 and coreutils.
#
#   new-key.sh KEY.pem
set -eu
if [ -e "$1" ]; then echo "$1 is there already; a key is never overwritten" >&2; exit 1; fi
encode() { basenc --base64url -w 0 | tr -d =; }
umask 077
openssl genpkey -algorithm ed25519 -out "$1"
x=$(openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | encode)
printf '%s\n' "- {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"$x\"}"
echo "Send the operator that line. Thumbprint, to be compared by phone: $(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" | openssl dgst -sha256 -binary | encode)" >&2
