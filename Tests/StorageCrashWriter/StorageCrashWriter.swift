import Bytes
import Glibc
import Storage

/// A process for tests to kill or to starve of disk: it writes numbers to a store, and says on
/// standard output what it was told about each.
///
/// `StorageCrashWriter PATH crash` writes 1, 2, 3, ... for ever, each under its own number and once
/// more under its negative in the same request, and prints a number once it is committed.
///
/// `StorageCrashWriter PATH full` limits the size of its files (`RLIMIT_FSIZE`), writes until the
/// writer says that the disk is full, prints `full`, lifts the limit, writes once more, and prints
/// `recovered`.
///
/// `StorageCrashWriter PATH migrate` writes 20,000 numbers in a store of format 1, prints `written`,
/// and migrates it; having changed all of them, it prints `halfway` and waits to be killed.
///
/// `StorageCrashWriter PATH serve` writes 1, 2, 3, ... one after the other, a few milliseconds apart, and reads
/// the last one with a reader that it keeps; it prints `wrote N`, `refused N REASON`, `read N` or `unread REASON`.
///
/// `StorageCrashWriter PATH MISUSE` prints `begins`, makes a mistake that traps, and prints `survived` if it does not.
@main
struct StorageCrashWriter {
    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        precondition(
            arguments.count == 3, "StorageCrashWriter PATH crash|full|migrate|serve|MISUSE")
        let environment = try Environment(path: arguments[1], mapSizeBytes: 1 << 28)
        if arguments[2] == "migrate" { return try migrate(environment) }
        if let misuse = Misuse(rawValue: arguments[2]) {
            say("begins")
            try misuse.make(in: environment, at: arguments[1])
            return say("survived")
        }
        let table = try Table<Int64, EmptyRecord>("numbers", in: environment)
        let padding = try Table<Int64, Padding>("padding", in: environment)
        let writer = try GroupWriter<Int64, Int64>(environment, maximumBatch: 64) {
            (number, transaction) throws(StoreError) in
            try table.put(number, EmptyRecord(), in: transaction)
            try padding.put(number, Padding(), in: transaction)
            try table.put(-number, EmptyRecord(), in: transaction)
            return number
        }
        switch arguments[2] {
        case "crash": writeForEver(writer)
        case "serve": try serve(writer, environment, table)
        default: fill(writer)
        }
    }

    nonisolated static func migrate(_ environment: Environment) throws {
        let table = try Table<Int64, Number>("numbers", in: environment)
        try environment.write { transaction throws(StoreError) in
            for number in 1...20_000 as ClosedRange<Int64> {
                try table.put(number, Number(value: number), in: transaction)
            }
        }
        say("written")
        let format = StoreFormat(migrations: [
            .init("all are negative") { transaction throws(StoreError) in
                try table.rewrite(in: transaction) { _, number in number.value.negate() }
                say("halfway")
                pause()
            }
        ])
        try format.migrate(environment)
    }

    /// Keeps 256 requests under way.
    nonisolated static func writeForEver(_ writer: GroupWriter<Int64, Int64>) {
        let progress = Progress()
        for number in 1...Int64.max {
            progress.wait(untilAnswered: number - 256)
            writer.submit(number) { result in
                if case .success(let number) = result { say("\(number)") }
                progress.didAnswer(result)
            }
        }
    }

    nonisolated static func serve(
        _ writer: GroupWriter<Int64, Int64>,
        _ environment: Environment,
        _ table: Table<Int64, EmptyRecord>
    ) throws {
        environment.observe { event in
            switch event {
            case .reopened: say("reopened")
            case .grown(let bytes): say("grown \(bytes)")
            case .lost(let error): say("lost \(error)")
            }
        }
        var reader = try CachedReader(environment)
        for number in 1...Int64.max {
            if let error = write(number, writer) {
                say("refused \(number) \(error)")
            } else {
                say("wrote \(number)")
            }
            do throws(StoreError) {
                let last = try reader.withTransaction { transaction throws(StoreError) in
                    try table.last(in: transaction)?.key ?? 0
                }
                say("read \(last)")
            } catch {
                say("unread \(error)")
            }
            usleep(2_000)
        }
    }

    nonisolated static func fill(_ writer: GroupWriter<Int64, Int64>) {
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        limit.rlim_cur = 1 << 21
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        var number: Int64 = 1
        while write(number, writer) == nil { number += 1 }
        say(write(number, writer) == .diskFull ? "full" : "odd")
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        say(write(number, writer) == nil ? "recovered" : "stuck")
    }

    /// Why the number could not be written; nil when it was.
    nonisolated static func write(
        _ number: Int64, _ writer: GroupWriter<Int64, Int64>
    ) -> StoreError? {
        let progress = Progress()
        writer.submit(number) { result in progress.didAnswer(result) }
        progress.wait(untilAnswered: 1)
        return progress.failure
    }

    /// One write, so that a line is whole or not there.
    nonisolated static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // Safe: `write` reads the array during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
    }
}
