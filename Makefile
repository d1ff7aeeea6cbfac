# Two commands do everything on a fresh Debian machine: `make run` and `make test`.
# All can be repeated, and say what they do.

SYSTEM_PACKAGES := libssl-dev liblmdb-dev openssl mosquitto mosquitto-clients python3-venv
PYTHON_PACKAGES := paho-mqtt==2.1.0 openapi-spec-validator==0.9.0 \
                   schemathesis==4.32.5 hypothesis==6.170.15
VENV            := .build-venv
SOURCES         := Package.swift Sources Tests Benchmarks
export PATH     := $(PATH):/usr/sbin

.PHONY: help run test build bench compare import format lint packages certificates
.DEFAULT_GOAL := help

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1  /p' $(MAKEFILE_LIST)

run: build certificates  ## build, make a demonstration device, start the gateway on ./data
	.build/release/tollgate serve --config config/tollgate.yaml --demonstration

test: lint $(VENV)/ready  ## lint, build, run all tests
	swift build --build-tests
	swift test --skip-build

build: packages  ## release binaries in .build/release
	swift build -c release

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

# Made anew when the versions above change.
$(VENV)/ready: Makefile | packages
	@echo "== installing in $(VENV):" $(PYTHON_PACKAGES)
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES)
	@touch $@
