# One image for everything: operator, shard agents, tools. `holdfast <command>` is on the PATH; pods name the command themselves.
# The root file system is never written to: data goes to /data (an emptyDir in shard pods).
ARG NODE_IMAGE=node:24.21.0-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package of ours needs an install script, and none gets to run one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY operator ./operator
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# A program of its own, so that "holdfast" works as the first word of a pod's command; exec leaves node as the process that gets signals.
RUN printf '#!/bin/sh\nexec node --enable-source-maps /app/dist/src/cli/main.js "$@"\n' > /usr/local/bin/holdfast \
  && chmod 0755 /usr/local/bin/holdfast \
  && install --directory --owner=65532 --group=65532 /data
USER 65532:65532
VOLUME /data
ENTRYPOINT ["holdfast"]
CMD ["--help"]
