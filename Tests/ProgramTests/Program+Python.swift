import Foundation

extension Program {
    /// The package's root, from where this file is.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Runs the Python of `.build-venv`, which leaves no compiled files beside its sources (-B).
    func python(_ arguments: [String]) throws -> Result {
        try run(
            ["-B"] + arguments, executable: Self.root.appending(path: ".build-venv/bin/python"))
    }
}
