import Glibc
import Linux
import Randomness
import Reactor
import Testing

@testable import Gateway

/// Who makes room when as many newcomers are there as may be.
@Suite struct NewcomerTests {
    /// A shard that takes some newcomers, and who is there of them.
    private struct Door: ~Copyable {
        var bench: OrganBench
        private(set) var slots: [(slot: UInt32, address: String)] = []

        init(places: Int, exempt: [String] = []) throws {
            bench = try OrganBench(shards: 1) {
                $0.handshakesInFlight = places
                $0.exemptNetworks = exempt
            }
        }

        private func time(_ milliseconds: Int64) -> ShardTime {
            let start = MonotonicInstant(nanoseconds: 0)
            return ShardTime(
                wall: OrganBench.noon, monotonic: start.adding(milliseconds: milliseconds),
                since: start)
        }

        /// Whether a client of the address is taken; what was ended for it is closed.
        mutating func comes(_ address: String, at milliseconds: Int64) throws -> Bool {
            let source = bench.context.wire.source(of: IPAddress(address)!)
            guard bench.context.wire.takesNewcomer(of: source, at: time(milliseconds)) else {
                return false
            }
            closeEnded()
            _ = try adopt(address, .awaitingConnect, at: milliseconds)
            return true
        }

        /// A proxy's connection, which has to say whom it is for; `nil` when it is not taken.
        mutating func proxyComes(at milliseconds: Int64) throws -> UInt32? {
            guard bench.context.wire.takesNewcomer(of: nil, at: time(milliseconds)) else {
                return nil
            }
            closeEnded()
            return try adopt("127.0.0.1", .announcing, at: milliseconds)
        }

        mutating func announce(_ slot: UInt32, _ address: String, at milliseconds: Int64) {
            bench.context.wire[slot].peer = SocketAddress(IPAddress(address)!, port: 1_883)
            bench.context.wire.nameNewcomer(
                slot, phase: .awaitingConnect, at: time(milliseconds))
            for index in slots.indices where slots[index].slot == slot {
                slots[index].address = address
            }
        }

        private mutating func adopt(
            _ address: String, _ phase: Connection.Phase, at milliseconds: Int64
        ) throws -> UInt32 {
            var connection = Connection(
                descriptor: Descriptor(adopting: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)),
                listener: 0,
                peer: SocketAddress(IPAddress(address)!, port: 1_883),
                tls: nil,
                at: time(milliseconds)
            )
            connection.phase = phase
            let adopted = bench.context.wire.adopt(connection, at: time(milliseconds))
            let slot = try #require(adopted)
            slots.append((slot, address))
            return slot
        }

        private mutating func closeEnded() {
            while let token = bench.context.wire.nextToClose() {
                bench.context.wire.remove(token)
                bench.context.wire.unadmitted -= 1
                slots.removeAll { $0.slot == token.slot }
            }
        }

