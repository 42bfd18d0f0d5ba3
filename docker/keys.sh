#!/bin/sh
# keys FOLDER: makes what is not there yet. For development; elsewhere an identity provider has the keys
# of tokens, and a vault the other.
#   FOLDER/private/key.pem, FOLDER/public/key.pem   the pair that signs and verifies tokens
#   FOLDER/sealing/settings.toml                    the key that seals suppliers' credentials, as a setting
set -eu
umask 077
mkdir -p "$1/private" "$1/public" "$1/sealing"

# Each appears whole or not at all: the next start takes what is there for good.
if [ ! -s "$1/public/key.pem" ]; then
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1/private/key.pem"
  openssl pkey -in "$1/private/key.pem" -pubout -out "$1/public/key.new"
  chmod 444 "$1/public/key.new"
  mv "$1/public/key.new" "$1/public/key.pem"
fi

if [ ! -s "$1/sealing/settings.toml" ]; then
  key=$(openssl rand -hex 32)
  printf '[supplier_sync]\nsecret_key = "%s"\n' "$key" >"$1/sealing/settings.new"
  mv "$1/sealing/settings.new" "$1/sealing/settings.toml"
fi
