import Gateway
import Ledger

/// The books' side of an import in chunks: begun, one chunk under way while the next one is read,
/// then committed or abandoned.
struct ImportLedger {
    private let call: Call
    private let product: ProductKey

    /// Of the import; `nil` when the idempotency key was used before: then nothing is staged, and the
    /// commit tells whether it was for the same file.
    private let number: UInt64?
    private var staged: UInt64 = 0
    private var underWay: Task<Void, any Error>?

    /// Begins one.
    init(of product: ProductKey, _ call: Call) async throws {
        self.call = call
        self.product = product
        let action = ImportAction.begin(
            product, key: call.idempotencyKey, run: call.controlPlane.run)
        switch try await call.carryOut(.importing(action)) {
        case .importBegun(let number): self.number = number
        default: number = nil
        }
    }

    /// Stages the next rows: waits for those before, not for these.
    mutating func stage(_ rows: [ImportLine]) async throws {
        try await settle()
        let after = staged
        staged += UInt64(rows.count)
        guard let number else { return }
        let (call, product) = (call, product)
        underWay = Task {
            try await call.carryOut(
                .importing(.stage(product, import: number, after: after, rows: rows)))
        }
    }

    /// All rows are valid from here on. Answers the import's number.
    mutating func commit(_ digest: FileDigest) async throws -> UInt64 {
        try await settle()
        let action = ImportAction.commit(
            product, import: number ?? 0, rows: staged, digest: digest)
        guard
            case .changed(.devicesImported(_, _, .some(let number))) =
                try await call.submit(.importing(action))
        else { preconditionFailure("a commit imports devices") }
        return number
    }

    /// It will never be committed. Does not fail: what the ledger could not be told now, it will be at
    /// the next start.
    mutating func abandon() async {
        _ = try? await settle()
        guard let number else { return }
        _ = try? await call.carryOut(.importing(.abandon(product, import: number)))
    }

    private mutating func settle() async throws {
        let task = underWay
        underWay = nil
        try await task?.value
    }
}
