import Storage
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

@Suite struct LedgerTests {
    private let now = Timestamp(milliseconds: 1_700_000_000_000)

    private func opened(_ directory: TemporaryDirectory) async throws -> Ledger {
        let ledger = try Ledger(
            directory: directory.path,
            mapSizeBytes: 1 << 26,
            durability: .unsynced
        )
        for action in TestStore.beginning
            + [
                .codes(
                    .purchase(
                        TestStore.acme, package: TestStore.small, quantity: 3,
                        product: TestStore.product))
            ]
        { _ = try await submit(action, to: ledger) }
        return ledger
    }

    private func submit(_ action: Action, to ledger: Ledger) async throws -> Outcome {
        try await ledger.submit(Command(at: now, actor: "test", action: action))
    }

    @Test("A reader decides about a known device from its own record and the cached product")
    func reader() async throws {
        let directory = TemporaryDirectory()
        let ledger = try await opened(directory)
        let identity = TestStore.device("d1")
        var reader = try ledger.reader()
        let time = now
        func decide(_ reader: inout LedgerReader) throws -> Decision {
            try reader.withDevice(identity) { product, device in
                Admission.decide(
                    identity, product: product?.record, device: device?.standing, at: time)
            }
        }
        #expect(try decide(&reader) == .consume(.first))
        _ = try await submit(.devices(.activate(identity, confirmsSecret: nil)), to: ledger)
        #expect(try decide(&reader) == .admit(until: now.adding(days: 10)))
        // B9: the cache is dropped once the deletion has been answered.
        _ = try await submit(.products(.delete(TestStore.product)), to: ledger)
        #expect(try decide(&reader) == .refuse(.products(.unknown(TestStore.product))))
        ledger.shutdown()
    }

    @Test("B2: what was answered is there after opening the ledger again")
    func reopening() async throws {
        let directory = TemporaryDirectory()
        do {
            let ledger = try await opened(directory)
            _ = try await submit(
                .devices(.activate(TestStore.device("d1"), confirmsSecret: nil)),
                to: ledger
            )
            ledger.shutdown()
        }
        let ledger = try Ledger(directory: directory.path, mapSizeBytes: 1 << 26)
        #expect(try ledger.verify() == [])
        let outcome = try await submit(
            .devices(.activate(TestStore.device("d1"), confirmsSecret: nil)),
            to: ledger
        )
        guard case .done(.entitled(let entitlement, consumed: false)) = outcome else {
            Issue.record("consumed again: \(outcome)")
            return
        }
        #expect(entitlement.code.serial == 1)
        ledger.shutdown()
        await #expect(throws: StoreError.shutDown) {
            try await ledger.submit(
                Command(at: now, actor: "test", action: .keys(.revoke(KeyID("k")!))))
        }
    }
}
