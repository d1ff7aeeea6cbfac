#!/bin/sh
# Measures a log in JetStream on servers of its own: log.sh [SECONDS] [SERVERS] [SYNC_INTERVAL]
exec "$(dirname "$0")/with-log.sh" "${2:-3}" "${3:-always}" LogBenchmark "${1:-5}"
