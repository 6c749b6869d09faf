# The base and the probe of infra/docker/triton.Dockerfile; its packages, models and corpus are mounted.
FROM python:3.11-slim
COPY infra/triton /opt/weir/triton
COPY infra/docker/ready.sh /opt/weir/ready.sh
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=24 \
  CMD ["bash", "/opt/weir/ready.sh", "8000", "/v2/health/ready"]
