#!/bin/sh
# Measures first activations of three ledgers on one log, of one on one server, and of one alone:
# cluster.sh [ACTIVATIONS] [IN-FLIGHT]
set -eu
here=$(dirname "$0") count=${1:-60000} flying=${2:-3072}
directory=$(mktemp -d "${TMPDIR:-/tmp}/tollgate-cluster-XXXXXX")
trap 'rm -rf "$directory"' EXIT INT TERM
"$here/../.build/${CONFIGURATION:-release}/ClusterBenchmark" "$directory" "$count" "$flying" 1
"$here/with-log.sh" 1 always ClusterBenchmark "$directory" "$count" "$flying" 1
"$here/with-log.sh" 3 always ClusterBenchmark "$directory" "$count" "$flying" 3
