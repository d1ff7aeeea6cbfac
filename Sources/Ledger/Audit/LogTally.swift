import Storage

/// How many of each thing the log has made, and what is stored about the books as a whole.
struct LogTally {
    /// Whom the log has left on the lists of contacts, with their names: as many as there are.
    var contacts: [KeyPair<AccountID, EmailAddress>: String] = [:]
    var nextSerial: UInt64 = 1
    var accounts = 0
    var packages = 0
    var products = 0
    var deletedProducts = 0
    var batches = 0
    var assignments = 0
    var activations = 0
    var keys = 0
    var revokedKeys = 0
    var sealingKeys = 0
    var upgrades = 0

    /// Imports in chunks: begun, committed, and the rows of those.
    var imports = 0
    var committedImports = 0
    var importedRows: UInt64 = 0
}
