# sparsed in a container: the Debian package, and nothing that compiles. Built and run as
# docs/kubernetes.md says.
FROM debian:12-slim AS build
WORKDIR /src
COPY . .
# Packages, programs, tests' none: build/release/sparsed_VERSION_ARCH.deb
RUN ./bootstrap deb

FROM debian:12-slim
# apt-get also brings the libraries that the package names.
RUN --mount=type=bind,from=build,source=/src/build/release,target=/deb \
    apt-get update \
    && apt-get install -y --no-install-recommends /deb/sparsed_*.deb \
    && rm -rf /var/lib/apt/lists/*
# A number, so that runAsNonRoot can be checked; no home, no shell, nothing of its own to write.
USER 10001:10001
WORKDIR /var/lib/sparsed
EXPOSE 9464
# SIGTERM drains; sparsed handles it as the first process too.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/sparsed"]
CMD ["--config", "/etc/sparsed/trigger.toml"]
