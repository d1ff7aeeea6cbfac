import Gateway
import Ledger
import Time

/// Devices over time, of a product or of an account.
extension ConsoleRequest {
    /// A card with the last 31 days; nothing when the caller may not see it.
    func onlineByDay(_ operation: String, _ path: [String: String]) async throws -> HTML {
        guard may(operation) else { return HTML() }
        let items: [JSON]
        do {
            items = try await all(operation, path).items
        } catch let problem as Problem where problem.reason == .tooMuchAtOnce {
            return card(.devicesOverTime, alert(problem))
        }
        var moments: [(name: String, values: [Int64?])] = []
        var next: Day?
        for item in items {
            guard let day = Day(item.text("day")) else { continue }
            while let missed = next, missed < day {
                moments.append(("\(missed)", [nil, nil, nil]))
                next = missed.next
            }
            moments.append(
                ("\(day)", ["online", "devices", "active"].map { item.at($0)?.integer }))
            next = day.next
        }
        let course = Course(
            title: .devicesOverTime, axis: .day,
            series: [
                .init(title: .onlineMost), .init(title: .devices),
                .init(title: .devicesWithMessages, isDrawn: false),
            ], moments: moments)
        return card(
            .devicesOverTime,
            lines(course) + "<p class=\"soft\">\(t(.countedEachQuarter))</p>" + missing(items)
                + csvLink(operation, path))
    }

    /// A card with the hours of the last seven days.
    func onlineByHour(_ operation: String, _ path: [String: String]) async throws -> HTML {
        guard may(operation) else { return HTML() }
        let first = Day(of: server.controlPlane.now, at: .utc).adding(days: -6)
        let items: [JSON]
        do {
            items = try await all(
                operation, path, [("by", "hour"), ("from", "\(first)")]
            ).items
        } catch let problem as Problem where problem.reason == .tooMuchAtOnce {
            return card(.onlineByHour, alert(problem))
        }
        let hour: Int64 = 3_600_000
        var moments: [(name: String, values: [Int64?])] = []
        var next: Timestamp?
        for item in items {
            guard let from = Timestamp(item.text("from")) else { continue }
            while let missed = next, missed < from {
                moments.append((Self.minute(missed), [nil, nil]))
                next = missed.adding(milliseconds: hour)
            }
            moments.append(
                (Self.minute(from), ["online", "devices"].map { item.at($0)?.integer }))
            next = from.adding(milliseconds: hour)
        }
        let course = Course(
            title: .onlineByHour, axis: .hour,
            series: [.init(title: .onlineMost), .init(title: .devices)], moments: moments)
        return card(
            .onlineByHour,
            lines(course) + missing(items) + csvLink(operation, path, [("by", "hour")]))
    }

    /// `2026-11-29 17:00`
    private static func minute(_ time: Timestamp) -> String {
        String("\(time)".prefix(16)).replacing("T", with: " ")
    }

    /// Which nodes' counts the figures are without.
    func missing(_ items: [JSON]) -> HTML {
        nodesMissing(Set(items.flatMap { $0["missing"]?.array ?? [] }.compactMap(\.text)).sorted())
    }

    func nodesMissing(_ nodes: [String]) -> HTML {
        guard !nodes.isEmpty else { return HTML() }
        return """
            <p class="alert" role="status">\(t(.nodesMissing)) \(nodes.joined(separator: ", "))</p>
            """
    }
}
