# syntax=docker/dockerfile:1
FROM python:3.11-slim AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv && \
    /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 quikapp
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY main.py databricks.yml ./
COPY resources ./resources
COPY notebooks ./notebooks
COPY src ./src
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 QUIKAPP_ML_HOME=/data
RUN install -d -o quikapp -g quikapp -m 700 /data
VOLUME /data
USER quikapp
EXPOSE 5008
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5008/health/live', timeout=2)"]
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "5008"]
