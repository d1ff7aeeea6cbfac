import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore

/// Takes a CSV of devices as it comes, however large, all of it or nothing.
///
/// Up to one chunk of rows is one command, unless that would be too large. A larger file goes to the books
/// chunk by chunk, where it is not seen until the commit at its end (`ImportAction`). In memory are two chunks,
/// and what the answer's spool holds.
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

    /// What is wrong with rows. With the first of these nothing is imported any more; the chunk of rows behind it is read
    /// for what else is, and not more, as a large file takes long to come.
    private var faults: [Fault] = []
    private var rowsBehindFault = 0

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
        while let row = try nextRow() {
            guard let columns else {
                let columns = try ImportColumns(header: row)
                self.columns = columns
                try spool.append { CSV.append(columns.answerHeader, to: &$0) }
                continue
            }
            if rows.count == Self.chunkRows { try await stage() }
            let device: ImportRow
            do throws(Problem) {
                device = try columns.device(in: row, &mint)
                try device.requireSecret(ofLength: secretLengthMinimum, .importLine)
            } catch {
                try await note(error)
                continue
            }
            guard faults.isEmpty else {
                rowsBehindFault += 1
                if rowsBehindFault == Self.chunkRows { try refuseFaulty() }
                continue
            }
            rows.append(device)
            try spool.append { CSV.append(columns.answer(for: device), to: &$0) }
        }
    }

    /// Behind what is no CSV at all nothing can be read.
    private mutating func nextRow() throws(Problem) -> CSV.Row? {
        do throws(Problem) {
            return try parser.next()
        } catch {
            throw Problem(faults + error.errors) ?? error
        }
    }

    private mutating func note(_ problem: Problem) async throws {
        guard !problem.errors.isEmpty else { throw problem }
        await abandon()
        rows = []
        faults += problem.errors
        if faults.count >= Fault.maximumCount { try refuseFaulty() }
    }

    private func refuseFaulty() throws(Problem) {
        if let problem = Problem(faults) { throw problem }
    }

    /// Hands the chunk to the books.
    private mutating func stage() async throws {
        if ledger == nil { ledger = try await ImportLedger(of: product, namedBy: .lines, call) }
        let devices = try rows.sealed(for: product, with: call.controlPlane.secretKeys)
        let lines = rows.lines(with: devices)
        rows.removeAll(keepingCapacity: true)
        try await ledger?.stage(lines)
    }

    private mutating func finish() async throws -> Imported {
        if let length = call.request.headers[.contentLength].flatMap({ Int($0) }), length != size {
            throw Problem.invalid("the body has \(size) bytes, and \(length) were announced")
        }
        parser.finish()
        try await readRows()
        try refuseFaulty()
        guard columns != nil else {
            throw CSV.problem(1, "the header is missing: dk,secret or dk,secret,name")
        }
        guard !rows.isEmpty else { throw Problem.invalid("there is no device to import") }
        var number: UInt64?
        if ledger == nil {
            try await ImportLedger.take(rows, of: product, namedBy: .lines, call)
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
    /// Of the import in chunks; `nil` when one chunk was enough.
    let number: UInt64?

    /// The same columns, with all secrets.
    let text: SpooledText
}
