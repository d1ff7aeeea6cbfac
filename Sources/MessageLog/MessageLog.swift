public import LedgerModel
public import Linux
import Reactor
import Synchronization
public import Time

/// The messages of devices whose products have them kept, in segments of at most an hour that are dropped whole
/// (rule D3). Shards hand theirs over in batches (`MessagePort`); one thread sorts, compresses and writes them. Any thread
/// reads.
public final class MessageLog: Sendable {
    public let settings: MessageLogSettings
    let figures = Counts()

    /// What there is to be read.
    let catalogue = Mutex(Catalogue())
    let deletions: Mutex<Deletions>

    /// As it was found.
    let deletionFile: DeletionFile
    let heardFile: HeardFile

    /// How far the events of the books had been heard when this was opened, as the caller numbers them; `nil`: that is
    /// not known.
    public let heardAtStart: UInt64?

    /// The same by now.
    let heard = Atomic<UInt64>(0)

    /// What time it is, as far as that is believed.
    let clock: @Sendable () -> Timestamp
    let say: @Sendable (MessageLogNotice) -> Void
    private let mailbox: Mailbox<MessageWriter.Order>
    private let thread = Mutex<Thread?>(nil)

    /// Whether there have been any: without, nothing is written about deleted devices either.
    private let hasMessages = Atomic<Bool>(false)

    struct Catalogue: Sendable {
        var segments: [Segment] = []

        /// Where `number` and `days` are; `nil`: it is dropped.
        func index(of segment: Segment) -> Int? {
            segments.firstIndex { $0.number == segment.number && $0.days == segment.days }
        }
    }

    /// Opens what is on the disk: a segment that a crash left unfinished is cut behind its last whole block.
    ///
    /// - Parameters:
    ///   - clock: what time it is; asked by the writer's thread.
    ///   - say: called by that thread, and by this one.
    public init(
        _ settings: MessageLogSettings,
        clock: @escaping @Sendable () -> Timestamp,
        say: @escaping @Sendable (MessageLogNotice) -> Void
    ) throws(MessageLogError) {
        self.settings = settings
        self.clock = clock
        self.say = say
        do throws(FileError) {
            try FileSystem.createDirectory(settings.directory, mode: 0o700)
            var file = DeletionFile(in: settings.directory)
            let found = try file.read()
            deletions = Mutex(Deletions(found.times))
            deletionFile = file
            heardFile = HeardFile(in: settings.directory)
            heardAtStart = try heardFile.read()
            if found.damages > 0 { say(.damaged("\(settings.directory)/deletions")) }
        } catch {
            throw .file(error)
        }
        do throws(Errno) {
            mailbox = try Mailbox()
        } catch {
            throw .system(error)
        }
        do throws(FileError) {
            try open()
        } catch {
            throw .file(error)
        }
    }

    private func open() throws(FileError) {
        var segments: [Segment] = []
        for name in try FileSystem.names(in: settings.directory) {
            guard let (days, number) = Segment.parse(name) else { continue }
            let path = "\(settings.directory)/\(name)"
            // One that can't be read is no reason to be without the others, let alone not to start.
            do throws(FileError) {
                guard let found = try Segment.opened(path, days: days, number: number) else {
                    try putAside(path)
                    continue
                }
                if found.cutBytes > 0 || found.damagedBlocks > 0 {
                    say(.recovered(path, cutBytes: found.cutBytes, damaged: found.damagedBlocks))
                }
                segments.append(found.segment)
            } catch {
                say(.unreadable(path, "\(error)"))
            }
        }
        let sorted = segments.sorted { $0.number < $1.number }
        hasMessages.store(!sorted.isEmpty, ordering: .relaxed)
        catalogue.withLock { $0.segments = sorted }
    }

    /// What is a segment by its name alone: one that was only begun goes, another one is left to people.
    private func putAside(_ path: String) throws(FileError) {
        guard try RandomAccessFile(path, for: .reading).size() > Segment.headBytes else {
            return try FileSystem.remove(path)
        }
        try FileSystem.move(path, to: "\(path).damaged")
        say(.damaged("\(path).damaged"))
    }

    /// Begins to write.
    public func start() throws(Errno) {
        let events = try MessageWriter.Waiting(mailbox)
        let parcel = Parcel(MessageWriter(self, mailbox, events))
        let thread = try Thread(name: "messages") {
            guard var writer = parcel.take() else { return }
            writer.run()
        }
        self.thread.withLock { $0 = thread }
    }

