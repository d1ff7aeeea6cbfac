import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Linux
import NIOCore
import NIOPosix
import Synchronization
import Telemetry

/// What devices download: so many at once, so many bytes a second together.
final class FirmwareDownloads: Sendable {
    private let slots: StreamSlots
    private let bytesPerSecond: Int

    /// When the next piece may be sent.
    private let next = Mutex(ContinuousClock.now)
    private let begun = Atomic<UInt64>(0)
    private let refused = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)

    /// In bytes: what of an image is in memory for each download.
    private static let pieceLength = 65_536

    /// Downloads that one device may have at once.
    private static let perDevice = 4

    init(_ configuration: GatewayConfiguration.Firmware) {
        slots = StreamSlots(maximum: configuration.downloads)
        bytesPerSecond = configuration.bytesPerSecond
    }

    /// Sends the image, or the part of it that is asked for; throws when the part is none, or too many are being sent.
    func response(
        to request: Request, by device: DeviceIdentity, image: FirmwareRecord,
        file: RandomAccessFile
    ) throws(Problem) -> Response {
        let size = Int(image.size.bytes)
        let tag = "\"\(Documents.text(of: image.digest))\""
        let range = try ByteRange.asked(of: request, size: size, tag: tag)
        guard let slot = slots.slot(for: "\(device)", share: Self.perDevice) else {
            refused.wrappingAdd(1, ordering: .relaxed)
            throw Problem(
                .tooMuchAtOnce, "as many devices as may are downloading", retryAfterSeconds: 5)
        }
        begun.wrappingAdd(1, ordering: .relaxed)
        let part = range ?? 0..<size
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .cacheControl: "no-store",
            .acceptRanges: "bytes", .eTag: tag,
        ]
        if range != nil {
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"
        }
        return Response(
            status: range == nil ? .ok : .partialContent, headers: headers,
            body: ResponseBody(contentLength: part.count) { [self, slot] writer in
                var offset = part.lowerBound
                while offset < part.upperBound {
                    let start = offset
                    let count = min(Self.pieceLength, part.upperBound - offset)
                    try await wait(for: count)
                    let piece = try await NIOThreadPool.singleton.runIfActive {
                        try file.read(count, at: start)
                    }
                    // A file that has become shorter is no image any more: the connection ends.
                    guard piece.count == count else { throw Problem(.internalError) }
                    try await writer.write(ByteBuffer(bytes: piece))
                    bytes.wrappingAdd(UInt64(count), ordering: .relaxed)
                    offset += count
                }
                try await writer.finish(nil)
                withExtendedLifetime(slot) {}
            })
    }

    /// Until so many bytes more may be sent: pieces come in the order in which they were asked for.
    private func wait(for count: Int) async throws {
        guard bytesPerSecond > 0 else { return }
        let cost = Duration.seconds(1) / bytesPerSecond * count
        let now = ContinuousClock.now
        let start = next.withLock { next in
            let start = max(next, now)
            next = start + cost
            return start
        }
        if start > now { try await Task.sleep(until: start, clock: .continuous) }
    }

    func write(into page: inout PrometheusText) {
        let figures: [(name: String, help: String, value: UInt64)] = [
            (
                "tollgate_firmware_downloads_total",
                "Downloads of firmware images, or of parts of them, that were begun.",
                begun.load(ordering: .relaxed)
            ),
            (
                "tollgate_firmware_downloads_refused_total",
                "Downloads that were told to come again, as too many were under way.",
                refused.load(ordering: .relaxed)
            ),
            (
                "tollgate_firmware_bytes_total", "Bytes of firmware images that were sent.",
                bytes.load(ordering: .relaxed)
            ),
        ]
        for figure in figures {
            page.begin(figure.name, help: figure.help, kind: .counter)
            page.sample(figure.value)
        }
    }
}

/// The part of a file that a request asks for (RFC 9110, 14).
enum ByteRange {
    /// `nil`: all of it, also when the header says nothing that is known, asks for several parts, or is meant for another
    /// file (`If-Range`). Throws when the part lies behind the end.
    static func asked(
        of request: Request, size: Int, tag: String
    ) throws(Problem) -> Range<Int>? {
        guard request.method == .get, let header = request.headers[.range] else { return nil }
        if let condition = request.headers[.ifRange], condition != tag { return nil }
        let prefix = "bytes="
        guard header.lowercased().hasPrefix(prefix) else { return nil }
        let text = header.dropFirst(prefix.count).filter { $0 != " " && $0 != "\t" }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy(\.isDigit) }) else {
            return nil
        }
        let (first, last) = (number(ends[0]), number(ends[1]))
        switch (first, last) {
        case (let first?, let last):
            if let last, last < first { return nil }
            guard first < size else { throw unsatisfiable(size) }
            return first..<(min(last ?? size - 1, size - 1) + 1)
        case (nil, let count?):
            guard count > 0 else { throw unsatisfiable(size) }
            return max(0, size - count)..<size
        case (nil, nil): return nil
        }
    }

    /// `nil` of no digits. More than fit are more than any file has.
    private static func number(_ digits: Substring) -> Int? {
        digits.isEmpty ? nil : Int(digits) ?? .max
    }

    private static func unsatisfiable(_ size: Int) -> Problem {
        Problem(
            .rangeNotSatisfiable, "the image has \(size) bytes", contentRange: "bytes */\(size)")
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
