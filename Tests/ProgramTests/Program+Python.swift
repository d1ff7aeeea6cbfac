import Foundation

extension Program {
    /// The package's root, from where this file is.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Runs the Python of `.build-venv`.
    func python(_ arguments: [String]) throws -> Result {
        try run(arguments, executable: Self.root.appending(path: ".build-venv/bin/python"))
    }
}
