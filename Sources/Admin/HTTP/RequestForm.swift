import NIOCore
import NIOHTTP1

/// Looks at a request's head as HTTP/1 has it, for what the layers above don't see: its version.
///
/// - A request of HTTP/1.1 has one header `Host` (RFC 9112, 3.2); of another number, or when that is not a
///   host's name, all are taken away, and `ConnectionGuard` refuses what has none. Requests of HTTP/1.0
///   need none, and get an empty one.
/// - One of HTTP/1.0 can't be told to continue (RFC 9110, 10.1.1).
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
            if hosts.count != 1 || !hosts[0].isAuthority { head.headers.remove(name: "Host") }
        } else {
            head.headers.remove(name: "Expect")
            if hosts.isEmpty { head.headers.add(name: "Host", value: "") }
        }
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}

extension String {
    /// `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986, 3.2.2), or nothing.
    fileprivate var isAuthority: Bool {
        var rest = utf8[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = rest[rest.index(after: rest.startIndex)..<end]
            guard !literal.isEmpty, literal.allSatisfy({ $0.isOfHost || $0 == UInt8(ascii: ":") })
            else { return false }
            rest = rest[rest.index(after: end)...]
        } else {
            rest = rest.drop(while: \.isOfHost)
        }
        guard let colon = rest.first else { return true }
        return colon == UInt8(ascii: ":")
            && rest.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

extension UInt8 {
    /// An unreserved character, a sub-delimiter, or the percent sign of an escaped one (RFC 3986, 2).
    fileprivate var isOfHost: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$&'()*+,;=%".utf8.contains(self)
        }
    }
}
