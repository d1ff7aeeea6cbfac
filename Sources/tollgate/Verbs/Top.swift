import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import UnixSignals

/// A live view of a gateway.
struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A live view of a gateway: clients, messages and refusals a second, products.",
        discussion: """
            Of a cluster it shows all nodes, and at the top the one that is asked. A node that does not answer stays \
            blank. Ends with q or Ctrl-C. Where standard output is no terminal, or with --once, it is printed once, after a \
            second in which events are counted. Of the products the first \(TopFigures.productMaximum) are looked at, \
            and those with the most devices online are shown.
            """
            .followed(byExamples: "top --interval 5", "top --once"))

    @Option(help: "Seconds between two looks.") var interval = 2.0
    @Flag(help: "Prints one view and ends.") var once = false
    @OptionGroup var gateway: GatewayOptions

    func validate() throws {
        guard interval >= 0.2, interval <= 3_600 else {
            throw ValidationError("--interval must be 0.2 to 3600 seconds")
        }
    }

    func run() async throws {
        let client = try gateway.client
        let first = try await TopFigures(of: client)
        guard !once, let size = Terminal.size else {
            try await Task.sleep(for: .seconds(once ? min(1, interval) : 1))
            let view = TopView(now: try await TopFigures(of: client), before: first)
            return try Output.say(
                view.lines(rows: .max, columns: Terminal.columns ?? 80).joined(separator: "\n"))
        }
        let screen = Screen()
        defer { screen.leave() }
        Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup) {
                screen.leave()
                Self.exit()
            }
        }
        var (before, now) = (first, first)
        var trouble: String?
        while true {
            let size = Terminal.size ?? size
            var lines = TopView(now: now, before: before)
                .lines(rows: size.rows - 1, columns: size.columns)
            let foot = trouble.map { "\($0)".printable() } ?? "q: end"
            lines += [String](repeating: "", count: max(0, size.rows - 1 - lines.count)) + [foot]
            try screen.draw(lines, columns: size.columns)
            if await screen.waitsForEnd(seconds: interval) { return }
            do throws(Failure) {
                let latest = try await TopFigures(of: client)
                (before, now, trouble) = (now, latest, nil)
            } catch {
                trouble = error.text
            }
        }
    }
}

/// What a gateway says of itself at one moment.
struct TopFigures {
    let url: String
    let at = ContinuousClock.now
    let metrics: Metrics
    let products: [JSON]
    let hasMoreProducts: Bool

    /// Of a cluster, what its nodes have and have counted.
    let nodes: [JSON]

    static let productMaximum = 200

    init(of client: APIClient) async throws(Failure) {
        url = client.url
        metrics = Metrics(String(decoding: try await client.open("/metrics"), as: UTF8.self))
        let page = try await client.document(.get, "products?limit=\(Self.productMaximum)")
        products = page["items"]?.array ?? []
        hasMoreProducts = page["cursor"]?.text != nil
        nodes = try await Self.nodes(of: client)
    }

    private static func nodes(of client: APIClient) async throws(Failure) -> [JSON] {
        do throws(Failure) {
            return try await client.document(.get, "cluster/figures")["nodes"]?.array ?? []
        } catch {
            // 404: an older gateway does not have it.
            guard error.reason == Reason.notClustered.name || error.reason == Reason.notFound.name
            else { throw error }
            return []
        }
    }

    /// Samples of Prometheus' text format, by name and labels as they are written.
    struct Metrics {
        private var values: [String: Double] = [:]

        init(_ text: String) {
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                guard let blank = line.lastIndex(of: " ") else { continue }
                values[String(line[..<blank])] = Double(line[line.index(after: blank)...])
            }
        }

        /// The sum over all labels.
        func sum(_ name: String) -> Double {
            values.reduce(0) { sum, sample in
                let isMeant = sample.key == name || sample.key.hasPrefix("\(name){")
                return isMeant ? sum + sample.value : sum
            }
        }

        /// By the value of a label.
        func byLabel(_ name: String, _ label: String) -> [String: Double] {
            values.reduce(into: [:]) { found, sample in
                guard sample.key.hasPrefix("\(name){"),
                    let start = sample.key.firstRange(of: "\(label)=\"")?.upperBound,
                    let end = sample.key[start...].firstIndex(of: "\"")
                else { return }
                found[String(sample.key[start..<end]), default: 0] += sample.value
            }
        }
    }
}

/// Two looks at a gateway as lines for people.
struct TopView {
    let now: TopFigures
    let before: TopFigures

    private var seconds: Double { max(0.001, (now.at - before.at) / .seconds(1)) }

