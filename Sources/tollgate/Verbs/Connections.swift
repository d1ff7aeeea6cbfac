import Admin
import ArgumentParser

/// Who is connected.
struct Connections: AsyncParsableCommand {
    enum Order: String, ExpressibleByArgument, CaseIterable {
        case client, address, listener, connected, seen

        /// The member that is compared.
        var name: String {
            switch self {
            case .client: "clientId"
            case .address: "address"
            case .listener: "listener"
            case .connected: "connectedAt"
            case .seen: "lastSeenAt"
            }
        }
    }

    static let configuration = CommandConfiguration(
        abstract: "The clients that are connected: devices and applications.",
        discussion: """
            Without --sort they come in no order, as they are found, those of a cluster node by node. Of a sorted list \
            no more than --limit are kept.
            """
            .followed(
                byExamples: "connections --product lamp --sort connected --limit 20",
                "connections --node n2 --like 203.0.113. -o csv"))

    static let columns: Columns =
        "clientId key address connectedAt lastSeenAt listener protocolVersion | node pk dk keepAliveSeconds tls.version tls.cipher tls.resumed"

    @Option(help: "Only devices of that product.") var product: String?
    @Option(help: "Only clients of that node of a cluster.") var node: String?
    @Option(help: "Only clients with that in their identifier or address.") var like: String?
    @Option(help: "client, address, listener, connected (oldest first) or seen.") var sort: Order?
    @Flag(help: "The other way round.") var reverse = false
    @Option(help: "At most so many. Default: all; 1000 when they are sorted.") var limit: Int?
    @OptionGroup var gateway: GatewayOptions

    func validate() throws {
        if reverse, sort == nil { throw ValidationError("--reverse is for a list with --sort") }
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        let client = try gateway.client
        let path = "connections" + query(["product": product, "node": node, "like": like])
        guard let sort else {
            return try await client.list(path, columns: Self.columns, limit: limit)
        }
        let kept = limit ?? 1_000
        var best: [JSON] = []
        func cut() {
            best.sort {
                let (first, second) = ($0[sort.name]?.text ?? "", $1[sort.name]?.text ?? "")
                return reverse ? first > second : first < second
            }
            best.removeLast(max(0, best.count - kept))
        }
        try await client.pages(of: path) { items throws(Failure) in
            best += items
            if best.count > 2 * kept + 1_000 { cut() }
            return true
        }
        cut()
        var printer = ListPrinter(client.form, Self.columns, isWide: client.isWide)
        try printer.show(best)
        try printer.end()
    }
}
