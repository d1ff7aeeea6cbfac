import Gateway
import Hummingbird
import NIOCore

/// A form with a file (`multipart/form-data`, RFC 7578), read as it comes: its fields, and then the file, which is its last
/// part and may be longer than the memory. What comes behind the file is not looked at.
actor FormParts {
    private var body: RequestBody.AsyncIterator

    /// The end of a part.
    private let mark: [UInt8]

    /// What has come and was not taken. The first mark has no line end of its own in front.
    private var waiting = lineEnd
    private var isOver = false

    /// Of all fields together, with their heads, in bytes.
    nonisolated let fieldsMaximum: Int

    private static let lineEnd: [UInt8] = [13, 10]

    static let malformed = Problem(.malformedRequest, "the form is malformed")

    /// - Parameter maximum: of the fields, in bytes; more than 65,536 are not taken.
    init(_ body: RequestBody, boundary: String, upTo maximum: Int) {
        self.body = body.makeAsyncIterator()
        fieldsMaximum = min(maximum, 65_536)
        mark = Array("\r\n--\(boundary)".utf8)
    }

    /// The fields in front of the file, and whether there is one. To be asked once, before the file.
    func fields() async throws -> (values: [String: String], hasFile: Bool) {
        var values: [String: String] = [:]
        var left = fieldsMaximum
        _ = try await take(through: mark, &left)
        while true {
            let line = try await take(through: Self.lineEnd, &left)
            if line.starts(with: Array("--".utf8)) {
                isOver = true
                return (values, false)
            }
            guard line.isEmpty else { throw Self.malformed }
            let bytes = try await take(through: Self.lineEnd + Self.lineEnd, &left)
            let head = String(decoding: bytes, as: UTF8.self)
            guard let name = Self.parameter("name", of: head) else { throw Self.malformed }
            if Self.parameter("filename", of: head) != nil { return (values, true) }
            values[name] = String(decoding: try await take(through: mark, &left), as: UTF8.self)
        }
    }

    /// The next bytes of the file; `nil` behind its last ones.
    func next() async throws -> ByteBuffer? {
        while !isOver {
            if let end = place(of: mark) {
                isOver = true
                return end > 0 ? ByteBuffer(bytes: waiting[..<end]) : nil
            }
            // The last ones may be the beginning of a mark.
            let count = waiting.count - mark.count + 1
            if count > 0 {
                let bytes = ByteBuffer(bytes: waiting[..<count])
                waiting.removeFirst(count)
                return bytes
            }
            try await receive()
        }
        return nil
    }

    /// The whole file.
    func content(upTo maximum: Int, _ share: BodyBudget.Share) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await next() {
            try share.hold(bytes.count + piece.readableBytes, upTo: maximum)
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    nonisolated var pieces: Pieces { Pieces(parts: self) }

    /// The file as the body of a request.
    struct Pieces: AsyncSequence, Sendable {
        let parts: FormParts

        struct AsyncIterator: AsyncIteratorProtocol {
            let parts: FormParts

            func next() async throws -> ByteBuffer? { try await parts.next() }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: parts) }
    }

    /// What is in front of `end`, which is taken, too.
    private func take(through end: [UInt8], _ left: inout Int) async throws -> [UInt8] {
        var start = 0
        while true {
            if let place = place(of: end, from: start) {
                let bytes = Array(waiting[..<place])
                left -= place + end.count
                guard left >= 0 else { throw tooLong }
                waiting.removeFirst(place + end.count)
                return bytes
            }
            guard waiting.count <= left else { throw tooLong }
            // What was looked at is not looked at again.
            start = max(0, waiting.count - end.count + 1)
            try await receive()
        }
    }

    /// Where in `waiting`, from `start` on, those bytes are first, which begin with a carriage return.
    private func place(of bytes: [UInt8], from start: Int = 0) -> Int? {
        let waiting = waiting.span
        var index = start
        while index + bytes.count <= waiting.count {
            if waiting[index] == 13, bytes.indices.allSatisfy({ waiting[index + $0] == bytes[$0] })
            {
                return index
            }
            index += 1
        }
        return nil
    }

    private var tooLong: Problem {
        Problem(.requestTooLarge, "the fields of the form have more than \(fieldsMaximum) bytes")
    }

    private func receive() async throws {
        var body = body
        guard let piece = try await Call.next(of: &body) else { throw Self.malformed }
        self.body = body
        waiting.append(contentsOf: piece.readableBytesView)
    }

    private static func parameter(_ name: String, of head: String) -> String? {
        guard let range = head.firstRange(of: "; \(name)=\"") else { return nil }
        return String(head[range.upperBound...].prefix { $0 != "\"" })
    }
}
