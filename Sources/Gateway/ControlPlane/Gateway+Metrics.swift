import Ledger
import Linux
import Metering
import Storage
import Telemetry
import Time

extension Gateway {
    public func metricsText() async -> String {
        let gauges = await gaugesOfShards()
        let readiness = await readiness()
        var page = PrometheusText()
        writeCounters(into: &page)
        writeGauges(gauges, into: &page)
        await writeQueues(into: &page)
        writeLatencies(into: &page)
        writeStores(into: &page)
        writeProducts(
            online: gauges.reduce(into: [:]) { $0.merge($1.online) { $0 + $1 } }, into: &page)
        writeAdmissions(
            gauges.reduce(into: [:]) { sum, shard in
                for (key, counts) in shard.admissions {
                    sum[key, default: Admissions()].merge(counts)
                }
            }, into: &page)
        writeNearExpiry(into: &page)
        writeProcess(into: &page)
        writeDescriptors(into: &page)
        writeDisk(into: &page)
        writeCertificates(into: &page)
        writeAuthorities(into: &page)
        writeCluster(into: &page)
        writeUplink(into: &page)
        writeMessageLog(into: &page)
        page.begin("tollgate_ready", help: "Whether new work is taken.", kind: .gauge)
        page.sample(readiness.isReady ? 1 : 0)
        for name in ["tollgate_start_time_seconds", "process_start_time_seconds"] {
            page.begin(name, help: "When the gateway was started, Unix time.", kind: .gauge)
            page.sample(runningSince.milliseconds / 1_000)
        }
        return page.finish()
    }

    /// By shard, all asked at once; of those that take long to say so, what they said last.
    func gaugesOfShards() async -> [ShardGauges] {
        for (shard, latest) in gauges.enumerated() {
            latest.look { ask(shard, orElse: ShardGauges(), then: $0) { .gauges($0) } }
        }
        let deadline = MonotonicInstant.endOfPatienceWithShards
        var answers: [ShardGauges] = []
        for latest in gauges { answers.append(await latest.value(by: deadline)) }
        return answers
    }

    private func writeCounters(into page: inout PrometheusText) {
        for counter in GatewayCounter.allCases {
            let (name, help) = counter.exposition
            page.begin("tollgate_\(name)_total", help: help, kind: .counter)
            page.sample(counters.reduce(0) { $0 + $1.events.value(of: counter) })
        }
        page.begin(
            "tollgate_log_lines_dropped_total",
            help: "Lines of the log that found no room, as it was written too slowly.",
            kind: .counter
        )
        page.sample(commons.log?.dropped ?? 0)
        page.begin(
            "tollgate_connections_ended_total",
            help: "Connections that ended, and CONNECTs that were refused, by reason.",
            kind: .counter
        )
        for reason in Reason.allCases {
            page.sample(
                counters.reduce(0) { $0 + $1.endings.value(of: reason) },
                labels: [PrometheusLabel("reason", reason.name)]
            )
        }
    }

    private func writeGauges(_ shards: [ShardGauges], into page: inout PrometheusText) {
        let families: [(name: String, help: String, value: (ShardGauges) -> Int)] = [
            ("connections", "Open sockets.", { $0.connections }),
            ("clients", "Admitted clients.", { $0.clients }),
            ("sessions", "Sessions in memory, of clients that are away too.", { $0.sessions }),
            (
                "connections_unadmitted", "Sockets that have not been admitted yet.",
                { $0.unadmitted }
            ),
            ("counters", "Message counters in memory.", { $0.counters }),
            ("timers", "Timers that are set.", { $0.timers }),
            (
                "session_changes_waiting",
                "Changes of stored sessions that are not on the disk yet.", { $0.sessionChanges }
            ),
            ("forwards", "Messages that are kept for other nodes.", { $0.forwards }),
        ]
        for family in families {
            page.begin("tollgate_\(family.name)", help: family.help, kind: .gauge)
            for (index, shard) in shards.enumerated() {
                page.sample(family.value(shard), labels: [PrometheusLabel("shard", "\(index)")])
            }
        }
    }

    /// The first two under the names that Prometheus' own clients use.
    private func writeDescriptors(into page: inout PrometheusText) {
        do throws(Errno) {
            let open = try ProcessLimits.openFiles()
            page.begin("process_open_fds", help: "Open file descriptors.", kind: .gauge)
            page.sample(open)
        } catch {
            // None is left to count them with; the others say so.
        }
        page.begin("process_max_fds", help: "Most file descriptors.", kind: .gauge)
        page.sample(descriptors.limit)
        page.begin(
            "tollgate_connections_limit", help: "Most open sockets of clients.", kind: .gauge)
        page.sample(descriptors.connections)
    }

    private func writeUplink(into page: inout PrometheusText) {
        let figures = commons.uplink.figures
        page.begin(
            "tollgate_uplink_stored_total",
            help: "Messages that the streams of their products have taken.", kind: .counter)
        page.sample(figures.stored)
        page.begin(
            "tollgate_uplink_failed_total",
            help: "Messages that the streams of their products have not taken, as far as is known.",
            kind: .counter)
        page.sample(figures.failed)
        page.begin(
            "tollgate_uplink_waiting", help: "Messages on their way into streams.", kind: .gauge)
        page.sample(figures.waiting)
        page.begin(
            "tollgate_uplink_reachable",
            help: "Whether all streams that products name take messages.", kind: .gauge)
        page.sample(commons.uplink.problem == nil ? 1 : 0)
    }

    private func writeStores(into page: inout PrometheusText) {
        let stores = [
            ("ledger", ledger.figures, ledger.environment.figures),
            ("usage", usage.writerFigures, usage.figures),
        ]
        page.begin("tollgate_store_commits_total", help: "Synced commits.", kind: .counter)
        for (name, writer, _) in stores {
            page.sample(writer.commits, labels: [PrometheusLabel("store", name)])
        }
        page.begin(
            "tollgate_store_requests_written_total",
            help: "Requests that are on disk.",
            kind: .counter
        )
        for (name, writer, _) in stores {
            page.sample(writer.requestsWritten, labels: [PrometheusLabel("store", name)])
        }
        page.begin(
            "tollgate_store_requests_failed_total",
            help: "Requests that could not be written.",
            kind: .counter
        )
        for (name, writer, _) in stores {
            page.sample(writer.requestsFailed, labels: [PrometheusLabel("store", name)])
        }
        page.begin(
            "tollgate_store_requests_waiting",
            help: "Requests that wait for the transaction under way to end.", kind: .gauge)
        for (name, writer, _) in stores {
            page.sample(writer.waiting, labels: [PrometheusLabel("store", name)])
        }
        let gauges: [(name: String, help: String, value: (EnvironmentFigures) -> Double)] = [
            ("map_used_ratio", "How full the map is.", \.mapUsedRatio),
            (
                "map_maximum_used_ratio", "How full the map is, of what it may be made larger to.",
                \.usedRatio
            ),
            ("map_bytes", "Size of the map.", { Double($0.mapSizeBytes) }),
        ]
        for gauge in gauges {
            page.begin("tollgate_store_\(gauge.name)", help: gauge.help, kind: .gauge)
            for (name, _, environment) in stores {
                page.sample(gauge.value(environment), labels: [PrometheusLabel("store", name)])
            }
        }
        page.begin(
            "tollgate_store_reopenings_total",
            help: "How often the store was opened again, as a write to it had failed.",
            kind: .counter
        )
        for (name, _, environment) in stores {
            page.sample(environment.reopenings, labels: [PrometheusLabel("store", name)])
        }
    }
}
