import Randomness
import Reactor
import Testing

@Suite struct SlotIndexTests {
    /// Names by slot, and the index over them; `hashes`: how many different ones there are.
    private struct Names: ~Copyable {
        var index = SlotIndex()
        var names: [String?]
        let hashes: UInt32

        init(slots: Int, hashes: UInt32) {
            names = Array(repeating: nil, count: slots)
            self.hashes = hashes
        }

        func hash(_ name: String) -> UInt32 {
            UInt32(truncatingIfNeeded: name.hashValue) % hashes
        }

        func slots(of wanted: [String]) -> [UInt32?] {
            wanted.map { name in index.slot(hash: hash(name)) { names[Int($0)] == name } }
        }

        mutating func insert(_ name: String, at slot: UInt32) {
            names[Int(slot)] = name
            index.insert(slot, hash: hash(name))
        }

        mutating func remove(_ slot: UInt32) -> Bool {
            guard let name = names[Int(slot)] else { return false }
            let isThere = index.remove(slot, hash: hash(name))
            names[Int(slot)] = nil
            return isThere
        }
    }

    @Test("A slot is found by its element's name alone, also among equal hashes")
    func finds() {
        var names = Names(slots: 8, hashes: 1)
        #expect(names.slots(of: ["a"]) == [nil])
        for (slot, name) in ["a", "b", "c"].enumerated() { names.insert(name, at: UInt32(slot)) }
        #expect(names.slots(of: ["a", "b", "c", "d"]) == [0, 1, 2, nil])
        let first = names.remove(1)
        let second = names.remove(1)
        let count = names.index.count
        #expect(first && !second && count == 2)
        #expect(names.slots(of: ["a", "b", "c"]) == [0, nil, 2])
    }

    @Test("A slot that is not there is not taken out")
    func foreign() {
        var index = SlotIndex()
        let fromEmpty = index.remove(1, hash: 1)
        index.insert(1, hash: 1)
        let byHash = index.remove(1, hash: 2)
        let bySlot = index.remove(2, hash: 1)
        let count = index.count
        #expect(!fromEmpty && !byHash && !bySlot && count == 1)
    }

    /// Few hashes make long runs, in which taking out moves others; at the end of the table they go on at its
    /// beginning.
    @Test(
        "It answers as a dictionary does, whatever comes and goes",
        arguments: [3, 64, UInt32.max] as [UInt32], [1, 2, 3] as [UInt64])
    func model(hashes: UInt32, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var names = Names(slots: 300, hashes: hashes)
        var model: [String: UInt32] = [:]
        for _ in 0..<20_000 {
            let slot = UInt32.random(in: 0..<300, using: &random)
            if let name = names.names[Int(slot)] {
                let isThere = names.remove(slot)
                #expect(isThere)
                model[name] = nil
            } else {
                let name = "client-\(UInt32.random(in: 0..<1_000, using: &random))"
                let found = names.slots(of: [name])
                #expect(found == [model[name]])
                if model[name] == nil {
                    names.insert(name, at: slot)
                    model[name] = slot
                }
            }
        }
        let count = names.index.count
        let wanted = Array(model.keys)
        let found = names.slots(of: wanted)
        #expect(count == model.count && found == wanted.map { model[$0] })
    }

    @Test("A million slots are found, and growing has asked for no name")
    func growth() {
        var index = SlotIndex()
        let all = 0..<1_000_000 as Range<UInt32>
        for slot in all { index.insert(slot, hash: slot &* 0x9E37_79B9) }
        let found = all.filter { slot in
            index.slot(hash: slot &* 0x9E37_79B9) { $0 == slot } == slot
        }
        #expect(found.count == all.count)
    }
}
