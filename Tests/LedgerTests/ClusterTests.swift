import Storage
import StoreDump
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Several books, one log.
@Suite struct ClusterTests {
    @Test(
        """
        Whatever is lost, doubled, delayed or ended between nodes and log: what was answered happened once, \
        in its order, and all books are the same
        """, arguments: [1, 2, 3, Seed.fresh])
    func simulation(seed: UInt64) throws {
        var simulation = try ClusterSimulation(seed: seed, nodes: 4)
        for round in 1...6 {
            for _ in 0..<500 { try simulation.step() }
            try simulation.settle()
            try check(simulation, "seed \(seed), round \(round)")
        }
        #expect(simulation.restarts > 20 && simulation.gaps > 10)
        #expect(simulation.removals >= 1 && simulation.first > 1)
        #expect(simulation.answered.count > 100)
        if seed > 3 { return }
        let inheritances = simulation.answered.values.filter { outcome in
            guard case .done(.changed(.cluster(.sessionsInherited))) = outcome else { return false }
            return true
        }
        #expect(!inheritances.isEmpty)
    }

    private func check(_ simulation: ClusterSimulation, _ place: String) throws {
        let first = simulation.nodes[0]
        let dump = try first.store.dump()
        for node in simulation.nodes.dropFirst() {
            let other = try node.store.dump()
            try #require(dump == other, "\(place): \(dump.difference(from: other))")
            try #require(node.mark == first.mark, "\(place)")
        }
        #expect(try first.store.findings() == [])
        let events = try first.store.read { books, transaction throws(StoreError) in
            var events: [Event] = []
            try books.events.forEach(in: transaction) { _, event in
                events.append(event)
                return .proceed
            }
            return events
        }
        let actors = events.map(\.actor).filter { $0.contains("-") }
        try checkOrder(of: actors, place)
        for (actor, outcome) in simulation.answered {
            if case .done(.changed) = outcome {
                #expect(Set(actors).contains(actor), "\(place): \(actor) was promised")
            }
        }
    }

    /// A node's commands are in the books in the order in which it was given them, each at one place.
    private func checkOrder(of actors: [String], _ place: String) throws {
        var last: [Substring: Int] = [:]
        for (index, actor) in actors.enumerated() where index == 0 || actors[index - 1] != actor {
            let parts = actor.split(separator: "-")
            let number = try #require(Int(parts[1]))
            #expect(
                number > last[parts[0], default: 0], "\(place): \(actor) comes twice, or too late")
            last[parts[0]] = number
        }
    }
}
