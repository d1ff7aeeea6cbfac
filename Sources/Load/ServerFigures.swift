internal import Linux

/// What the server's processes took of the machine, as the kernel counts it: of all of them together.
public struct ServerFigures: Sendable, Equatable {
    /// Processor time in user and kernel mode of all threads, in nanoseconds.
    public let nanoseconds: Int64

    /// Memory of its own (`RssAnon` of proc(5)), in bytes.
    public let memoryBytes: Int

    /// Of processes that are gone, nothing.
    static func now(_ processes: [Int32]) -> ServerFigures {
        var nanoseconds: Int64 = 0
        var memory = 0
        for process in processes {
            nanoseconds += (try? ProcessorTime.ofProcess(process)) ?? 0
            memory += Self.memory(of: process)
        }
        return ServerFigures(nanoseconds: nanoseconds, memoryBytes: memory)
    }

    private static func memory(of process: Int32) -> Int {
        let bytes =
            (try? FileSystem.read("/proc/\(process)/status", maximumBytes: 65_536)) ?? []
        for line in bytes.split(separator: 10) {
            let words = line.split { $0 == 32 || $0 == 9 }
            guard words.count >= 2, words[0].elementsEqual("RssAnon:".utf8) else { continue }
            return (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * 1_024
        }
        return 0
    }
}
