public import Ledger
public import Linux
import Storage

/// The books of one moment, as a file that has no name any more: it goes with this value.
public final class BooksSnapshot: Sendable {
    /// Whose they are; `nil` of a gateway alone.
    public let cluster: ClusterID?

    /// How far the log was applied to them.
    public let mark: LogMark?

    /// What secrets in them are sealed with.
    public let sealingKeys: [SealingKey]
    private let file: TemporaryFile

    /// In bytes.
    public var count: Int { file.count }

    /// Takes the copy out of `directory`, where there is nothing else. It can be opened: that is tried.
    init(takenFrom directory: String, mapSizeBytes: Int) throws {
        let environment = try Environment(
            path: directory, mapSizeBytes: mapSizeBytes, maximumTables: Books.tableCount)
        let books = try Books(in: environment)
        (cluster, mark, sealingKeys) = try environment.read { transaction throws(StoreError) in
            (
                try books.cluster(in: transaction), try books.mark(in: transaction),
                try books.sealingKeys(in: transaction)
            )
        }
        file = try TemporaryFile(taking: "\(directory)/data.mdb")
    }

    /// The bytes from `offset` on, at most `maximum`; fewer only at the end.
    public func read(at offset: Int, maximum: Int) throws(FileError) -> [UInt8] {
        try file.read(at: offset, maximum: maximum)
    }
}
