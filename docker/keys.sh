#!/bin/sh
# keys FOLDER: makes the pair that signs and verifies tokens, once: FOLDER/private/key.pem and
# FOLDER/public/key.pem. For development; elsewhere an identity provider has the keys.
set -eu
[ -s "$1/public/key.pem" ] && exit 0
umask 077
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1/private/key.pem"
openssl pkey -in "$1/private/key.pem" -pubout -out "$1/public/key.new"
chmod 444 "$1/public/key.new"
mv "$1/public/key.new" "$1/public/key.pem"
