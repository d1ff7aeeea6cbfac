import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore

/// Takes a CSV of devices as it comes, however large, all of it or nothing.
///
/// Up to one chunk of rows is one command. A larger file goes to the books chunk by chunk, where
/// it is not seen until the commit at its end (`ImportAction`). In memory are two chunks, and what
/// the answer's spool holds.
struct FleetImport: ~Copyable {
    private let call: Call
    private let product: ProductKey
    private var parser = CSVParser()
    private var columns: ImportColumns?
    private var mint: Mint
    private let secretLengthMinimum: Int
    private var digest = SHA256()
    private var size = 0

    private var rows: [ImportRow] = []

    /// `nil` as long as the file has no more rows than one chunk.
    private var ledger: ImportLedger?
    private var spool: Spool

    /// In one command: a bound on how long the ledger's writer is busy with it, and activations wait.
    static let chunkRows = 1_000

    init(_ call: Call, of product: ProductKey) {
        self.call = call
        self.product = product
        mint = call.mint
        secretLengthMinimum = call.configuration.activation.secretLengthMinimum
        spool = Spool(directory: call.configuration.data)
    }

    /// Reads the whole body. What it answers is in the books; when it throws, nothing is.
    static func run(_ call: Call, of product: ProductKey) async throws -> Imported {
        var fleet = FleetImport(call, of: product)
        do {
            var pieces = try await call.body()
            while let piece = try await Call.next(of: &pieces) {
                try await fleet.take([UInt8](piece.readableBytesView))
            }
            return try await fleet.finish()
        } catch {
            await fleet.abandon()
            throw error
        }
    }

    private mutating func take(_ piece: [UInt8]) async throws {
        size += piece.count
        guard size <= call.configuration.admin.importSizeBytes else {
            throw Problem(
                .requestTooLarge,
                "an import has at most \(call.configuration.admin.importSizeBytes) bytes")
        }
        digest.update(piece.span)
        parser.append(piece)
        try await readRows()
    }

    private mutating func readRows() async throws {
        while let row = try parser.next() {
            guard let columns else {
                let columns = try ImportColumns(header: row)
                self.columns = columns
                try spool.append { CSV.append(columns.answerHeader, to: &$0) }
                continue
            }
            if rows.count == Self.chunkRows { try await stage() }
            let device = try columns.device(in: row, &mint)
            try device.requireSecret(ofLength: secretLengthMinimum, .importLine)
            rows.append(device)
            try spool.append { CSV.append(columns.answer(for: device), to: &$0) }
        }
    }

    /// Hands the chunk to the books.
    private mutating func stage() async throws {
        if ledger == nil { ledger = try await ImportLedger(of: product, call) }
        let devices = try rows.sealed(for: product, with: call.controlPlane.secretKeys)
        let lines = zip(rows, devices).map { ImportLine(line: UInt64($0.line), device: $1) }
        rows.removeAll(keepingCapacity: true)
        try await ledger?.stage(lines)
    }

    private mutating func finish() async throws -> Imported {
        if let length = call.request.headers[.contentLength].flatMap({ Int($0) }), length != size {
            throw Problem.invalid("the body has \(size) bytes, and \(length) were announced")
        }
        parser.finish()
        try await readRows()
        guard columns != nil else {
            throw CSV.problem(1, "the header is missing: dk,secret or dk,secret,name")
        }
        guard !rows.isEmpty else { throw Problem.invalid("there is no device to import") }
        var number: UInt64?
        if ledger == nil {
            let devices = try rows.sealed(for: product, with: call.controlPlane.secretKeys)
            let lines = rows.map(\.line)
            try await call.submit(.imports(.atOnce(product, devices))) { lines[Int($0) - 1] }
        } else {
            try await stage()
            let digest = fileDigest()
            number = try await ledger?.commit(digest)
        }
        // Committed: there is nothing to abandon any more.
        ledger = nil
        var whole = Spool(directory: call.configuration.data)
        swap(&whole, &spool)
        return Imported(number: number, text: whole.finish())
    }

    private func fileDigest() -> FileDigest {
        let digest = digest.finalize()
        var (high, low) = (UInt64(0), UInt64(0))
        for index in 0..<8 {
            high = high << 8 | UInt64(digest.span[index])
            low = low << 8 | UInt64(digest.span[index + 8])
        }
        return FileDigest(high: high, low: low)
    }

    private mutating func abandon() async {
        await ledger?.abandon()
        ledger = nil
    }
}

/// What an import is answered with.
struct Imported {
    /// Of the import in chunks; `nil` when one command was enough.
    let number: UInt64?

    /// The same columns, with all secrets.
    let text: SpooledText
}

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

    init(of product: ProductKey, _ call: Call) async throws {
        self.call = call
        self.product = product
        let action = ImportAction.begin(
            product, key: call.idempotencyKey, run: call.controlPlane.run)
        if case .importBegun(let number) = try await call.carryOut(.imports(action)) {
            self.number = number
        } else {
            number = nil
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
                .imports(.stage(product, import: number, after: after, rows: rows)))
        }
    }

    /// All rows are valid from here on. Answers the import's number.
    mutating func commit(_ digest: FileDigest) async throws -> UInt64 {
        try await settle()
        let action = ImportAction.commit(product, import: number ?? 0, rows: staged, digest: digest)
        guard
            case .changed(.imports(.imported(_, _, .some(let number)))) =
                try await call.submit(.imports(action))
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
