# darkscope in a container: the program in a virtual environment, tcpdump, and nothing that builds.
# Three folders are meant to be volumes: /var/lib/darkscope (the ledger), /var/cache/darkscope (compiled code), /captures.

FROM python:3.13-slim-trixie AS build
WORKDIR /src
RUN python -m venv /opt/darkscope
# Dependencies first: they change less often than the program.
COPY pyproject.toml README.md LICENSE ./
RUN /opt/darkscope/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/dependencies \
    && /opt/darkscope/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --requirement /tmp/dependencies
COPY ingest ingest
COPY api api
COPY grafana grafana
COPY provisioning provisioning
RUN /opt/darkscope/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
    && /opt/darkscope/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim-trixie
# tcpdump gets the one right that a raw socket needs, in its file: who starts it is not root. Where a container's bounds do not
# have that right, it cannot be started at all.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tcpdump libcap2-bin \
    && setcap cap_net_raw=ep "$(command -v tcpdump)" \
    && apt-get purge --yes --auto-remove libcap2-bin \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 darkscope \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/darkscope --shell /usr/sbin/nologin darkscope \
    && install -d -o darkscope -g darkscope -m 0750 /var/lib/darkscope /var/cache/darkscope \
    && install -d -o darkscope -g darkscope -m 0755 /captures \
    && install -d /etc/darkscope && touch /etc/darkscope/darkscope.toml
COPY --from=build /opt/darkscope /opt/darkscope
ENV PATH=/opt/darkscope/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/darkscope \
    NUMBA_CACHE_DIR=/var/cache/darkscope/numba \
    DARKSCOPE_SETTINGS=/etc/darkscope/darkscope.toml \
    DARKSCOPE_LEDGER=/var/lib/darkscope/ledger
USER 10001:10001
WORKDIR /var/lib/darkscope
# Of the HTTP interface, which `run` and `serve` have; other commands are told apart in compose.yaml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["darkscope"]
CMD ["run"]
