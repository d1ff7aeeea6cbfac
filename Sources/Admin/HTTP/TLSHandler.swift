import Bytes
import NIOCore
import TLS

/// TLS on a channel of NIO, of a server's side: what comes in is deciphered, what goes out enciphered.
///
/// What is written before the handshake is complete waits for it. That the other side says it sends no more
/// (`close_notify`) changes nothing: HTTP's messages have lengths of their own.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = NIOCore.ByteBuffer
    typealias InboundOut = NIOCore.ByteBuffer
    typealias OutboundIn = NIOCore.ByteBuffer
    typealias OutboundOut = NIOCore.ByteBuffer

    private var session: TLSSession
    private var port = TLSPort()
    private let arrived: [UInt8]
    private var plaintext = Bytes.ByteBuffer()
    private var output = Bytes.ByteBuffer()
    private var isOver = false

    /// Until the handshake is complete.
    private var waiting: [(bytes: NIOCore.ByteBuffer, promise: EventLoopPromise<Void>?)] = []

    /// - Parameter arrived: what has been read of the connection already.
    init(accepting context: TLSContext, behind arrived: [UInt8] = []) throws(TLSError) {
        session = try TLSSession(accepting: context)
        self.arrived = arrived
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        guard !arrived.isEmpty else { return }
        take(arrived, context)
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(Array(unwrapInboundIn(data).readableBytesView), context)
    }

    private func take(_ ciphertext: [UInt8], _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        do throws(TLSError) {
            _ = try session.receive(
                ciphertext.span, through: &port, into: &plaintext, output: &output)
            flushOutput(context, nil)
            if session.isEstablished { try sendWaiting(context) }
            handOn(context)
        } catch {
            isOver = true
            // It may hold the alert that says why.
            flushOutput(context, nil)
            handOn(context)
            giveUpWaiting(error)
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func handOn(_ context: ChannelHandlerContext) {
        guard plaintext.count > 0 else { return }
        let bytes = NIOCore.ByteBuffer(bytes: plaintext.span.bytesArray)
        plaintext.removeAll()
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        let bytes = unwrapOutboundIn(data)
        guard session.isEstablished, !isOver else {
            if isOver {
                promise?.fail(ChannelError.ioOnClosedChannel)
            } else {
                waiting.append((bytes, promise))
            }
            return
        }
        do throws(TLSError) {
            try send(bytes, promise, context)
        } catch {
            promise?.fail(error)
            context.fireErrorCaught(error)
        }
    }

    private func send(
        _ bytes: NIOCore.ByteBuffer, _ promise: EventLoopPromise<Void>?,
        _ context: ChannelHandlerContext
    ) throws(TLSError) {
        try session.send(
            Array(bytes.readableBytesView).span, through: &port, output: &output)
        let sealed = NIOCore.ByteBuffer(bytes: output.span.bytesArray)
        output.removeAll()
        context.write(wrapOutboundOut(sealed), promise: promise)
    }

    private func sendWaiting(_ context: ChannelHandlerContext) throws(TLSError) {
        guard !waiting.isEmpty else { return }
        let due = waiting
        waiting = []
        for (bytes, promise) in due { try send(bytes, promise, context) }
        context.flush()
    }

    private func giveUpWaiting(_ error: any Error) {
        let left = waiting
        waiting = []
        for (_, promise) in left { promise?.fail(error) }
    }

    /// Sends what TLS itself has to say.
    private func flushOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard output.count > 0 else { return }
        let bytes = NIOCore.ByteBuffer(bytes: output.span.bytesArray)
        output.removeAll()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    func close(
        context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
    ) {
        if mode != .input, !isOver {
            isOver = mode == .all
            session.close(through: &port, output: &output)
            flushOutput(context, nil)
        }
        context.close(mode: mode, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOver = true
        giveUpWaiting(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }
}
