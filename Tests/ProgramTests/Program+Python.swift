import Foundation

extension Program {
    /// The package's root, from where this file is.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Runs the Python of `.build-venv` to the end. It may take long: no thread of the tests waits.
    func python(_ arguments: [String]) async throws -> Result {
        let process = process(arguments, [:])
        process.executableURL = Self.root.appending(path: ".build-venv/bin/python")
        process.standardInput = FileHandle.nullDevice
        let outputFile = directory.appending(path: UUID().uuidString)
        let errorFile = directory.appending(path: UUID().uuidString)
        for file in [outputFile, errorFile] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Result(
            code: process.terminationStatus,
            output: try String(contentsOf: outputFile, encoding: .utf8),
            errors: try String(contentsOf: errorFile, encoding: .utf8)
        )
    }
}
