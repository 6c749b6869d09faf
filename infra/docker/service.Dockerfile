# One image per service: docker build --build-arg SERVICE=gateway -f infra/docker/service.Dockerfile .
FROM python:3.11-slim AS build
ARG SERVICE
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY services ./services
RUN python -m venv /opt/weir && /opt/weir/bin/pip install --no-cache-dir -c requirements.lock ".[${SERVICE}]"

FROM python:3.11-slim
ARG SERVICE
ENV SERVICE=${SERVICE} PATH=/opt/weir/bin:$PATH WEIR_HTTP_HOST=0.0.0.0 WEIR_HTTP_PORT=8080 WEIR_DATA_DIR=/var/lib/weir TZ=UTC
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/weir weir && install -d -o weir -g weir -m 700 /var/lib/weir
COPY --from=build /opt/weir /opt/weir
COPY infra/docker/ready.sh /opt/weir/ready.sh
# By number, so that a host and an orchestrator know that it is not root.
USER 10001
VOLUME /var/lib/weir
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=6 \
  CMD ["bash", "/opt/weir/ready.sh", "8080", "/readyz"]
# exec: signals reach the service, not a shell.
CMD ["sh", "-c", "exec python -m weir.${SERVICE}"]
