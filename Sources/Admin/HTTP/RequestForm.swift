import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Looks at a request's head as HTTP/1 has it, for what the layers above don't see: its version.
///
/// - A request of HTTP/1.1 has one header `Host` (RFC 9112, 3.2); of another number, all are taken away,
///   and `ConnectionGuard` refuses what has none. Requests of HTTP/1.0 need none, and get an empty one.
/// - A connection of HTTP/1.0 ends with its answer (RFC 9112, 9.3), unless the client asks for more; and
///   `Connection: Close` is `close`.
final class RequestForm: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else {
            return context.fireChannelRead(data)
        }
        let hosts = head.headers["Host"]
        if head.version.minor >= 1 || head.version.major > 1 {
            if hosts.count != 1 { head.headers.remove(name: "Host") }
        } else if hosts.isEmpty {
            head.headers.add(name: "Host", value: "")
        }
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}

/// Hummingbird's HTTP/1 with `RequestForm` in front of it.
struct AdminChannel: ServerChildChannel {
    let http: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(RequestForm(), position: .before(codec))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
