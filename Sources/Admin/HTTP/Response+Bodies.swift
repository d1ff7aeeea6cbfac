import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    static func json(_ json: JSON, status: HTTPResponse.Status = .ok) -> Response {
        Response(status, "application/json", json.bytes)
    }

    static func problem(_ problem: Problem) -> Response {
        var response = Response(
            problem.status,
            "application/problem+json",
            problem.document.bytes
        )
        if problem.status == .unauthorized {
            response.headers[.wwwAuthenticate] = "Bearer realm=\"tollgate\""
        }
        if let allow = problem.allow { response.headers[.allow] = allow }
        if let seconds = problem.retryAfterSeconds {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }

    /// A text that is sent as it is read.
    init(_ status: HTTPResponse.Status, _ type: String, _ text: SpooledText) {
        self.init(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(contentLength: text.count) { writer in
                var pieces = text.pieces()
                while let piece = try pieces.next() {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            }
        )
    }

    init(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) {
        self.init(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
