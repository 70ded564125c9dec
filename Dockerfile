# Builds with everything, runs with what it needs.
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
COPY src src
COPY connectors connectors
COPY test test
RUN npm ci --omit=optional && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:22-slim
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY pipelines pipelines
COPY config config
RUN mkdir -p .tidecast out && chown node:node .tidecast out
USER node
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["run", "pipelines/taxi.yaml"]
