# The model server of the production shape: the Triton of the nvidia-pytriton wheel, as the embedded stack starts it, with this
# repository's models, their packages and the corpus. NVIDIA's own image has Python 3.10, which these packages do not support.
FROM python:3.11-slim
ENV TZ=UTC
# llama.cpp, which the model chat runs on, asks for libgomp1. No version is named: the base image's Debian keeps one alone.
# hadolint ignore=DL3008
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY infra/triton/requirements.txt infra/triton/requirements-bare.txt /opt/weir/triton/
RUN python -m venv /opt/models \
 && /opt/models/bin/pip install --no-cache-dir -r /opt/weir/triton/requirements.txt \
 && /opt/models/bin/pip install --no-cache-dir --no-deps -r /opt/weir/triton/requirements-bare.txt
COPY infra/triton /opt/weir/triton
RUN /opt/models/bin/python /opt/weir/triton/prepare.py --corpus-dir /opt/weir/corpus \
 && useradd --uid 10001 --user-group --no-create-home weir
COPY infra/docker/ready.sh /opt/weir/ready.sh
USER 10001
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=24 \
  CMD ["bash", "/opt/weir/ready.sh", "8000", "/v2/health/ready"]
CMD ["/opt/models/bin/python", "/opt/weir/triton/launch.py", "--env", "/opt/models", "--models", "/opt/weir/triton/models", \
     "--corpus-dir", "/opt/weir/corpus", "--host", "0.0.0.0", "--http-port", "8000", "--grpc-port", "8001", \
     "--metrics-port", "8002"]