        func count(of address: String) -> Int { slots.count { $0.address == address } }
    }

    @Test("a few sources that come again and again keep no other out, and share what is left")
    func fewSources() throws {
        var door = try Door(places: 40)
        let crowd = (1...4).map { "192.0.2.\($0)" }
        for number in 0..<40 {
            let isTaken = try door.comes(crowd[number % 4], at: 0)
            #expect(isTaken)
        }
        for round in 0..<10 as Range<Int64> {
            for address in crowd {
                let isTaken = try door.comes(address, at: round)
                #expect(!isTaken)
            }
            let address = round % 2 == 0 ? "198.51.100.\(round)" : "2001:db8:0:\(round)::1"
            let isTaken = try door.comes(address, at: round)
            #expect(isTaken && door.count(of: address) == 1)
        }
        let left = crowd.map { door.count(of: $0) }
        #expect(left.reduce(0, +) == 30 && left.allSatisfy { (7...8).contains($0) }, "\(left)")
    }

    @Test("a source takes no more of the largest than leaves that as many as itself")
    func shares() throws {
        var door = try Door(places: 10)
        for _ in 0..<10 { _ = try door.comes("192.0.2.1", at: 0) }
        var taken = 0
        for _ in 0..<20 where try door.comes("192.0.2.2", at: 1) { taken += 1 }
        #expect(taken == 5 && door.count(of: "192.0.2.1") == 5)
        // A third one, to equal shares.
        for _ in 0..<20 where try door.comes("192.0.2.3", at: 2) { taken += 1 }
        #expect(taken == 8 && door.count(of: "192.0.2.3") == 3)
    }

    @Test("sources of one newcomer each change places only after two seconds, the oldest first")
    func grace() throws {
        var door = try Door(places: 10)
        for number in 1...10 { _ = try door.comes("192.0.2.\(number)", at: Int64(number)) }
        let early = try door.comes("198.51.100.1", at: 1_900)
        #expect(!early)
        let late = try door.comes("198.51.100.1", at: 2_100)
        #expect(late && door.count(of: "192.0.2.1") == 0 && door.count(of: "192.0.2.2") == 1)
    }

    @Test("the addresses of one /64 are one source, however many")
    func network() throws {
        var door = try Door(places: 20)
        for number in 1...20 { _ = try door.comes("2001:db8::\(number)", at: 0) }
        let same = try door.comes("2001:db8::ffff", at: 1)
        let other = try door.comes("2001:db8:0:1::1", at: 1)
        #expect(!same && other)
    }

    @Test("an exempt network is let in at once, and makes room for others after two seconds")
    func exempt() throws {
        var door = try Door(places: 20, exempt: ["10.0.0.0/8"])
        for number in 0..<20 { _ = try door.comes("192.0.2.\(number % 2)", at: 0) }
        for _ in 0..<18 {
            let isTaken = try door.comes("10.0.0.1", at: 1)
            #expect(isTaken)
        }
        // One is left of each other source.
        let more = try door.comes("10.0.0.1", at: 1)
        let other = try door.comes("198.51.100.1", at: 1)
        let late = try door.comes("198.51.100.1", at: 2_100)
        #expect(!more && !other && late)
    }

    @Test("behind a proxy it goes by the sources that are announced")
    func proxy() throws {
        var door = try Door(places: 20)
        for number in 0..<20 {
            let taken = try door.proxyComes(at: 0)
            door.announce(try #require(taken), "192.0.2.\(number % 2)", at: 0)
        }
        // The crowd comes again and again, a client now and then.
        for round in 1..<100 as Range<Int64> {
            let taken = try door.proxyComes(at: round)
            let address = round % 20 == 0 ? "198.51.100.\(round)" : "192.0.2.\(round % 2)"
            door.announce(try #require(taken), address, at: round)
        }
        for round in [20, 40, 60, 80] { #expect(door.count(of: "198.51.100.\(round)") == 1) }
        #expect(door.count(of: "192.0.2.0") == 8 && door.count(of: "192.0.2.1") == 8)
    }

    @Test("which is the oldest and which source the largest is known after any coming and going")
    func model() {
        var random = SplitMix64(seed: 7)
        var newcomers = Newcomers()
        var model: [(token: Token, network: SourceNetwork?, tick: UInt64)] = []
        for tick in 0..<20_000 as Range<UInt64> {
            let slot = UInt32(random.next() % 60)
            // Mostly coming for a while, then mostly going.
            let comes = random.next() % 4 != (tick / 500) % 4
            if comes, !model.contains(where: { $0.token.slot == slot }) {
                let number = random.next() % 9
                let network =
                    number == 0 ? nil : SourceNetwork(IPAddress("192.0.2.\(number % 5)")!)
                let token = Token(slot: slot, generation: UInt32(tick))
                newcomers.arrive(token, of: network, at: tick)
                model.append((token, network, tick))
            } else {
                newcomers.leave(slot)
                model.removeAll { $0.token.slot == slot }
            }
            let counts = Dictionary(grouping: model.filter { $0.network != nil }) { $0.network! }
            let largest = counts.values.map(\.count).max() ?? 0
            #expect(newcomers.count == model.count && newcomers.largestCount == largest)
            #expect(newcomers.oldest?.token == model.first?.token)
            for (network, own) in counts {
                #expect(newcomers.count(of: network) == own.count)
                #expect(newcomers.oldest(of: network)?.token == own.first?.token)
            }
            let candidates = counts.values.filter { $0.count == largest }.map(\.first?.token)
            let found = newcomers.oldestOfLargest?.token
            #expect(candidates.isEmpty ? found == nil : candidates.contains(found))
        }
    }
}
