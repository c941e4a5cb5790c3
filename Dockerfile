# syntax=docker/dockerfile:1
# A live node. Nothing secret is in here: keys come from the environment of the container.
#
# For a build that can be repeated to the byte, pin the base by its digest:
#   docker build --build-arg BASE=python:3.12-slim@sha256:... -t morningstar:local .
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
COPY requirements-live.lock ./
RUN python -m venv /opt/morningstar \
    && /opt/morningstar/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements-live.lock
COPY pyproject.toml README.md LICENSE ./
COPY adapters adapters
COPY morningstar_strategy morningstar_strategy
RUN /opt/morningstar/bin/pip install --no-build-isolation --no-deps --no-index .

FROM ${BASE} AS node
ENV PATH=/opt/morningstar/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/app/cache \
    OMP_NUM_THREADS=1 \
    HOME=/tmp
WORKDIR /app
RUN groupadd --gid 10001 morningstar \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin morningstar \
    && install -d -o 10001 -g 10001 /app/runs /app/data /app/cache
COPY --from=build /opt/morningstar /opt/morningstar
COPY catalog catalog
COPY config config
COPY live live
COPY reports reports
# The local exchange that paper trading without a network plays on
COPY tests/__init__.py tests/__init__.py
COPY tests/venue tests/venue
USER 10001:10001
VOLUME ["/app/runs", "/app/data", "/app/cache"]
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 9464, timeout=4); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "live/run_node.py"]
CMD ["--config", "config/paper-local.yaml"]
