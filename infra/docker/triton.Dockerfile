# The model server of the production shape: NVIDIA's image with this repository's models and their packages.
FROM nvcr.io/nvidia/tritonserver:24.10-py3
COPY infra/triton /opt/weir/triton
RUN pip install --no-cache-dir -r /opt/weir/triton/requirements.txt \
 && python3 /opt/weir/triton/prepare.py --corpus-dir /opt/weir/corpus
ENV WEIR_CORPUS_DIR=/opt/weir/corpus HF_HUB_OFFLINE=1
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=2s --start-period=60s CMD curl -fs http://127.0.0.1:8000/v2/health/ready
CMD ["tritonserver", "--model-repository=/opt/weir/triton/models", "--disable-auto-complete-config"]
