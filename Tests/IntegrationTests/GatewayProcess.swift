import Glibc
import Linux
import Support
import TestFiles
import Testing

/// A gateway in a process of its own, next to the test's, which can be looked at from outside. It ends with the value.
final class GatewayProcess {
    private let process: ChildProcess

    /// Where anybody may connect.
    let openPort: UInt16

    /// - Parameter isEncrypted: whether that port speaks TLS.
    init(in directory: TemporaryDirectory, isEncrypted: Bool = false) throws {
        var link = [UInt8](repeating: 0, count: 4_096)
        // Safe: readlink(2) writes at most as many bytes as it is told.
        let length = unsafe link.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
        }
        let own = String(decoding: link.prefix(max(length, 0)), as: UTF8.self)
        let folder = own[...(own.lastIndex(of: "/") ?? own.startIndex)]
        let certificates = TestCertificates.shared
        process = try ChildProcess(
            "\(folder)CrashGateway",
            [directory.path, certificates.certificateFile, certificates.keyFile]
                + (isEncrypted ? ["2", "encrypted"] : []))
        let process = process
        let isReady = process.waitForOutput { output, _ in output.contains("\n") }
        try #require(isReady, "\(process.errors)")
        let ports = process.output.split { $0 == " " || $0 == "\n" }.compactMap { UInt16($0) }
        try #require(ports.count == 3)
        openPort = ports[2]
    }

    /// What it has written to its standard error.
    var errors: String { process.errors }

    /// Its resident memory (proc(5), `statm`).
    func residentBytes() throws -> Int {
        let text = try FileSystem.read("/proc/\(process.identifier)/statm", maximumBytes: 256)
        let words = String(decoding: text, as: UTF8.self).split(separator: " ")
        return (words.dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
    }

    /// How many descriptors it has open (proc(5), `fd`).
    func descriptorCount() -> Int {
        guard let folder = unsafe opendir("/proc/\(process.identifier)/fd") else { return 0 }
        // Safe: opened here, closed here; an entry is only counted.
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Its own `.` and `..`.
        return count - 2
    }
}