    /// Writes what was handed over, finishes the segments, and ends the thread.
    public func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        mailbox.post(.stop)
        thread.join()
    }

    func take(_ batch: MessageBatch) { mailbox.post(.batch(batch)) }

    /// A shard has one that it will hand over.
    func noteMessage() { hasMessages.store(true, ordering: .relaxed) }

    /// Whether there is, or was since the start, any message: without, nothing could have been deleted.
    public var isEmpty: Bool { !hasMessages.load(ordering: .relaxed) }

    /// What time it is, as far as that is believed.
    public var now: Timestamp { clock() }

    /// All that was deleted by the event of that number, and those before, is known here. Of no effect before
    /// `beginHearing`.
    public func hasHeard(_ number: UInt64) {
        if heard.load(ordering: .relaxed) > 0 { heard.store(number, ordering: .releasing) }
    }

    /// Nothing before that event is unknown here, and what comes is said by `hasHeard`.
    public func beginHearing(from number: UInt64) {
        heard.store(max(1, number), ordering: .releasing)
    }

    // MARK: Deleting

    /// A device's messages until now are not shown any more; those on the disk leave it with their segments.
    public func delete(messagesOf device: DeviceIdentity, until time: Timestamp) {
        delete(MessageOwner(device), until: time)
    }

    /// The same of all devices of a product.
    public func delete(messagesOf product: ProductKey, until time: Timestamp) {
        delete(MessageOwner(product), until: time)
    }

    private func delete(_ owner: MessageOwner, until time: Timestamp) {
        let isNew = deletions.withLock { $0.note(owner, until: time) }
        guard isNew, hasMessages.load(ordering: .relaxed) else { return }
        mailbox.post(.deletion(owner, time))
    }

    func hiddenUntil(_ owner: MessageOwner) -> Timestamp? {
        deletions.withLock { $0.time(of: owner) }
    }

}

/// What can be set about the log.
public struct MessageLogSettings: Equatable, Sendable {
    public var directory: String

    /// Of all segments together: beyond that the oldest are removed.
    public var maximumBytes: Int

    /// The file system keeps so much free: below that the oldest segments are removed and, when there are none, nothing
    /// is stored.
    public var minimumFreeBytes: Int

    /// How long a shard gathers messages, and the writer batches.
    public var flushMilliseconds: Int64

    /// A segment that is this large is finished before its hour is over.
    public var segmentBytes: Int { min(256 << 20, max(1 << 16, maximumBytes / 16)) }

    /// The same of entries of its index, of eight bytes each, which are in memory until then.
    public static let segmentEntries = 4 << 20

    public init(
        directory: String,
        maximumBytes: Int = 10 << 30,
        minimumFreeBytes: Int = 1 << 30,
        flushMilliseconds: Int64 = 1_000
    ) {
        self.directory = directory
        self.maximumBytes = maximumBytes
        self.minimumFreeBytes = minimumFreeBytes
        self.flushMilliseconds = flushMilliseconds
    }
}

/// What has come of messages since the start, and what is kept.
public struct MessageLogFigures: Equatable, Sendable {
    /// Messages that are, or were, on the disk.
    public let stored: Int

    /// Messages that were not stored: the writer was too slow, the disk full.
    public let dropped: Int

    /// Bytes of blocks that were written.
    public let writtenBytes: Int

    /// Segments that were removed as their time was over, and for want of space.
    public let expiredSegments: Int
    public let evictedSegments: Int

    /// Blocks that could not be read.
    public let damagedBlocks: Int

    /// How long the oldest message of the last write had waited by then.
    public let lagMilliseconds: Int

    /// On the disk now.
    public let segments: Int
    public let bytes: Int

    /// When the oldest message came that is kept; `nil`: there is none.
    public let oldest: Timestamp?
}

extension MessageLog {
    /// Counted by several threads.
    final class Counts: Sendable {
        let stored = Atomic<Int>(0)
        let dropped = Atomic<Int>(0)
        let writtenBytes = Atomic<Int>(0)
        let expiredSegments = Atomic<Int>(0)
        let evictedSegments = Atomic<Int>(0)
        let damagedBlocks = Atomic<Int>(0)
        let lagMilliseconds = Atomic<Int>(0)
    }

    public var standing: MessageLogFigures {
        let segments = catalogue.withLock { $0.segments }
        return MessageLogFigures(
            stored: figures.stored.load(ordering: .relaxed),
            dropped: figures.dropped.load(ordering: .relaxed),
            writtenBytes: figures.writtenBytes.load(ordering: .relaxed),
            expiredSegments: figures.expiredSegments.load(ordering: .relaxed),
            evictedSegments: figures.evictedSegments.load(ordering: .relaxed),
            damagedBlocks: figures.damagedBlocks.load(ordering: .relaxed),
            lagMilliseconds: figures.lagMilliseconds.load(ordering: .relaxed),
            segments: segments.count,
            bytes: segments.reduce(0) { $0 + $1.bytes },
            oldest: segments.filter { $0.messages > 0 }.map(\.firstTime).min())
    }
}

/// What an operator should hear.
public enum MessageLogNotice: Equatable, Sendable {
    /// After a crash: bytes were cut off, blocks are left out.
    case recovered(String, cutBytes: Int, damaged: Int)

    /// The oldest segment was removed for want of space.
    case evicted(String, bytes: Int)

    /// The file can't be opened, or read: what is in it is left out.
    case unreadable(String, String)

    /// What it has is no segment, or not only deletions: it is left where it is named.
    case damaged(String)
    case writingFails(String)
    case writesAgain(dropped: Int)
}

/// Why the log can't be opened.
public enum MessageLogError: Error, Equatable, Sendable {
    case file(FileError)
    case system(Errno)
}
