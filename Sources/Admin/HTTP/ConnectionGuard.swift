import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes

/// Keeps a connection from costing more than it may: in time, in bytes, and in its place among the others.
///
/// - A client that keeps the server waiting too long is closed: for a request, for the rest of one, or to
///   take its answer. Only time spent waiting counts, not what the server needs for a body.
/// - An answer that comes before its request has ended is heard: what the client still sends is taken and
///   dropped, up to a limit of bytes and time. Closing at once would reset the connection, and the answer
///   would be lost with it.
/// - After its last answer a connection is closed within that time, whatever its client does.
/// - A connection that came when all places were taken answers only the paths that watch the gateway.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private let places: ConnectionPlaces?
    private let address: String?

    /// `nil` until the connection is open, and without `places`.
    private var place: ConnectionPlaces.Place?

    /// A head came, and its end did not yet.
    private var isReading = false
    private var hadRequest = false
    private var answersOwed = 0
    private var bodyBytes = 0

    /// By the head, when it tells.
    private var announcedBytes: Int?

    /// Since when something is being read, and how long it took before; of the request under way.
    private var readingSince: NIODeadline?
    private var waited = TimeAmount.zero

    /// Since when the client takes nothing of what was written, and whether that has been so for long enough to give
    /// way to others.
    private var stalledSince: NIODeadline?
    private var isStalled = false
    private var check: RepeatedTask?

    private var ending = Ending.none

    /// When the connection is closed, whatever is under way.
    private var deadline: Scheduled<Void>?

    /// What is dropped of a request that was answered before it ended.
    private var droppedBytes = 0

    private enum Ending {
        case none

        /// With the answer that is owed.
        case afterAnswer

        /// The same; the request behind it is refused first.
        case afterRefusal(Problem)

        /// Nothing more is said; what still comes is dropped.
        case saidLast
    }

    /// - Parameter address: the client's, when it is not the other end of the socket.
    init(limits: ConnectionLimits, places: ConnectionPlaces? = nil, address: String? = nil) {
        self.limits = limits
        self.places = places
        self.address = address
    }

    convenience init(timeout: TimeAmount, bodyMaximum: Int) {
        self.init(limits: ConnectionLimits(timeout: timeout, bodyMaximum: bodyMaximum))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let period = TimeAmount.nanoseconds(min(limits.timeout, limits.headTimeout).nanoseconds / 4)
        check = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            let (connection, context) = bound.value
            let now = context.eventLoop.now
            if connection.isOverdue(at: now) { return context.close(promise: nil) }
            connection.noteStalled(at: now)
        }
        takePlace(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { letGo() }

    func channelInactive(context: ChannelHandlerContext) {
        letGo()
        context.fireChannelInactive()
    }

    private func letGo() {
        check?.cancel()
        deadline?.cancel()
        if let place { places?.leave(place) }
    }

    private func takePlace(_ context: ChannelHandlerContext) {
        guard let places else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let origin = RateLimiter.Caller.origin(
            of: address ?? context.channel.remoteAddress?.ipAddress)
        place = places.enter(from: origin) {
            loop.execute {
                let (connection, context) = bound.value
                connection.giveWay(context)
            }
        }
        if place == nil { context.close(promise: nil) }
    }

    /// From now on it counts as one that waits.
    private func noteStalled(at now: NIODeadline) {
        guard !isStalled, let stalledSince, let place,
            now - stalledSince >= ConnectionLimits.stallPatience
        else { return }
        isStalled = true
        places?.isWaiting(place, true)
    }

    /// Another connection gets this one's place; a request that came meanwhile is answered still, unless its client
    /// takes nothing.
    private func giveWay(_ context: ChannelHandlerContext) {
        guard answersOwed > 0, !isStalled else { return context.close(promise: nil) }
        if case .none = ending { ending = .afterAnswer }
    }

    private func isOverdue(at now: NIODeadline) -> Bool {
        if let stalledSince, now - stalledSince > limits.timeout { return true }
        // Answering is the server's part.
        guard isReading || answersOwed == 0 else { return false }
        let waited = waited + (readingSince.map { now - $0 } ?? .zero)
        return waited > patience
    }

    private var patience: TimeAmount {
        if place?.isReserve == true { return min(limits.timeout, ConnectionLimits.reserveTimeout) }
        guard hadRequest else { return limits.headTimeout }
        return limits.timeout + .seconds(Int64(bodyBytes / ConnectionLimits.bytesPerSecond))
    }

    func read(context: ChannelHandlerContext) {
        if readingSince == nil { readingSince = context.eventLoop.now }
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if let since = readingSince { waited = waited + (context.eventLoop.now - since) }
        readingSince = nil
        context.fireChannelReadComplete()
        // Nothing else reads any more.
        if case .saidLast = ending { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch ending {
        case .saidLast, .afterRefusal: return drop(part, context)
        case .none, .afterAnswer: break
        }
        switch part {
        case .head(let head):
            isReading = true
            hadRequest = true
            bodyBytes = 0
            announcedBytes = head.headerFields[.contentLength].flatMap { Int($0) }
            if let problem = refusal(of: head) { return refuse(problem, context) }
            answersOwed += 1
            if let place { places?.isWaiting(place, false) }
            startWaiting(context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            // It was refused long before, and is not read to its end.
            if bodyBytes > limits.bodyMaximum { return context.close(promise: nil) }
            // Answered already: what reads it drops it.
            if answersOwed == 0 { return drop(part, context) { context.fireChannelRead(data) } }
        case .end:
            isReading = false
            if answersOwed == 0 { wasDropped(context) }
        }
        context.fireChannelRead(data)
    }

    /// Why a request does not even reach the router.
    private func refusal(of head: HTTPRequest) -> Problem? {
        // `RequestForm` takes away what can't be the host's name.
        if head.authority == nil { return .noHost }
        guard let place, place.isReserve else { return nil }
        let path = (head.path ?? "").prefix { $0 != "?" }
        return ConnectionPlaces.watchedPaths.contains(String(path)) ? nil : .noPlace
    }

    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard answersOwed == 0 else { return ending = .afterRefusal(problem) }
        let trail = RequestTrail()
        let response = Response.problem(problem, of: trail)
        var head = HTTPResponse(status: response.status, headerFields: response.headers)
        head.headerFields[RequestTrail.header] = trail.id
        let bytes = problem.document(of: trail).bytes
        head.headerFields[.contentLength] = String(bytes.count)
        head.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: bytes))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        sayLast(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational:
            context.write(data, promise: promise)
        case .head(var head):
            if isReading, let announcedBytes,
                announcedBytes - bodyBytes > limits.dropMaximum, case .none = ending
            {
                ending = .afterAnswer
            }
            if endsWithAnswer { head.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            didAnswer(context)
        }
    }

    /// The client is told before the last answer that there will be no other.
    private var endsWithAnswer: Bool {
        switch ending {
        case .afterAnswer: answersOwed <= 1
        case .none: place?.isReserve == true
        case .afterRefusal, .saidLast: false
        }
    }

    private func didAnswer(_ context: ChannelHandlerContext) {
        answersOwed -= 1
        startWaiting(context)
        guard answersOwed == 0 else { return }
        if let place { places?.isWaiting(place, true) }
        switch ending {
        case .none:
            guard place?.isReserve == true else {
                if isReading { startDropping(context) }
                return
            }
            sayLast(context)
        case .afterAnswer: sayLast(context)
        case .afterRefusal(let problem):
            ending = .none
            refuse(problem, context)
        case .saidLast: break
        }
    }

    /// Sends what is written, and the end of it.
    private func sayLast(_ context: ChannelHandlerContext) {
        context.flush()
        close(context: context, mode: .output, promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            ending = .saidLast
            startDropping(context)
            context.close(mode: .output, promise: promise)
            context.read()
        case .input, .all: context.close(mode: mode, promise: promise)
        }
    }

    /// From now on a deadline runs.
    private func startDropping(_ context: ChannelHandlerContext) {
        guard deadline == nil else { return }
        droppedBytes = 0
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: limits.dropTimeout) {
            bound.value.close(promise: nil)
        }
    }

    private func drop(
        _ part: HTTPRequestPart,
        _ context: ChannelHandlerContext,
        otherwise pass: () -> Void = {}
    ) {
        guard case .body(let buffer) = part else { return }
        droppedBytes += buffer.readableBytes
        droppedBytes > limits.dropMaximum ? context.close(promise: nil) : pass()
    }

    /// The request that was answered early has come to its end: the connection can be used again.
    private func wasDropped(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        startWaiting(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if case .saidLast = ending, case .inputClosed? = event as? ChannelEvent {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is dropped need not be HTTP.
        if case .saidLast = ending { return context.close(promise: nil) }
        context.fireErrorCaught(error)
    }

    /// From now on, another thing is being waited for.
    private func startWaiting(_ context: ChannelHandlerContext) {
        waited = .zero
        if readingSince != nil { readingSince = context.eventLoop.now }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalledSince = context.channel.isWritable ? nil : context.eventLoop.now
        if isStalled, stalledSince == nil {
            isStalled = false
            if answersOwed > 0, let place { places?.isWaiting(place, false) }
        }
        context.fireChannelWritabilityChanged()
    }
}

struct ConnectionLimits: Sendable {
    /// How long a client may keep the server waiting.
    var timeout: TimeAmount

    /// The longest body that any request may have.
    var bodyMaximum: Int

    /// How long a new connection may take until its first request's head has come.
    var headTimeout: TimeAmount { min(timeout, .seconds(10)) }

    /// Of a request that was answered before it ended, what is taken of the rest and dropped.
    var dropMaximum = Self.dropMinimum
    var dropTimeout: TimeAmount { min(timeout, .seconds(15)) }

    /// As much is dropped at least, however short bodies have to be.
    static let dropMinimum = 8 << 20

    /// What a body has to bring, once the timeout is used up.
    static let bytesPerSecond = 65_536

    /// How long a client may take nothing of its answers, and still keep its place from others.
    static let stallPatience = TimeAmount.seconds(2)

    /// What a connection in the reserve gets for its request.
    static let reserveTimeout = TimeAmount.seconds(2)
}

extension Problem {
    fileprivate static let noHost = Problem(
        .malformedRequest, "a request of HTTP/1.1 has one header Host, with a host (RFC 9112, 3.2)")

    fileprivate static let noPlace = Problem(
        .tooMuchAtOnce, "as many connections as are allowed are open and busy",
        retryAfterSeconds: 1)
}
