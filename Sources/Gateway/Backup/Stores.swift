public import Ledger
import Linux
import MessageLog
public import Metering
public import Sessions
public import Storage

/// The stores of a data directory, in its two environments: those of a running gateway, or opened for
/// themselves when none is running.
public struct Stores: Sendable {
    public let ledger: Ledger
    public let usage: UsageStore

    /// Beside the counts, in their environment.
    public let sessions: SessionStore

    /// Of other nodes' stored sessions, by the node, each in an environment of its own.
    public var copies: [NodeName: FollowedSessions] = [:]

    /// Where devices' messages are stored; `nil`: they are not looked at.
    public var messages: String?

    /// Firmware images; `nil`: they are not looked at.
    public var images: FirmwareFiles?

    /// The formats of the environment that counts, sessions and retained messages share. A step is added
    /// at the end, and never changed once it was released.
    public static let usageFormat = StoreFormat(migrations: [
        .init("the store carries its format number") { _ in },
        .init("a session's record may have the number of a claim") { _ in },
        .init("a product's day counts its devices, and quarters of an hour who is online") { _ in },
    ])

    /// The formats as they were found; the current ones in a running gateway.
    public let formats: Formats

    public struct Formats: Hashable, Sendable {
        public let ledger: Int
        public let usage: Int

        public init(ledger: Int, usage: Int) {
            self.ledger = ledger
            self.usage = usage
        }

        /// What this program writes.
        public static let current = Formats(
            ledger: Books.format.current, usage: Stores.usageFormat.current)
    }

    public init(ledger: Ledger, usage: UsageStore, sessions: SessionStore) {
        formats = .current
        self.ledger = ledger
        self.usage = usage
        self.sessions = sessions
    }

    /// Opens what is there, in the format that it has; makes nothing. The maps are as large as the files, or
    /// as the defaults.
    ///
    /// Throws `.ownedByAnotherProcess` when a gateway has them, and `ENOENT` when one is not there.
    public init(openedIn data: String) throws(StoreError) {
        let sizes = GatewayConfiguration.Storage()
        for name in ["ledger", "usage"] { try Environment.require(at: "\(data)/\(name)") }
        ledger = try Ledger(
            directory: "\(data)/ledger", mapSizeBytes: sizes.ledgerMapBytes, migrates: false)
        let shared = try SharedEnvironment(
            path: "\(data)/usage", mapSizeBytes: sizes.usageMapBytes)
        formats = Formats(
            ledger: ledger.format, usage: try Self.usageFormat.require(in: shared.environment))
        images = FirmwareFiles(in: data)
        usage = try UsageStore(in: shared)
        sessions = try SessionStore(in: shared)
        let followings = try ledger.read { books, transaction throws(StoreError) in
            try books.sessionFollowings(in: transaction)
        }
        for node in followings.keys {
            do throws(StoreError) {
                copies[node] = try FollowedSessions(
                    of: node, in: data, mapSizeBytes: sizes.usageMapBytes,
                    maximumMapSizeBytes: sizes.usageMapMaximumBytes)
            } catch .system(code: Errno.noSuchFile.rawValue, _) {
                // It is kept by another node.
            }
        }
    }

    /// How far a node's retained messages have followed the cluster's; `nil` when they never have, or nothing is stored.
    public struct RetainedPlace: Hashable, Sendable {
        public let position: UInt64

        /// Of which records, see `LatestFollower.generation`.
        public let generation: UInt64
    }

    /// The same of stores that no gateway has open.
    public static func retainedPlace(in data: String) throws(StoreError) -> RetainedPlace? {
        let path = "\(data)/usage"
        do throws(StoreError) {
            try Environment.require(at: path)
        } catch .system(code: Errno.noSuchFile.rawValue, _) {
            return nil
        }
        let environment = try Environment(
            path: path, mapSizeBytes: GatewayConfiguration.Storage().usageMapBytes)
        _ = try usageFormat.require(in: environment)
        let messages = try RetainedMessages(in: environment)
        let mark = try environment.read { transaction throws(StoreError) in
            try messages.mark(in: transaction)
        }
        return mark.map { RetainedPlace(position: $0.position, generation: $0.generation) }
    }

    /// Ends the writers; both can be opened again when the last reference has gone.
    public func shutdown() {
        for copy in copies.values { copy.close() }
        usage.shutdown()
        ledger.shutdown()
    }

    /// Whether the books balance (rule A10), the counts add up (rule C8), the stored sessions, those
    /// of other nodes and the retained messages are whole, firmware images are as the books say, and, with the keys, the
    /// secrets can be opened: sentences that name what is wrong, at most `limit` of each kind.
    public func verify(secretKeys: SecretKeys?, limit: Int = 100) throws(StoreError) -> [String] {
        var findings = try ledger.verify(limit: limit)
        if let secretKeys { findings += try secretKeys.verify(ledger, limit: limit) }
        findings += try usage.verify(limit: limit)
        findings += try sessions.verify(limit: limit)
        let retained = try RetainedMessages(in: usage.shared.environment)
        findings += try usage.shared.environment.read { transaction throws(StoreError) in
            try retained.verify(limit: limit, in: transaction)
        }
        for (node, copy) in copies.sorted(by: { $0.key < $1.key }) {
            findings += try copy.verify(limit: limit).map { "copy of \(node)'s sessions: \($0)" }
        }
        return findings + (try verifyMessages(limit: limit)) + (try verifyImages(limit: limit))
    }

    /// Whether each firmware image has its file, with the bytes that the books say. Reads them all.
    private func verifyImages(limit: Int) throws(StoreError) -> [String] {
        guard let images else { return [] }
        var findings: [String] = []
        for image in try knownImages() where findings.count < limit {
            guard let damage = images.damage(of: image.record) else { continue }
            let isKnown = try ledger.read { books, transaction throws(StoreError) in
                try books.image(image.version, of: image.product, in: transaction) != nil
            }
            // One that was deleted meanwhile has lost its file rightly.
            guard isKnown else { continue }
            findings.append(
                "firmware \(image.version) of product \(image.product): \(damage)")
        }
        return findings
    }

    private func verifyMessages(limit: Int) throws(StoreError) -> [String] {
        guard let messages else { return [] }
        do throws(FileError) {
            return try MessageAudit.verify(messages, limit: limit)
        } catch {
            throw .system(code: error.code.rawValue, operation: "\(error.operation) \(error.path)")
        }
    }

    /// How many bytes a copy takes, about.
    func copyBytes() throws(StoreError) -> Int {
        try ledger.environment.copyBytes() + usage.shared.copyBytes() + imageBytes()
    }

    private func imageBytes() throws(StoreError) -> Int {
        guard images != nil else { return 0 }
        return try knownImages().reduce(0) { $0 + Int($1.record.size.bytes) }
    }

    /// Firmware images that the books know.
    func knownImages() throws(StoreError) -> [FirmwareImage] {
        try ledger.read { books, transaction throws(StoreError) in
            try books.images(in: transaction)
        }
    }

    /// Copies both environments into a directory. The counters first: what is counted from a top-up pack has been
    /// leased before, so the books, copied later, are never behind the counters.
    func copy(to directory: String, watch: CopyWatch) throws(StoreError) {
        try usage.shared.copy(to: "\(directory)/usage", watch: watch)
        try ledger.environment.copy(to: "\(directory)/ledger", watch: watch)
    }
}
