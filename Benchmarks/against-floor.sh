#!/bin/bash
# Measures a gateway with everything switched on (admission, metering, access control, metrics) beside the
# least a server can do in C, in one run: the server pinned to one core with one shard, the load to
# the other. Prints a table in Markdown: CPU time per operation, memory per idle connection, ratios.
#
#   Benchmarks/against-floor.sh [BENCH]     BENCH holds floor.c and mqload.c; default ../shared/bench
#
# Needs `make build` first, gcc, and two cores. Loopback only; ends what it started.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=${1:-../shared/bench}
gateway=.build/release/tollgate
[ -x $gateway ] || { echo "against-floor: no $gateway: run make build first" >&2; exit 1; }
[ -r "$bench/floor.c" ] || { echo "against-floor: no floor.c in $bench" >&2; exit 1; }

scratch=$(mktemp -d)
started=()
finish() {
    for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
gcc -O2 -w -o "$scratch/floor" "$bench/floor.c" -lssl -lcrypto
gcc -O2 -w -o "$scratch/mqload" "$bench/mqload.c" -lssl -lcrypto
config/development-certificates.sh "$scratch/tls"

export TOLLGATE_API=http://127.0.0.1:28080
operator() { "$gateway" "$@" --token-file "$scratch/data/admin.token" >/dev/null; }

start_gateway() {
    taskset -c 0 "$gateway" serve --data "$scratch/data" --set shards=1 --set log.level=error \
        --set tls.certificate="$scratch/tls/cert.pem" --set tls.key="$scratch/tls/key.pem" \
        --set listeners.devices.port=28883 --set listeners.local.port=21883 \
        --set admin.port=28080 >"$scratch/gateway.log" 2>&1 &
    server=$!
    started+=("$server")
    for _ in $(seq 100); do
        "$gateway" probe --url mqtt://127.0.0.1:21883 >/dev/null 2>&1 && return
        sleep 0.1
    done
    cat "$scratch/gateway.log" >&2
    exit 1
}
start_floor() { # PORT TLS
    (cd "$scratch/tls" && exec taskset -c 0 "$scratch/floor" "$1" "$2") &
    server=$!
    started+=("$server")
    sleep 0.3
}
stop() { kill "$server"; wait "$server" 2>/dev/null || true; }

load() { # FIELD ARGUMENTS...: the figure, or the whole answer when something failed
    local field=$1
    shift
    local answer
    answer=$(timeout 200 taskset -c 1 "$scratch/mqload" "$@" --pid "$server" \
        --pk bench --dk 'dev-%06d' --ds benchsecret) || true
    case $answer in
        *'"failed":0'*) sed -n "s/.*\"$field\":\([0-9.]*\).*/\1/p" <<<"$answer" ;;
        *) echo "against-floor: $answer" >&2; echo nan ;;
    esac
}
row() { # NAME UNIT FLOOR GATEWAY
    awk -v n="$1" -v u="$2" -v f="$3" -v g="$4" \
        'BEGIN { printf "| %s | %s %s | %s %s | %.2f |\n", n, f, u, g, u, g / f }'
}

start_gateway
operator account create --id bench --name Bench
operator package create --id bench --name Bench --validity-days 365
operator product create --pk bench --name Bench --account bench
operator codes buy bench --package bench --quantity 20000 --product bench
{ echo dk,secret; seq -f 'dev-%06g,benchsecret' 0 5999; } >"$scratch/devices.csv"
operator device import bench "$scratch/devices.csv"
# Every device consumes its code now, so that it is a known one from here on.
activations=$(load per_s --mode churn --port 21883 --n 6000 --c 256)

echo "| with everything on | floor (C) | Tollgate | ratio |"
echo "|---|---|---|---|"
gateway_server=$server
start_floor 29883 1
floor_tls=$server
start_floor 29884 0
floor_plain=$server

compare() { # NAME FIELD UNIT FLOOR-SERVER FLOOR-PORT GATEWAY-PORT ARGUMENTS...
    local name=$1 field=$2 unit=$3 floor_server=$4 floor_port=$5 port=$6
    shift 6
    server=$floor_server
    local floor
    floor=$(load "$field" "$@" --port "$floor_port")
    server=$gateway_server
    row "$name" "$unit" "$floor" "$(load "$field" "$@" --port "$port")"
}
connect=server_cpu_us_per_conn
message=server_cpu_us_per_msg
topic='d/%P/%D/up/t'
compare "connect, plain" $connect us "$floor_plain" 29884 21883 --mode churn --n 6000 --c 32
compare "connect, TLS 1.3 full" $connect us "$floor_tls" 29883 28883 --mode churn --tls --n 6000 --c 32
compare "connect, TLS 1.3 resumed" $connect us "$floor_tls" 29883 28883 \
    --mode churn --tls --resume --n 6000 --c 32
for qos in 0 1; do
    compare "publish QoS $qos, 64 B, plain" $message us "$floor_plain" 29884 21883 \
        --mode pub --c 50 --qos $qos --window 16 --secs 4 --topic "$topic"
    compare "publish QoS $qos, 64 B, TLS" $message us "$floor_tls" 29883 28883 \
        --mode pub --tls --c 50 --qos $qos --window 16 --secs 4 --topic "$topic"
done
compare "publish QoS 1, 1,000 devices, one each, plain" $message us "$floor_plain" 29884 21883 \
    --mode pub --c 1000 --qos 1 --window 1 --secs 4 --topic "$topic"
compare "publish QoS 1, 1,000 devices, one each, TLS" $message us "$floor_tls" 29883 28883 \
    --mode pub --tls --c 1000 --qos 1 --window 1 --secs 4 --topic "$topic"

# Memory is measured on fresh servers: what a busy one keeps would hide it.
idle() { # ARGUMENTS...
    load server_bytes_per_conn --mode idle --n 5000 --secs 1 "$@"
}
for id in "$gateway_server" "$floor_tls" "$floor_plain"; do server=$id; stop; done
start_floor 29884 0
floor=$(idle --port 29884)
stop
start_gateway
row "idle connection, plain" B "$floor" "$(idle --port 21883)"
stop
start_floor 29883 1
floor=$(idle --tls --port 29883)
stop
start_gateway
row "idle connection, TLS" B "$floor" "$(idle --tls --port 28883)"

echo
echo "First connects, plain, each consuming a code that is on disk before its CONNACK: $activations a second."
