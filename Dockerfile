# The gateway's image. `npm run image` builds it and tries it; docs/operations.md says how to run it.
#
# The digest is that of the index, for amd64 and arm64. To move on, take the tag's newest:
#   docker buildx imagetools inspect docker.io/library/node:24-bookworm-slim
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20

FROM ${NODE_IMAGE} AS build
# Of an authority that a proxy between here and the registry signs with. It stays in this stage.
ARG NODE_EXTRA_CA_CERTS
WORKDIR /src
COPY package.json package-lock.json ./
COPY tools/node/package.json tools/node/
RUN npm ci --workspaces=false --ignore-scripts --no-audit --no-fund
COPY . .
RUN sh scripts/stage.sh /staged/app && node tools/image-root.ts /staged && chmod -R a+rX,go-w /staged

# Empty: what is there is the program, Node, and the few libraries that Node loads. No shell, no npm, no package manager.
FROM scratch
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sallyport" \
      org.opencontainers.image.description="Backend-for-frontend auth gateway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/local/bin \
    NODE_ENV=production \
    SALLYPORT_CONFIG=/etc/sallyport/gateway.yaml
# Root's, and so read-only for the user below. Nothing is ever written: run it with a read-only root.
COPY --from=build --chown=0:0 /staged /
WORKDIR /app
# A number: Kubernetes cannot tell from a name that it is not root (runAsNonRoot).
USER 65532:65532
# The public port, and the one of the probes.
EXPOSE 8080 9091
STOPSIGNAL SIGTERM
# Needs `probes` in the configuration. Kubernetes has probes of its own and ignores this.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9091/livez').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Of the memory limit of a small container V8 makes a young space of 1 MiB, in which requests cost twice as much
# (docs/decisions/019).
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/dist/cli/main.js"]
CMD ["serve"]
