import Ledger
import Linux
import Metering
import Sessions
import Storage
import TestFiles
import Time

/// A golden store, copied to a directory of a test's own.
struct GoldenStore {
    let directory = TemporaryDirectory()

    /// When the last event of the golden ledger happened.
    static let time = Timestamp("2023-11-30T12:13:20Z")!

    /// 2023-11-14, the first day of the golden counts.
    static let day = Day("2023-11-14")!

    init(format: Int) throws {
        for name in ["ledger", "usage"] {
            let golden = try GoldenFile.place(of: "store-format-\(format)/\(name)/data.mdb")
            let bytes = try FileSystem.read(golden, maximumBytes: 1 << 20)
            try FileSystem.createDirectory(directory.file(name), mode: 0o700)
            try FileSystem.write(
                bytes.span, atomicallyTo: directory.file("\(name)/data.mdb"), mode: 0o600)
        }
    }

    func ledger() throws(StoreError) -> Ledger {
        try Ledger(directory: directory.file("ledger"), mapSizeBytes: 1 << 26)
    }

    func usage() throws(StoreError) -> SharedEnvironment {
        try SharedEnvironment(path: directory.file("usage"), mapSizeBytes: 1 << 26)
    }

    static func device(_ key: String, of product: String = "PK1") -> DeviceIdentity {
        DeviceIdentity(product: ProductKey(product)!, device: DeviceKey(key)!)
    }
}
