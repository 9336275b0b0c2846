# syntax=docker/dockerfile:1
# Queue consumers and their Python processes. Build from the repository's root:
#   docker build -f deploy/docker/worker.Dockerfile -t celeriac-worker .
# The commands of the build are those of the README's "In production"; test/deploy compares and runs them.
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS base
# Debian 12's Python is 3.11. tini: see the end of this file. No versions: Debian keeps only the newest of each.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 tini \
    && rm -rf /var/lib/apt/lists/*

# Apart from the JavaScript, so that a change of the sources does not fetch the scientific stack again.
FROM base AS python
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/celeriac
COPY packages/operators/requirements.lock packages/operators/
RUN python3 -m venv .venv
RUN --mount=type=cache,target=/root/.cache/pip .venv/bin/pip install --only-binary :all: --requirement packages/operators/requirements.lock

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/celeriac
COPY . .
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
RUN npm run build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --omit=dev --workspace @celeriac/cli

FROM base
LABEL org.opencontainers.image.title="celeriac-worker" \
      org.opencontainers.image.description="Celeriac: worker with a pool of Python processes" \
      org.opencontainers.image.licenses="Apache-2.0"
# Made here so that a fresh volume on it belongs to the user that the process runs as.
RUN install --directory --owner=node --group=node /var/lib/celeriac
WORKDIR /opt/celeriac
COPY --from=python /opt/celeriac/.venv .venv
COPY --from=build /opt/celeriac ./
ENV NODE_ENV=production \
    PATH=/opt/celeriac/node_modules/.bin:$PATH \
    CELERIAC_PYTHON=/opt/celeriac/.venv/bin/python \
    CELERIAC_DATA_DIR=/var/lib/celeriac \
    CELERIAC_HTTP_HOST=0.0.0.0 \
    CELERIAC_HTTP_PORT=8781
# `node`, by number: Kubernetes' runAsNonRoot checks numbers only.
USER 1000
VOLUME /var/lib/celeriac
EXPOSE 8781
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "deploy/docker/ready.mjs"]
STOPSIGNAL SIGTERM
# Operators may leave processes behind when theirs is killed; tini reaps them and passes signals on.
ENTRYPOINT ["tini", "--", "celeriac"]
CMD ["worker"]
