#!/bin/bash
# Builds an image on a machine without a Docker engine, by buildah, and runs it as it is to be run: without
# rights, and on a root file system that is read-only. As root on Debian, from the repository's root:
#
#   docker/build-without-docker.sh                        # onhand, with the profile dev
#   PROFILE=release docker/build-without-docker.sh
#
# The images that the Dockerfile starts from are stood in for: Debian's by mmdebstrap, Rust's by that with a
# C compiler and this machine's toolchain. So it tells whether the Dockerfile builds and what comes of it
# runs; the images that are released are built by .github/workflows/release.yml.
set -euo pipefail
cd "$(dirname "$0")/.."
target=onhand
profile=${PROFILE:-dev}
work=$PWD/target/images
http=18080 grpc=18055

for tool in buildah mmdebstrap; do
  command -v "$tool" >/dev/null || { echo "apt-get install --no-install-recommends buildah mmdebstrap" >&2 && exit 2; }
done
mkdir -p "$work"
b() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
argument() { sed -n "s/^ARG $1=//p" Dockerfile; }
suite=$(argument DEBIAN)
debian=docker.io/library/debian:$suite-$(argument DEBIAN_OF)-slim
rust=docker.io/library/rust:$(argument RUST)-slim-$suite

# stand_in NAME ARCHIVE…: an image of these files.
stand_in() {
  local name=$1 container
  shift
  container=$(b from scratch)
  for archive in "$@"; do b add --quiet "$container" "$archive" / >/dev/null; done
  b config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env CARGO_HOME=/usr/local/cargo "$container"
  b commit --quiet --rm "$container" "$name" >/dev/null
}

if ! b inspect --type image "$debian" >/dev/null 2>&1; then
  mmdebstrap --quiet --mode=root --variant=minbase "$suite" "$work/debian.tar"
  stand_in "$debian" "$work/debian.tar"
fi
if ! b inspect --type image "$rust" >/dev/null 2>&1; then
  mmdebstrap --quiet --mode=root --variant=minbase --include=gcc,libc6-dev,ca-certificates "$suite" "$work/rust.tar"
  # The certificates that this machine trusts, for a registry behind a proxy of its own.
  mkdir -p "$work/toolchain/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/toolchain/etc/ssl/certs/"
  tar -C "$work/toolchain" -cf "$work/certificates.tar" .
  tar -C "$(rustc --print sysroot)" --exclude=./share --transform='s,^\.,usr/local,' -cf "$work/toolchain.tar" .
  stand_in "$rust" "$work/rust.tar" "$work/certificates.tar" "$work/toolchain.tar"
fi

b build --isolation chroot --format docker --pull-never --jobs 1 --build-arg PROFILE="$profile" --target "$target" --tag "onhand/$target" .
b inspect --type image --format '{{.Docker.Config.User}} {{.Docker.Config.Healthcheck}} {{.Docker.Config.Labels}}' "onhand/$target"

container=$(b from "onhand/$target")
root=$(b mount "$container")
data=$(mktemp -d "$work/data.XXXX")
chown 10001:10001 "$data"
server=
# shellcheck disable=SC2329 # the trap below is who invokes it
clean() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
  b rm "$container" >/dev/null
  rm -r "$data"
}
trap clean EXIT
du -sh "$root"

# in_image COMMAND…: as the image's user, on its files, of which only /data can be written to.
in_image() {
  # shellcheck disable=SC2016 # the inner shell's own words
  exec unshare --mount --fork --kill-child sh -euc '
    root=$1 data=$2
    shift 2
    mount --bind "$root" "$root"
    mount --bind "$data" "$root/data"
    mount --bind /dev "$root/dev"
    mount -o remount,bind,ro "$root"
    exec chroot --userspec=10001:10001 "$root" "$@"' sh "$root" "$data" "$@"
}

if (in_image touch /written) 2>/dev/null; then echo "the root file system can be written to" >&2 && exit 1; fi
export ONHAND__ONHAND__LISTEN=127.0.0.1:$http ONHAND__ONHAND__GRPC_LISTEN=127.0.0.1:$grpc
(in_image onhand) &
server=$!
# The image's own health check; a slow machine takes a while to make two databases.
for _ in $(seq 120); do
  kill -0 "$server"
  if (in_image ready "$http") 2>/dev/null; then
    curl --fail --silent --show-error "http://127.0.0.1:$http/health"
    echo
    ls -ln "$data"
    echo "onhand/$target is built, and runs without rights on a root file system that is read-only"
    exit 0
  fi
  sleep 1
done
echo "not ready after two minutes" >&2
exit 1
