# syntax=docker/dockerfile:1
# All services from one build: `docker build --target stock-updater .`, and so on for stock-checker,
# supplier-sync and onhand (the default, all in one process). Each runs as a user without rights and
# writes nowhere but /data, which only SQLite needs: the root file system may be read-only.

ARG DEBIAN=bookworm

FROM rust:1.95.0-slim-${DEBIAN} AS build
# The image's own toolchain, not one that rustup would fetch with lints and formatter.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --workspace --bins && \
    install -D --target-directory=/out \
      target/release/onhand target/release/stock-checker target/release/stock-updater target/release/supplier-sync

FROM debian:${DEBIAN}-slim AS base
# hadolint ignore=DL3008 # the newest certificates, not those of the day this was written
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /data
COPY --chmod=755 docker/ready.sh /usr/local/bin/ready

# Makes the keys, and the tokens. Only for docker-compose.yml.
FROM base AS token
# hadolint ignore=DL3008 # the newest openssl, likewise
RUN apt-get update && \
    apt-get install --yes --no-install-recommends openssl && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /keys/private /keys/public /keys/sealing
COPY --chmod=755 docker/keys.sh /usr/local/bin/keys
COPY --chmod=755 docker/token.sh /usr/local/bin/token
USER 10001:10001
ENTRYPOINT ["token"]

FROM base AS service
WORKDIR /
USER 10001:10001

FROM service AS stock-updater
COPY --from=build /out/stock-updater /usr/local/bin/
EXPOSE 8000 50055
ENTRYPOINT ["stock-updater"]

FROM service AS stock-checker
COPY --from=build /out/stock-checker /usr/local/bin/
EXPOSE 8001 5555
ENTRYPOINT ["stock-checker"]

FROM service AS supplier-sync
COPY --from=build /out/supplier-sync /usr/local/bin/
EXPOSE 8002
ENTRYPOINT ["supplier-sync"]

FROM service AS onhand
COPY --from=build /out/onhand /usr/local/bin/
EXPOSE 8080 50055
VOLUME /data
ENTRYPOINT ["onhand"]
