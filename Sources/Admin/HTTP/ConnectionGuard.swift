import NIOCore
import NIOHTTPTypes

/// Closes a connection whose client keeps the server waiting: for a request, for the rest of one, or
/// until it takes its answer. Also one that sends more than any request may hold.
///
/// Only the time counts in which something is being waited for: a server that is busy with a body
/// does not blame the client for it.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let timeout: TimeAmount
    private let bodyMaximum: Int

    /// What a body has to bring, once the timeout is used up.
    private static let bytesPerSecond = 65_536

    /// A head came, and its end did not yet.
    private var isReading = false
    private var answersOwed = 0
    private var bodyBytes = 0

    /// Since when something is being read, and how long it took before; of the request under way.
    private var readingSince: NIODeadline?
    private var waited = TimeAmount.zero

    /// Since when the client takes nothing of what was written.
    private var stalledSince: NIODeadline?
    private var check: RepeatedTask?

    init(timeout: TimeAmount, bodyMaximum: Int) {
        self.timeout = timeout
        self.bodyMaximum = bodyMaximum
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let period = TimeAmount.nanoseconds(timeout.nanoseconds / 4)
        check = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            let (connection, context) = bound.value
            if connection.isOverdue(at: context.eventLoop.now) { context.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { check?.cancel() }

    private func isOverdue(at now: NIODeadline) -> Bool {
        if let stalledSince, now - stalledSince > timeout { return true }
        // Answering is the server's part.
        guard isReading || answersOwed == 0 else { return false }
        let waited = waited + (readingSince.map { now - $0 } ?? .zero)
        return waited > timeout + .seconds(Int64(bodyBytes / Self.bytesPerSecond))
    }

    func read(context: ChannelHandlerContext) {
        if readingSince == nil { readingSince = context.eventLoop.now }
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if let since = readingSince { waited = waited + (context.eventLoop.now - since) }
        readingSince = nil
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            isReading = true
            answersOwed += 1
            bodyBytes = 0
            startWaiting(context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            // It was refused long before, and is not read to its end.
            if bodyBytes > bodyMaximum { return context.close(promise: nil) }
        case .end: isReading = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            answersOwed -= 1
            startWaiting(context)
        }
        context.write(data, promise: promise)
    }

    /// From now on, another thing is being waited for.
    private func startWaiting(_ context: ChannelHandlerContext) {
        waited = .zero
        if readingSince != nil { readingSince = context.eventLoop.now }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalledSince = context.channel.isWritable ? nil : context.eventLoop.now
        context.fireChannelWritabilityChanged()
    }
}
