import Gateway
import Ledger

/// The books' side of an import in chunks: begun, one step under way while the next one is made,
/// then committed or abandoned.
struct ImportLedger {
    private let call: Call
    private let product: ProductKey
    private let places: ImportPlaces

    /// Of the import; `nil` when the idempotency key was used before: then nothing is staged, and the
    /// commit tells whether it was for the same file.
    private let number: UInt64?
    private var staged: UInt64 = 0
    private var underWay: Task<Void, any Error>?

    init(of product: ProductKey, namedBy places: ImportPlaces, _ call: Call) async throws {
        self.call = call
        self.product = product
        self.places = places
        let action = ImportAction.begin(
            product, key: call.idempotencyKey, run: call.controlPlane.run)
        if case .importBegun(let number) = try await call.carryOut(.imports(action)) {
            self.number = number
        } else {
            number = nil
        }
    }

    /// Stages the next rows: waits for those before, and not for the last step of these.
    mutating func stage(_ rows: [ImportLine]) async throws {
        for step in rows.steps(ofRows: FleetImport.chunkRows) {
            try await settle()
            let after = staged
            staged += UInt64(step.count)
            guard let number else { continue }
            let (call, product, places) = (call, product, places)
            underWay = Task {
                try await call.carryOut(
                    .imports(.stage(product, import: number, after: after, rows: step)),
                    refusedAs: places.named)
            }
        }
    }

    /// All rows are valid from here on. Answers the import's number.
    @discardableResult
    mutating func commit(_ digest: FileDigest) async throws -> UInt64 {
        try await settle()
        let action = ImportAction.commit(product, import: number ?? 0, rows: staged, digest: digest)
        guard
            case .changed(.imports(.imported(_, _, .some(let number)))) =
                try await call.submit(.imports(action), refusedAs: places.named)
        else { preconditionFailure("a commit imports devices") }
        return number
    }

    /// It will never be committed. Does not fail: what the ledger could not be told now, it will be at
    /// the next start.
    mutating func abandon() async {
        _ = try? await settle()
        guard let number else { return }
        _ = try? await call.carryOut(.imports(.abandon(product, import: number)))
    }

    private mutating func settle() async throws {
        let task = underWay
        underWay = nil
        try await task?.value
    }
}

// MARK: - Rows in memory

extension ImportLedger {
    /// Takes rows that are in memory together, all of them or none: in one command or, when that would be too
    /// large, as an import in chunks. To the client it is the same.
    static func take(
        _ rows: [ImportRow],
        of product: ProductKey,
        namedBy places: ImportPlaces,
        _ call: Call
    ) async throws {
        let devices = try rows.sealed(for: product, with: call.controlPlane.secretKeys)
        let action = Action.imports(.atOnce(product, devices))
        guard !devices.fitOneCommand else {
            try await call.submit(action) { places.named($0, lineOf: { rows[Int($0) - 1].line }) }
            return
        }
        var ledger = try await ImportLedger(of: product, namedBy: places, call)
        do {
            if ledger.number == nil, try wasTaken(action, rows, places, call) { return }
            try await ledger.stage(rows.lines(with: devices))
            // By what was asked for, as one command is recognised when it is repeated.
            let (high, low) = action.digest
            try await ledger.commit(FileDigest(high: high, low: low))
        } catch {
            await ledger.abandon()
            throw error
        }
    }

    /// Whether the books have taken the same rows under the same key as one command, from a program that made
    /// commands of any size. Throws what they refused it for then.
    private static func wasTaken(
        _ action: Action,
        _ rows: [ImportRow],
        _ places: ImportPlaces,
        _ call: Call
    ) throws -> Bool {
        let command = call.command(action)
        switch try call.read({ try $0.answer(again: command, in: $1) }) {
        case .none, .refused(.commands(.idempotencyKeyReused)): return false
        case .done, .repeated: return true
        case .refused(let refusal):
            throw Problem(places.named(refusal) { rows[Int($0) - 1].line })
        }
    }
}

/// How the client of an import counts, and so is told which row was refused.
enum ImportPlaces: Sendable {
    /// The lines of a file.
    case lines

    /// The rows of a document, from 1.
    case rows

    /// The refusal of a row, in the client's way of counting. `lineOf` tells where a row of a command was that has
    /// no lines.
    func named(_ refusal: Refusal, lineOf line: (UInt32) -> Int) -> Refusal {
        if case .imports(.row(let row, let device, let fault)) = refusal {
            return .imports(self.refusal(line(row), device, fault))
        }
        if case .imports(.line(let line, let device, let fault)) = refusal {
            return .imports(self.refusal(Int(line), device, fault))
        }
        return refusal
    }

    /// The same of a step, whose rows have their lines with them.
    func named(_ refusal: Refusal) -> Refusal { named(refusal) { Int($0) } }

    private func refusal(
        _ line: Int, _ device: DeviceKey, _ fault: ImportFault
    ) -> ImportRefusal {
        switch self {
        case .lines: .line(line: UInt64(line), device: device, fault: fault)
        case .rows: .row(row: UInt32(line), device: device, fault: fault)
        }
    }
}

extension [ImportRow] {
    /// As steps of an import have them: each with its place, and its secret sealed.
    func lines(with devices: [DeviceImport]) -> [ImportLine] {
        zip(self, devices).map { ImportLine(line: UInt64($0.line), device: $1) }
    }
}
