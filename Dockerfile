# syntax=docker/dockerfile:1
# All services from one build: `docker build --target stock-updater .`, and so on for stock-checker,
# supplier-sync and onhand (the default, all in one process). Each runs as a user without rights and
# writes nowhere but /data, which only SQLite needs: the root file system may be read-only.
#
# The same sources give the same layers: toolchain, base and crates are named by version, services get
# nothing from a distribution's repository, and `--build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`
# with the output `rewrite-timestamp=true` leaves out when it was built.

ARG RUST=1.95.0
# Also what the Rust image is made of, so that both have the same C library.
ARG DEBIAN=bookworm
ARG DEBIAN_OF=20260918

FROM rust:${RUST}-slim-${DEBIAN} AS build
ARG RUST
# The profile of Cargo.toml. `dev` builds in a third of the time, for trying an image out.
ARG PROFILE=release
# The image's own toolchain, not one that rustup would fetch with lints and formatter. Functions keep their
# names, for a panic's backtrace; what only a debugger needs goes.
ENV RUSTUP_TOOLCHAIN=${RUST} \
    CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_RELEASE_DEBUG=false \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /src
COPY . .
# The caches keep crates and what was compiled of them between builds, outside of any layer.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --profile "${PROFILE}" --workspace --bins && \
    made="target/$(test "${PROFILE}" = dev && echo debug || echo "${PROFILE}")" && \
    install -D --target-directory=/out \
      "${made}/onhand" "${made}/stock-checker" "${made}/stock-updater" "${made}/supplier-sync"

FROM debian:${DEBIAN}-${DEBIAN_OF}-slim AS base
# The only thing in the file system that is theirs.
RUN install -d -o 10001 -g 10001 /data
# HTTPS to suppliers and identity providers needs the certificates, and nothing else of their package.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --chmod=755 docker/ready.sh /usr/local/bin/ready

# Makes the keys, and the tokens. Only for docker-compose.yml.
FROM base AS token
# hadolint ignore=DL3008 # the newest openssl, not that of the day this was written
RUN apt-get update && \
    apt-get install --yes --no-install-recommends openssl && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /keys/private /keys/public /keys/sealing
COPY --chmod=755 docker/keys.sh /usr/local/bin/keys
COPY --chmod=755 docker/token.sh /usr/local/bin/token
USER 10001:10001
# It ends by itself.
HEALTHCHECK NONE
ENTRYPOINT ["token"]

FROM base AS service
ARG VERSION=unreleased
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.vendor="Onhand" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
WORKDIR /
USER 10001:10001

FROM service AS stock-updater
LABEL org.opencontainers.image.title="stock-updater" \
      org.opencontainers.image.description="Every change to stock, over REST, gRPC and events"
COPY --from=build /out/stock-updater /usr/local/bin/
EXPOSE 8000 50055
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=60s CMD ["ready", "8000"]
ENTRYPOINT ["stock-updater"]

FROM service AS stock-checker
LABEL org.opencontainers.image.title="stock-checker" \
      org.opencontainers.image.description="Every question about stock, over REST and gRPC, and a live feed"
COPY --from=build /out/stock-checker /usr/local/bin/
EXPOSE 8001 5555
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=60s CMD ["ready", "8001"]
ENTRYPOINT ["stock-checker"]

FROM service AS supplier-sync
LABEL org.opencontainers.image.title="supplier-sync" \
      org.opencontainers.image.description="Suppliers, their catalogs, and restock orders"
COPY --from=build /out/supplier-sync /usr/local/bin/
EXPOSE 8002
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=60s CMD ["ready", "8002"]
ENTRYPOINT ["supplier-sync"]

FROM service AS onhand
LABEL org.opencontainers.image.title="onhand" \
      org.opencontainers.image.description="The whole inventory system in one process, and its commands"
COPY --from=build /out/onhand /usr/local/bin/
EXPOSE 8080 50055
VOLUME /data
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=60s CMD ["ready", "8080"]
ENTRYPOINT ["onhand"]
