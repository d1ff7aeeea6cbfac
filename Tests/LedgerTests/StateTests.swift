import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// What devices are to be, in the books.
@Suite struct StateTests {
    private let device = TestStore.device("d1")

    private func furnished() throws -> TestStore {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        return store
    }

    private func change(
        _ text: String, isMerge: Bool = true, expected: UInt64? = nil
    ) -> Action {
        let edit = DesiredEdit(Samples.patch(text), isMerge: isMerge, expected: expected)
        return .devices(.changeDesired(device, edit))
    }

    private func state(_ store: TestStore) throws -> DesiredState {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.desiredState(of: device, in: transaction)
    }

    @Test("each change has a version, and what is the same is no change")
    func versions() throws {
        let store = try furnished()
        #expect(try state(store) == .none)
        let first = try store.apply(change(#"{"a":{"b":1},"c":2}"#))
        #expect(first == .done(.changed(.devices(.desiredChanged(device, version: 1)))))
        #expect(try store.apply(change(#"{"c":2}"#)) == .done(.unchanged))
        _ = try store.apply(change(#"{"a":{"d":3},"c":null}"#, expected: 1))
        #expect(try state(store).document.text == #"{"a":{"b":1,"d":3}}"#)
        _ = try store.apply(change(#"{"x":1,"y":null}"#, isMerge: false))
        #expect(try state(store).document.text == #"{"x":1}"#)
        #expect(try state(store).version == 3)
        #expect(try store.findings() == [])
    }

    @Test("another version than the one expected, and too much, are refused and change nothing")
    func refusals() throws {
        let store = try furnished()
        #expect(try store.refusal(change("{\"a\":1}", expected: 1)) == "state-version-mismatch")
        #expect(try store.refusal(change("{\"a\":1}", expected: 0)) == nil)
        #expect(try store.refusal(change("{\"a\":2}", expected: 0)) == "state-version-mismatch")
        let half = String(repeating: "x", count: 5_000)
        #expect(try store.refusal(change("{\"b\":\"\(half)\"}")) == nil)
        #expect(try store.refusal(change("{\"c\":\"\(half)\"}")) == "state-too-large")
        #expect(try state(store).version == 2)
        #expect(try store.findings() == [])
    }

    @Test("the platform changes a device's state thirty times at once, and then once a minute")
    func pace() throws {
        let store = try furnished()
        for number in 0..<30 {
            #expect(try store.refusal(change("{\"a\":\(number)}")) == nil, "\(number)")
        }
        #expect(try store.refusal(change("{\"a\":30}")) == "state-rate-exceeded")
        // What changes nothing takes nothing.
        #expect(try store.refusal(change("{\"a\":29}")) == nil)
        store.advance(days: 0, milliseconds: 60_000)
        #expect(try store.refusal(change("{\"a\":30}")) == nil)
        #expect(try store.refusal(change("{\"a\":31}")) == "state-rate-exceeded")
        #expect(try state(store).version == 31)
    }

    @Test("it goes with its device, and begins anew with the next one of that name")
    func deletion() throws {
        let store = try furnished()
        _ = try store.apply(change("{\"a\":1}"))
        _ = try store.apply(.devices(.delete(device)))
        #expect(try state(store) == .none)
        #expect(try store.refusal(change("{\"a\":1}")) == "unknown-device")
        _ = try store.connect("d1")
        #expect(try state(store) == .none)
        _ = try store.apply(change("{\"b\":1}"))
        #expect(try state(store).version == 1)
        #expect(try store.findings() == [])
    }

    @Test("a product says whether its devices' states are counted")
    func counting() throws {
        let store = try furnished()
        let (key, on) = (TestStore.product, Action.products(.countState(TestStore.product, true)))
        #expect(
            try store.apply(on) == .done(.changed(.products(.stateCounted(key, true)))))
        #expect(try store.apply(on) == .done(.unchanged))
        let transaction = try ReadTransaction(in: store.environment)
        #expect(try store.books.product(key, in: transaction)?.countsState == true)
    }
}
