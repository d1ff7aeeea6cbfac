#!/bin/sh
# Runs a program with NATS servers of its own: with-log.sh SERVERS SYNC_INTERVAL PROGRAM WORD...
# The program of .build/release (make build) gets the words, the number of replicas, and the servers' URLs.
# Needs .build-venv (make test installs it).
set -eu
count=$1 sync=$2 program=$3
shift 3
root=$(cd "$(dirname "$0")/.." && pwd)
directory=$(mktemp -d "${TMPDIR:-/tmp}/tollgate-log-XXXXXX")
processes=
finish() {
    for process in $processes; do kill "$process" 2>/dev/null || true; done
    for process in $processes; do wait "$process" 2>/dev/null || true; done
    rm -rf "$directory"
}
trap finish EXIT INT TERM

routes= urls=
for i in $(seq "$count"); do
    routes="${routes:+$routes, }nats-route://127.0.0.1:1654$i" urls="$urls nats://127.0.0.1:1644$i"
done
for i in $(seq "$count"); do
    cat >"$directory/n$i.conf" <<CONF
server_name: n$i
listen: "127.0.0.1:1644$i"
jetstream { store_dir: "$directory/n$i", max_file_store: 4GB, sync_interval: $sync }
accounts {
    LOG: {
        jetstream: enabled, users: [ { user: log, password: log } ]
        imports: [ { service: { account: "\$SYS", subject: "\$SYS.REQ.SERVER.PING.JSZ" } } ]
    }
    "\$SYS": { exports: [ { service: "\$SYS.REQ.SERVER.PING.JSZ", response: stream } ] }
}
no_auth_user: log
CONF
    [ "$count" = 1 ] || cat >>"$directory/n$i.conf" <<CONF
cluster { name: log, listen: "127.0.0.1:1654$i", routes: [ $routes ] }
CONF
    "$root/.build-venv/bin/nats-server" -c "$directory/n$i.conf" -l "$directory/n$i.log" &
    processes="$processes $!"
done
sleep 3
"$root/.build/${CONFIGURATION:-release}/$program" "$@" "$count" $urls
