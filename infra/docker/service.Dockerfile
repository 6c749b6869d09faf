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
RUN useradd --system --home /var/lib/weir weir && install -d -o weir /var/lib/weir
COPY --from=build /opt/weir /opt/weir
USER weir
VOLUME /var/lib/weir
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=2s --start-period=20s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"
# exec: signals reach the service, not a shell.
CMD ["sh", "-c", "exec python -m weir.${SERVICE}"]
