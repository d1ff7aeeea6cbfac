import Gateway
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Hummingbird's HTTP/1 with `RequestForm` in front of it, and TLS in front of that if there is a certificate. Every
/// connection is looked after by a guard of its own.
struct AdminChannel: ServerChildChannel {
    let responder: HTTPChannelHandler.Responder
    let limits: ConnectionLimits
    let places: ConnectionPlaces
    let certificate: APICertificate?

    /// Of a connection that came to another port.
    var visit: Visit?

    /// What is known of a connection that a listener of the gateway has accepted.
    struct Visit: Sendable {
        /// The client's IP address.
        let address: String

        /// What has been read of its TLS.
        let arrived: [UInt8]

        /// That of the request under way; `nil` at the API's own port.
        @TaskLocal static var current: Visit?
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(RequestForm(), position: .before(codec))
            if let certificate {
                try pipeline.addHandler(
                    TLSHandler(accepting: certificate.current, behind: visit?.arrived ?? []),
                    position: .first)
            }
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        guard let visit else { return await http.handle(value: value, logger: logger) }
        await Visit.$current.withValue(visit) { await http.handle(value: value, logger: logger) }
    }

    private var http: HTTP1Channel {
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionGuard(limits: limits, places: places, address: visit?.address)
            ])
        return HTTP1Channel(responder: responder, configuration: configuration)
    }
}
