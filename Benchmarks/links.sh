#!/bin/sh
# Measures the links between two nodes over NATS servers of its own: links.sh [SECONDS] [SERVERS]
exec "$(dirname "$0")/with-log.sh" "${2:-1}" always LinksBenchmark "${1:-5}"
