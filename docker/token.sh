#!/bin/sh
# token [SUBJECT [ROLE [OWNER]]]: prints a token for an hour, signed with KEY (a file). Roles: admin,
# brand (with the brand it acts for as OWNER), customer, service, viewer.
set -eu
subject=${1:-developer} role=${2:-admin} owner=${3:-}

# What goes between quotes in JSON must not contain any.
case "$subject$role$owner" in
*[!A-Za-z0-9_.@-]*)
  echo "letters, digits and _ . @ - only" >&2
  exit 2
  ;;
esac

encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

expires=$(($(date +%s) + 3600))
claims="\"iss\":\"${ISSUER:-onhand}\",\"aud\":\"${AUDIENCE:-onhand}\",\"exp\":$expires"
claims="$claims,\"sub\":\"$subject\",\"role\":\"$role\"${owner:+,\"owner\":\"$owner\"}"
signed=$(printf '{"alg":"RS256","typ":"JWT"}' | encode).$(printf '{%s}' "$claims" | encode)
signature=$(printf '%s' "$signed" | openssl dgst -sha256 -sign "${KEY:-/keys/private/key.pem}" -binary | encode)
printf '%s.%s\n' "$signed" "$signature"
