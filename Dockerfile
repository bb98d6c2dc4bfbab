# Nuanshao's own processes: one image, the command chooses (migrate, ingest, alerts, api, broker-access).

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/nuanshao
WORKDIR /opt/nuanshao/src
COPY requirements.lock ./
# wheels only: nothing is compiled, and nothing that the lock does not name by hash comes in
RUN /opt/nuanshao/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE cli.py ./
COPY alerts alerts
COPY api api
COPY bench bench
COPY broker broker
COPY canary canary
COPY carriers carriers
COPY catalogue catalogue
COPY chaos chaos
COPY dashboards dashboards
COPY demo demo
COPY device_sim device_sim
COPY foundation foundation
COPY ingest ingest
COPY registry registry
COPY runtime runtime
COPY store store
# editable: the packages are used where they lie, with their data files (YAML, SQL, pages) beside them
RUN /opt/nuanshao/bin/pip install --no-deps --no-build-isolation --editable . \
    && /opt/nuanshao/bin/python -m compileall -q . \
    && /opt/nuanshao/bin/pip uninstall --yes pip

FROM python:3.11.14-slim-bookworm
# the number is Mosquitto's in its official image: broker-access shares the password file with it
RUN useradd --uid 1883 --no-create-home --shell /usr/sbin/nologin nuanshao \
    # a fresh volume of alerts takes owner and mode from here
    && install -d -o 1883 -g 1883 -m 0700 /var/lib/nuanshao
COPY --from=build /opt/nuanshao /opt/nuanshao
ENV PATH=/opt/nuanshao/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RUST_BACKTRACE=0
WORKDIR /var/empty
USER 1883:1883
ENTRYPOINT ["nuanshao"]
CMD ["--help"]
