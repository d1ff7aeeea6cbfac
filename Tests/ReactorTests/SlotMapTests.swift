@testable import Reactor
import Randomness
import Testing

@Suite struct SlotMapTests {
    @Test("An element is found by its slot, changed in place, and taken out once")
    func lifeOfAnElement() throws {
        let census = Resource.Census()
        var table = SlotMap<Resource>(limit: 10)
        let inserted = table.insert(Resource(1, census))
        let token = try #require(inserted)
        #expect(table.count == 1 && table.contains(token))
        #expect(table.token(ofSlot: token.slot) == token)
        table[slot: token.slot].value += 41
        let changed = table[slot: token.slot].value
        #expect(changed == 42)

        if let removed = table.remove(token) {
            let value = removed.value
            #expect(value == 42 && census.alive == 1)
        } else {
            Issue.record("the element is gone")
        }
        let again = table.remove(token) == nil
        #expect(again && table.isEmpty && !table.contains(token) && census.alive == 0)
        #expect(table.token(ofSlot: token.slot) == nil)
    }

    @Test("A stale token never matches, whoever lives in its slot now")
    func staleTokens() throws {
        var table = SlotMap<Int>(limit: 1)
        var stale: [Token] = []
        for value in 0..<1_000 {
            let inserted = table.insert(value)
            let token = try #require(inserted)
            for old in stale { #expect(table.contains(old) == false) }
            #expect(token.slot == 0 && table.contains(token))
            stale.append(token)
            #expect(table.remove(token) == value)
        }
        #expect(Set(stale).count == 1_000)
    }

    @Test(
        "Tokens that were never handed out do not match: free slots, slots not there, reserved ones"
    )
    func foreignTokens() throws {
        var table = SlotMap<Int>(limit: 4)
        let inserted = table.insert(1)
        let token = try #require(inserted)
        #expect(table.remove(token) == 1)
        let reused = table.insert(2)
        let second = try #require(reused)
        #expect(table.remove(second) == 2)
        for slot in 0..<6 as Range<UInt32> {
            for generation in 0..<8 as Range<UInt32> {
                #expect(table.contains(Token(slot: slot, generation: generation)) == false)
            }
        }
        #expect(Token.reserved(3).isReserved && !token.isReserved)
        #expect(Token(rawValue: second.rawValue) == second)
    }

    @Test("A generation that wraps goes on: taken is odd, and no token is a reserved one")
    func wrap() throws {
        var table = SlotMap<Int>(limit: 1, firstGeneration: .max - 3)
        var tokens: [Token] = []
        for value in 0..<6 {
            let inserted = table.insert(value)
            let token = try #require(inserted)
            #expect(token.generation % 2 == 1 && !token.isReserved)
            #expect(tokens.allSatisfy { $0 != token })
            tokens.append(token)
            #expect(table.remove(token) == value)
        }
        #expect(tokens.map(\.generation) == [.max - 2, .max, 1, 3, 5, 7])
    }

    @Test("A full table refuses, destroys what it refused, and takes again when one has gone")
    func full() throws {
        let census = Resource.Census()
        var table = SlotMap<Resource>(limit: 3)
        let tokens = (0..<3).compactMap { table.insert(Resource($0, census)) }
        #expect(tokens.count == 3 && table.isFull)
        #expect(table.insert(Resource(3, census)) == nil)
        #expect(census.alive == 3)
        _ = table.remove(tokens[1])
        let fresh = table.insert(Resource(4, census))
        #expect(fresh?.slot == tokens[1].slot && fresh != tokens[1])
    }

    @Test("Elements never move while the table grows over many chunks")
    func addresses() throws {
        var table = SlotMap<Int>(limit: 10_000)
        var addresses: [UInt] = []
        for value in 0..<10_000 {
            let inserted = table.insert(value)
            let token = try #require(inserted)
            #expect(token.slot == UInt32(value))
            addresses.append(address(of: token.slot, in: &table))
        }
        for slot in 0..<10_000 as Range<UInt32> {
            #expect(table[slot: slot] == Int(slot))
            #expect(address(of: slot, in: &table) == addresses[Int(slot)])
        }
    }

    @Test("What is left in the table goes with it")
    func destroyed() {
        let census = Resource.Census()
        do {
            var table = SlotMap<Resource>(limit: 5_000)
            let tokens = (0..<3_000).compactMap { table.insert(Resource($0, census)) }
            for token in tokens where token.slot % 3 == 0 { _ = table.remove(token) }
            #expect(census.alive == 2_000)
        }
        #expect(census.alive == 0)
    }

    @Test(
        "Any insert and remove does what a dictionary by token does",
        arguments: 1...4 as ClosedRange<UInt64>
    )
    func againstModel(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var table = SlotMap<Int>(limit: 2_000)
        var model: [Token: Int] = [:]
        var gone: [Token] = []
        for step in 0..<10_000 {
            if Int.random(in: 0..<5, using: &random) < 3 {
                let token = table.insert(step)
                #expect((token == nil) == (model.count == 2_000))
                if let token { #expect(model.updateValue(step, forKey: token) == nil) }
            } else if let (token, value) = model.randomElement(using: &random) {
                #expect(table.remove(token) == value)
                model[token] = nil
                gone.append(token)
            }
            if let old = gone.randomElement(using: &random) {
                #expect(table.contains(old) == false)
            }
        }
        var visited: [Token: Int] = [:]
        var next = table.occupiedSlot(from: 0)
        while let slot = next {
            let token = table.token(ofSlot: slot)
            visited[try #require(token)] = table[slot: slot]
            next = table.occupiedSlot(from: slot + 1)
        }
        #expect(visited == model)
    }

    private func address(of slot: UInt32, in table: inout SlotMap<Int>) -> UInt {
        // Safe: the address is compared, not used.
        unsafe withUnsafePointer(to: &table[slot: slot]) { UInt(bitPattern: $0) }
    }
}