    func lines(rows: Int, columns: Int) -> [String] {
        var table = Output.Table(
            columns: [
                "pk", "name", "devices.online", "devices.active", "devices.known",
                "codes.remaining",
            ],
            room: columns)
        var nodeTable = Output.Table(
            columns: [
                "node", "clients", "connections", "sessions", "in/s", "out/s", "connects/s",
                "ended/s",
            ],
            room: columns)
        let products = now.products.sorted { online($0) > online($1) }
        var head = self.head
        if !now.nodes.isEmpty {
            // Of a large cluster a third of the screen: those first that need to be seen.
            let nodes = Array(self.nodes.prefix(max(3, rows / 3)))
            head += [""] + nodeTable.lines(of: nodes)
            let rest = now.nodes.count - nodes.count
            if rest > 0 { head.append("(\(rest) nodes not shown)") }
        }
        let room = max(1, rows - head.count - 2)
        let shown = Array(products.prefix(room))
        let rest = products.count - shown.count
        let more = now.hasMoreProducts ? "\(rest) and more" : "\(rest)"
        let left = rest > 0 || now.hasMoreProducts ? ["(\(more) products not shown)"] : []
        let lines = head + [""] + table.lines(of: shown) + left
        return lines.map { TextWidth.shortened($0, to: columns) }
    }

    private func online(_ product: JSON) -> Int64 { product["devices"]?["online"]?.integer ?? 0 }

    private var head: [String] {
        let metrics = now.metrics
        let state = metrics.sum("tollgate_ready") == 1 ? "ready" : "NOT READY: see /readyz"
        let since = metrics.sum("tollgate_start_time_seconds")
        let uptime = Self.span(Int(max(0, Date().timeIntervalSince1970 - since)))
        return [
            "\(now.url)   \(state)   up \(uptime)",
            "clients \(gauge("tollgate_clients"))   connections \(gauge("tollgate_connections"))"
                + " of \(gauge("tollgate_connections_limit"))   sessions \(gauge("tollgate_sessions"))"
                + "   files \(gauge("process_open_fds")) of \(gauge("process_max_fds"))",
            "messages in \(rate("tollgate_publishes_received_total"))"
                + "   out \(rate("tollgate_publishes_delivered_total"))"
                + "   connects \(rate("tollgate_connects_admitted_total"))"
                + "   over quota \(rate("tollgate_publishes_over_quota_total"))",
            "connections ended: \(endings)",
        ]
    }

    /// Of each node what it has, and what it does in a second; nothing of one that does not answer. Those come first, then
    /// those with the most clients.
    private var nodes: [JSON] {
        let old = before.nodes.reduce(into: [:]) { $0[$1["name"]?.text ?? ""] = $1 }
        let sorted = now.nodes.sorted {
            ($0["clients"]?.integer ?? .max, $1["name"]?.text ?? "")
                > ($1["clients"]?.integer ?? .max, $0["name"]?.text ?? "")
        }
        return sorted.map { node in
            let name = node["name"]?.text ?? ""
            var row = [JSON.Member(name: "node", value: .text(name))]
            guard node["answers"] == true else { return .object(row) }
            for figure in ["clients", "connections", "sessions"] {
                row.append(.init(name: figure, value: .integer(node[figure]?.integer ?? 0)))
            }
            for (column, figure) in [
                ("in/s", "publishesReceived"), ("out/s", "publishesDelivered"),
                ("connects/s", "connectsAdmitted"), ("ended/s", "connectionsEnded"),
            ] {
                // A node that was started since counts from 0.
                let count = node[figure]?.integer ?? 0
                let gone = old[name]?[figure]?.integer ?? count
                let rate = Double(max(0, count - gone)) / seconds
                row.append(.init(name: column, value: .integer(Int64(rate.rounded()))))
            }
            return .object(row)
        }
    }

    /// The reasons of most connections that ended since the look before.
    private var endings: String {
        let name = "tollgate_connections_ended_total"
        let old = before.metrics.byLabel(name, "reason")
        let reasons = now.metrics.byLabel(name, "reason")
            .map { ($0.key, ($0.value - (old[$0.key] ?? 0)) / seconds) }
            .filter { $0.1 > 0 }
            .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
        if reasons.isEmpty { return "none" }
        return reasons.prefix(3).map { "\($0.0.printable()) \(Self.perSecond($0.1))" }
            .joined(separator: "   ")
    }

    private func gauge(_ name: String) -> String { Self.grouped(now.metrics.sum(name)) }

    private func rate(_ name: String) -> String {
        Self.perSecond((now.metrics.sum(name) - before.metrics.sum(name)) / seconds)
    }

    private static func perSecond(_ rate: Double) -> String {
        let rate = max(0, rate)
        let isSmall = rate > 0 && rate < 10
        return (isSmall ? "\((rate * 10).rounded() / 10)" : grouped(rate.rounded())) + "/s"
    }

    /// `12,345`.
    private static func grouped(_ number: Double) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "no limit" }
        var digits = String(Int64(number))
        var index = digits.endIndex
        while digits.distance(from: digits.startIndex, to: index) > 3 {
            index = digits.index(index, offsetBy: -3)
            digits.insert(",", at: index)
        }
        return digits
    }

    /// `3 d 4 h`, `4 h 12 min`, `12 min`, `40 s`.
    private static func span(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min" : "\(seconds) s"
    }
}
