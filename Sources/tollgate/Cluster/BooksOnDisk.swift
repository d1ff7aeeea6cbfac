import FoundationEssentials
import Gateway
import Glibc
import Ledger
import Storage

/// The books of a data directory that no gateway has open.
enum BooksOnDisk {
    static func exist(in data: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(data)/ledger/data.mdb")
    }

    /// Opens them, in the format that they have, while `body` lasts.
    static func open<Value>(
        in directory: String, migrates: Bool = false, _ body: (Ledger) throws -> Value
    ) throws(Failure) -> Value {
        let sizes = GatewayConfiguration.Storage()
        let ledger: Ledger
        do throws(StoreError) {
            ledger = try Ledger(
                directory: directory, mapSizeBytes: sizes.ledgerMapBytes, migrates: migrates)
        } catch .ownedByAnotherProcess {
            throw Failure(text: "\(directory): a gateway has the books open: stop it first")
        } catch {
            throw Failure(text: "\(directory): \(error)")
        }
        defer { ledger.shutdown() }
        return try orFail { try body(ledger) }
    }

    /// What they say of their cluster; `nil` of books of a gateway alone, and when there are none.
    static func membership(in data: String) throws(Failure) -> Membership? {
        guard exist(in: data) else { return nil }
        return try open(in: "\(data)/ledger") { ledger in try Membership(of: ledger) }
    }

    struct Membership {
        let cluster: ClusterID
        let mark: LogMark

        /// `nil` of a gateway alone.
        init?(of ledger: Ledger) throws(StoreError) {
            let found = try ledger.read { books, transaction throws(StoreError) in
                (try books.cluster(in: transaction), try books.mark(in: transaction))
            }
            guard let cluster = found.0, let mark = found.1 else { return nil }
            self.cluster = cluster
            self.mark = mark
        }
    }
}
