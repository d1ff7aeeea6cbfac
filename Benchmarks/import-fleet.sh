#!/bin/bash
# Imports a fleet over the API while other devices are activated, and measures: rows a second, seconds until
# the answer is there and until all rows have landed, the gateway's memory, and how long activations take
# before and meanwhile. Prints a table in Markdown.
#
#   Benchmarks/import-fleet.sh [ROWS]    default 1000000 rows
#
# Needs `make build` first (or `swift build -c release --product tollgate`), a C compiler, and some GB of disk in
# .build-bench. DeviceKeys are in no order, and the gateway makes every secret: the hardest case. Loopback
# only; ends what it started.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-1000000}
gateway=.build/release/tollgate
[ -x $gateway ] || { echo "import-fleet: no $gateway: run make build first" >&2; exit 1; }

scratch=.build-bench/import
started=()
finish() {
    for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
rm -rf "$scratch" && mkdir -p "$scratch"
"${CC:-cc}" -O2 -o "$scratch/mqload" Benchmarks/load/mqload.c -lssl -lcrypto

export TOLLGATE_API=http://127.0.0.1:28081
operator() { "$gateway" "$@" --token-file "$scratch/data/admin.token"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

"$gateway" serve --data "$scratch/data" --set log.level=error --set listeners.devices.tls=false \
    --set listeners.devices.port=28883 --set listeners.local.port=21884 --set admin.port=28081 \
    >"$scratch/gateway.log" 2>&1 &
server=$!
started+=("$server")
for _ in $(seq 100); do
    "$gateway" probe --url mqtt://127.0.0.1:21884 >/dev/null 2>&1 && break
    sleep 0.1
done

echo "import-fleet: $rows rows, $(nproc) processors" >&2
# The devices that are activated are there before; one in two of their keys lies between the fleet's.
active=200000
operator account create --id bench --name Bench >/dev/null
operator package create --id bench --name Bench --validity-days 365 >/dev/null
operator product create --pk bench --name Bench --account bench >/dev/null
operator codes buy bench --package bench --quantity "$active" --product bench >/dev/null
{ echo dk,secret; seq -f 'dev-%06g,bench-secret-of-all' 0 $((active - 1)); } >"$scratch/active.csv"
operator device import bench "$scratch/active.csv" >/dev/null
awk -v n="$rows" 'BEGIN {
    print "dk,secret,name"
    # A full-period generator: every key once, in no order.
    m = 4294967296; x = 12345
    for (i = 0; i < n; i++) { x = (x * 1664525 + 1013904223) % m; printf "dev-%08x,,unit %d\n", x, i }
}' >"$scratch/fleet.csv"

next=0
activate() { # until $1 exists: batches of devices, four at a time; a line of latencies for each
    while [ ! -e "$1" ] && [ $next -lt $((active - 500)) ]; do
        "$scratch/mqload" --mode churn --port 21884 --pk bench --dk 'dev-%06d' --ds bench-secret-of-all \
            --base $next --n 500 --c 4
        next=$((next + 500))
    done
}
figure() { # FILE FIELD: of each batch
    sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1"
}
middle() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
largest() { sort -n | tail -1; }
memory() { awk -v f="$1:" '$1 == f { printf "%.1f\n", $2 / 1024 }' "/proc/$server/status"; }

echo "import-fleet: activations alone" >&2
(sleep 5; touch "$scratch/alone") &
activate "$scratch/alone" >"$scratch/before.txt"
anonymous_before=$(memory RssAnon)
total_before=$(memory VmRSS)

echo "import-fleet: the import, and activations" >&2
(while kill -0 "$server" 2>/dev/null && [ ! -e "$scratch/landed" ]; do
    echo "$(memory RssAnon) $(memory VmRSS)"
    sleep 0.2
done) >"$scratch/memory.txt" 2>/dev/null &
begin=$(now)
(
    operator device import bench "$scratch/fleet.csv" >"$scratch/answer.csv"
    since "$begin" >"$scratch/answered"
    until operator device imports bench --json | grep -q '"state":"done"'; do sleep 0.2; done
    since "$begin" >"$scratch/seconds"
    touch "$scratch/landed"
) &
import=$!
started+=("$import")
activate "$scratch/landed" >"$scratch/during.txt"
wait "$import"
answered=$(cat "$scratch/answered")
landed=$(cat "$scratch/seconds")
[ "$(wc -l <"$scratch/answer.csv")" = $((rows + 1)) ] || { echo "import-fleet: not all rows are in the answer" >&2; exit 1; }

echo "import-fleet: checking the books" >&2
operator check --data "$scratch/data" >&2
for file in before during; do
    if figure "$scratch/$file.txt" failed | grep -qvx 0; then echo "import-fleet: connects failed" >&2; exit 1; fi
done

echo "| $rows devices, $(stat -c %s "$scratch/fleet.csv" | numfmt --to=iec) of CSV | |"
echo "|---|---|"
echo "| answered after | $answered s, $(awk -v n="$rows" -v s="$answered" 'BEGIN { printf "%d", n / s }') rows a second |"
echo "| landed after | $landed s |"
echo "| private memory before, most | $anonymous_before, $(cut -d' ' -f1 "$scratch/memory.txt" | largest) MiB |"
echo "| resident with the stores' pages before, most | $total_before, $(cut -d' ' -f2 "$scratch/memory.txt" | largest) MiB |"
for file in before during; do
    echo "| activations $file: a second; p50; p99, its middle and worst batch; longest |" \
        "$(figure "$scratch/$file.txt" per_s | middle);" \
        "$(figure "$scratch/$file.txt" p50_ms | middle) ms;" \
        "$(figure "$scratch/$file.txt" p99_ms | middle), $(figure "$scratch/$file.txt" p99_ms | largest) ms;" \
        "$(figure "$scratch/$file.txt" max_ms | largest) ms |"
done
