#!/bin/bash
# Runs a cluster to try out: three NATS servers and three gateways on the loopback, with all that they keep below
# data/cluster. `make cluster` calls it; Ctrl-C ends everything that it has started, and it can be called again.
set -eu
# Each in a process group of its own: Ctrl-C ends this script alone, which ends them in order.
set -m
cd "$(dirname "$0")/.."
build=.build/${CONFIGURATION:-release}
tollgate=$build/tollgate
nats=.build-venv/bin/nats-server
place=${1:-data/cluster}
nodes="1 2 3"
umask 077

say() { echo "== $*"; }

[ -x "$tollgate" ] || { say "$tollgate is missing: make build" >&2; exit 1; }
[ -x "$nats" ] || { say "$nats is missing: make .build-venv/ready" >&2; exit 1; }

# Gateways first, so that they bring what they have to the log.
gateways=() servers=() roamer=
finish() {
    trap '' INT TERM
    trap - EXIT
    say "stopping"
    # Its group: what it waits for, too.
    if [ -n "$roamer" ]; then kill -- "-$roamer" 2>/dev/null || true; fi
    for process in ${gateways[@]+"${gateways[@]}"}; do kill "$process" 2>/dev/null || true; done
    for process in ${gateways[@]+"${gateways[@]}"}; do wait "$process" 2>/dev/null || true; done
    for process in ${servers[@]+"${servers[@]}"}; do kill "$process" 2>/dev/null || true; done
    for process in ${servers[@]+"${servers[@]}"}; do wait "$process" 2>/dev/null || true; done
}
trap finish EXIT
trap 'exit 0' INT TERM

# Tries a command for half a minute, and shows the end of a log when it never succeeds.
await() {
    local log=$1 try
    shift
    for try in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    say "this does not come: $*" >&2
    tail -n 5 "$log" >&2
    exit 1
}

start_server() {
    local i=$1 directory=$place/nats$1 routes
    routes=$(for j in $nodes; do printf '"nats-route://127.0.0.1:1425%s", ' "$j"; done)
    mkdir -p "$directory"
    cat >"$directory/server.conf" <<CONF
server_name: nats$i
listen: "127.0.0.1:1422$i"
jetstream { store_dir: "$directory/jetstream", max_file_store: 4GB, sync_interval: always }
cluster { name: tollgate, listen: "127.0.0.1:1425$i", routes: [ $routes ] }
accounts {
    TOLLGATE: {
        jetstream: enabled, users: [ { user: tollgate, password: "$(cat "$place/nats.password")" } ]
        imports: [ { service: { account: "\$SYS", subject: "\$SYS.REQ.SERVER.PING.JSZ" } } ]
    }
    "\$SYS": { exports: [ { service: "\$SYS.REQ.SERVER.PING.JSZ", response: stream } ] }
}
CONF
    "$nats" -c "$directory/server.conf" -l "$directory/server.log" &
    servers+=($!)
}

configure() {
    local i=$1 directory=$place/n$1
    mkdir -p "$directory"
    cat >"$directory/tollgate.yaml" <<YAML
shards: 1
data: $directory/data
admin: {port: 818$i}
tls: {certificate: data/tls/cert.pem, key: data/tls/key.pem}
listeners:
  - {name: devices, address: 127.0.0.1, port: 1884$i, tls: true}
cluster:
  node: n$i
  servers: [nats://127.0.0.1:14221, nats://127.0.0.1:14222, nats://127.0.0.1:14223]
  user: tollgate
  passwordFile: $place/nats.password
YAML
}

# The keys that nodes have in common are copied, never sent.
share_secrets() {
    local i=$1 file
    mkdir -p "$place/n$i/data.secrets"
    for file in device-secrets.key mint.key ticket.key admin.token; do
        cp "$place/n1/data.secrets/$file" "$place/n$i/data.secrets/$file"
    done
}

start_gateway() {
    local i=$1 directory=$place/n$1
    shift
    "$tollgate" serve --config "$directory/tollgate.yaml" "$@" >"$directory/out" 2>"$directory/log" &
    gateways+=($!)
    await "$directory/log" grep -q "API on " "$directory/log"
}

# A device that connects to one node after the other, every two seconds. One that is away is passed over.
client="-h localhost --cafile data/tls/ca.pem -V 5"
furnish_roamer() {
    local secret=$place/lamp-2.secret
    [ -s "$secret" ] && return
    openssl rand -hex 16 >"$secret.new"
    printf 'dk,secret\nlamp-2,%s\n' "$(cat "$secret.new")" |
        "$tollgate" device import demo - --api http://127.0.0.1:8181 --token-file "$token" >/dev/null
    mv "$secret.new" "$secret"
}
roam() {
    local i
    while true; do
        for i in $nodes; do
            # shellcheck disable=SC2086
            timeout 10 mosquitto_pub $client -p "1884$i" -u 'lamp-2&demo' -P "$(cat "$place/lamp-2.secret")" \
                -q 1 -t d/demo/lamp-2/up/roam -m "to n$i, port 1884$i" >/dev/null 2>&1 || true
            sleep 2
        done
    done
}

mkdir -p "$place"
[ -s "$place/nats.password" ] || openssl rand -hex 16 >"$place/nats.password"
say "three NATS servers with JetStream, sync_interval: always"
for i in $nodes; do start_server "$i"; done
for i in $nodes; do await "$place/nats$i/server.log" grep -q "Server is ready" "$place/nats$i/server.log"; done

for i in $nodes; do
    configure "$i"
    if [ ! -e "$place/n$i/data/ledger/data.mdb" ]; then
        if [ "$i" = 1 ]; then
            say "n1 begins the cluster"
            await "$place/nats1/server.log" "$tollgate" cluster join --found --config "$place/n1/tollgate.yaml"
        else
            say "n$i takes its books from n1"
            share_secrets "$i"
            "$tollgate" cluster join --from http://127.0.0.1:8181 --config "$place/n$i/tollgate.yaml"
        fi
    fi
    if [ "$i" = 1 ]; then start_gateway 1 --demonstration; else start_gateway "$i"; fi
done

token=$place/n1/data.secrets/admin.token
await "$place/n1/log" grep -q "mosquitto_pub" "$place/n1/out"
furnish_roamer
if command -v mosquitto_pub >/dev/null; then
    roam &
    roamer=$!
fi
"$tollgate" cluster status --api http://127.0.0.1:8181 --token-file "$token"
cat "$place/n1/out"
cat <<TEXT
The same books at each node. What one has sold, another one's devices consume:

  export TOLLGATE_TOKEN=\$(cat $token)
  $tollgate product list --api http://127.0.0.1:8183
  $tollgate cluster status --api http://127.0.0.1:8182
  $tollgate cluster check --api http://127.0.0.1:8181

A device may connect to any node: port 18841, 18842 or 18843. lamp-2 does so, to one after the other (mosquitto_pub,
Debian's mosquitto-clients). It has consumed one code, and its day's count goes with it:

  $tollgate device show demo lamp-2 --api http://127.0.0.1:8183
  $tollgate device trace demo lamp-2 --api http://127.0.0.1:8181

What it says comes to an application at any node: in the first of the lines above write another port for 18841.
The gateways' processes are ${gateways[*]}, the servers' ${servers[*]}: stop one (kill -STOP), kill one (kill -9), and look
at the status again. One that was killed stays away until it is started again, here:

  $tollgate serve --config $place/n2/tollgate.yaml
  $nats -c $place/nats2/server.conf

Ctrl-C ends them all. What they keep, and their logs, is below $place.
TEXT
wait
