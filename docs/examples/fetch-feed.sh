#!/bin/sh
# Fetches what is new of one feed with nothing but a shell, curl, jq and coreutils. Run it from cron.
#
#   fetch-feed.sh URL FOLDER
#
# URL is the feed's, such as https://BUCKET.s3.REGION.amazonaws.com/partners/ID/spam-sources. FOLDER is where it goes:
# FOLDER/log and FOLDER/artifacts. For S3, set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION. Publications are
# numbered without gaps, so that nothing has to be listed. It verifies nothing: do that afterwards.
set -eu
url=${1%/} folder=$2
mkdir -p "$folder/log" "$folder/artifacts"
part=$folder/.part manifest=$folder/.manifest
trap 'rm -f "$part" "$manifest"' EXIT

# Prints the HTTP status of a file that is asked for; leaves its bytes in $part. Credentials go by standard input, where
# other users of the machine don't see them.
get() {
  { if [ -n "${AWS_ACCESS_KEY_ID:-}" ]; then
      printf 'aws-sigv4 = "aws:amz:%s:s3"\nuser = "%s:%s"\n' "${AWS_REGION:-us-east-1}" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
      # S3 wants the digest of the body, which is empty; not every curl sends it by itself.
      echo 'header = "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'
      if [ -n "${AWS_SESSION_TOKEN:-}" ]; then printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"; fi
    fi; } | curl --config - --silent --show-error --retry 3 --output "$part" --write-out '%{http_code}' "$url/$1"
}

# The names of a publication's files. They are an opponent's until verified: whatever isn't a plain name is left out.
names() {
  jq -r .payload "$1" | tr -- '-_' '+/' | jq -Rr '. + ("=" * ((4 - length % 4) % 4)) | @base64d | fromjson
    | .artifacts[] | .sha256[0:16] + "-" + .name | select(test("^[0-9a-f]{16}-[A-Za-z0-9][A-Za-z0-9._-]*$"))'
}

sequence=1
while :; do
  log=$(printf 'log/%08d.jws' "$sequence")
  if [ ! -f "$folder/$log" ]; then
    status=$(get "$log")
    # S3 says 403 for what isn't there to those who may not list.
    case $status in 200) ;; 404 | 403) break ;; *) echo "$url/$log: HTTP status $status" >&2; exit 1 ;; esac
    mv "$part" "$manifest"
    for name in $(names "$manifest"); do
      if [ -f "$folder/artifacts/$name" ]; then continue; fi
      status=$(get "artifacts/$name")
      case $status in
        200) mv "$part" "$folder/artifacts/$name"; echo "artifacts/$name" ;;
        404 | 403) echo "artifacts/$name isn't there: expired or withdrawn, or else verifying names it" >&2 ;;
        *) echo "$url/artifacts/$name: HTTP status $status" >&2; exit 1 ;;
      esac
    done
    mv "$manifest" "$folder/$log" # last: what was interrupted is taken up again
    echo "$log"
  fi
  sequence=$((sequence + 1))
done
if [ "$sequence" -eq 1 ]; then echo "There is nothing at $url/log/, or it may not be read: HTTP status $status" >&2; exit 1; fi
