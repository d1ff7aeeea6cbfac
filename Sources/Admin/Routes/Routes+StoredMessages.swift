import Cryptography
import Gateway
import Hummingbird
import Ledger
import MessageLog
import NIOCore
import Time

/// The messages of devices that are stored (rule D3).
extension Routes {
    mutating func registerStoredMessages() {
        on(
            .get, "products/:pk/devices/:dk/messages", "listMessages",
            """
            The messages of a device that this gateway has stored, the latest first (rule D3): a part of them or, for \
            who accepts application/x-ndjson, all of them, a line of JSON each
            """,
            query: [
                Parameter("from", .timeOrDay, "Of that time or later."),
                Parameter("to", .timeOrDay, "Before that time."),
                Parameter(
                    "direction", .choice(StoredMessage.Direction.self),
                    "Only those from the device (up), or to it (down)."),
            ],
            answers: .page(of: Documents.storedMessage).or("application/x-ndjson")
        ) { call in
            let (identity, _) = try call.identity()
            let (cursor, limit) = try call.page()
            let query = MessageQuery(
                from: try call.query("from") { Timestamp(timeOrDay: $0) },
                to: try call.query("to") { Timestamp(timeOrDay: $0) },
                direction: try call.query("direction", StoredMessage.Direction.init(named:)),
                below: try cursor.map(Self.sequence),
                limit: limit)
            if call.request.headers[.accept]?.contains("application/x-ndjson") == true {
                return Self.lines(of: identity, query, call.controlPlane)
            }
            let page = try await call.controlPlane.messages(of: identity, query)
            return call.list(
                page.messages.map { Documents.storedMessage($0) },
                cursor: page.next.map(Self.cursor))
        }
        on(
            .delete, "products/:pk/devices/:dk/messages", "deleteMessages",
            "Delete the stored messages of a device, on all gateways (rule D3)",
            answers: .noContent
        ) { call in
            let (identity, _) = try call.identity()
            try await call.submit(.devices(.deleteMessages(identity)))
            return Response(status: .noContent)
        }
    }

    /// All that a query finds, read while it is sent.
    private static func lines(
        of device: DeviceIdentity, _ query: MessageQuery, _ controlPlane: any ControlPlane
    ) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                var query = query
                query.limit = 500
                repeat {
                    let page = try await controlPlane.messages(of: device, query)
                    var bytes: [UInt8] = []
                    for message in page.messages {
                        bytes += Documents.storedMessage(message).bytes
                        bytes.append(UInt8(ascii: "\n"))
                    }
                    if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
                    query.below = page.next
                } while query.below != nil
                try await writer.finish(nil)
            })
    }

    /// A sequence as sixteen hexadecimal digits.
    private static func cursor(_ sequence: UInt64) -> String {
        let digits = String(sequence, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private static func sequence(_ cursor: String) throws(Problem) -> UInt64 {
        guard cursor.utf8.count == 16, let number = UInt64(cursor, radix: 16) else {
            throw .unknownCursor
        }
        return number
    }
}

extension Documents {
    static let storedMessage = Shape<StoredMessage>("StoredMessage") {
        Member("at", \.time)
        Member("direction", \.direction, "up: from the device; down: to it.")
        Member("topic", { String(decoding: $0.topic, as: UTF8.self) })
        Member("qos", { Int($0.qos) })
        Member("retained", \.isRetained)
        Member("duplicate", \.isDuplicate, "It had the DUP flag: it may be there before.")
        Member("bytes", \.payload.count, "Of the payload.")
        Member(
            "payload", { String(validating: $0.payload, as: UTF8.self) }, as: .nullable(.anyText),
            "Null when it is not UTF-8.")
        Member("payloadBase64", { Base64.encoded($0.payload) })
    }
}

extension StoredMessage.Direction: Choice {
    var name: String {
        switch self {
        case .up: "up"
        case .down: "down"
        }
    }
}
