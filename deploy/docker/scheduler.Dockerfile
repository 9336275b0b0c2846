# syntax=docker/dockerfile:1
# API and engine; also `migrate` and the whole `celeriac` command. Build from the repository's root:
#   docker build -f deploy/docker/scheduler.Dockerfile -t celeriac-scheduler .
# The commands of the build are those of the README's "In production"; test/deploy compares and runs them.
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/celeriac
COPY . .
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
RUN npm run build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --omit=dev --workspace @celeriac/cli

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="celeriac-scheduler" \
      org.opencontainers.image.description="Celeriac: REST API and DAG engine" \
      org.opencontainers.image.licenses="Apache-2.0"
# Made here so that a fresh volume on it belongs to the user that the process runs as.
RUN install --directory --owner=node --group=node /var/lib/celeriac
WORKDIR /opt/celeriac
COPY --from=build /opt/celeriac ./
ENV NODE_ENV=production \
    PATH=/opt/celeriac/node_modules/.bin:$PATH \
    CELERIAC_DATA_DIR=/var/lib/celeriac \
    CELERIAC_HTTP_HOST=0.0.0.0 \
    CELERIAC_HTTP_PORT=8780
# `node`, by number: Kubernetes' runAsNonRoot checks numbers only.
USER 1000
VOLUME /var/lib/celeriac
EXPOSE 8780
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "deploy/docker/ready.mjs"]
# Node is the only process and handles SIGTERM itself: it finishes its batch and leaves its partitions to the others.
STOPSIGNAL SIGTERM
ENTRYPOINT ["celeriac"]
CMD ["scheduler"]
