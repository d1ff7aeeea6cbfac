import Gateway
import HummingbirdCore
import Linux
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Serves HTTP on connections that listeners with `shareWithAPI` have accepted: under the API's limits, with its TLS.
final class SharedPortServer: Sendable {
    private typealias Visitors = AsyncStream<SharedPort.Visitor>

    private let port: SharedPort
    let certificate: APICertificate
    private let logger: Logger
    private let visitors: (stream: Visitors, continuation: Visitors.Continuation)
    private let state = Mutex(State())

    private struct State {
        /// Makes a channel for each; `nil` until the API is up.
        var channel: AdminChannel?
        var open: [ObjectIdentifier: any Channel] = [:]
        var isEnding = false
    }

    init(port: SharedPort, certificate: APICertificate, logger: Logger) {
        self.port = port
        self.certificate = certificate
        self.logger = logger
        // As many as wait at the API's own port; who comes then is closed.
        let (stream, continuation) = Visitors.makeStream(bufferingPolicy: .bufferingOldest(1_024))
        visitors = (stream, continuation)
    }

    /// From now on visitors come in.
    func open(_ channel: AdminChannel) {
        state.withLock { $0.channel = channel }
        port.open { [continuation = visitors.continuation] in _ = continuation.yield($0) }
    }

    /// Serves until the service group shuts down gracefully; requests under way are answered.
    func run() async {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await visitor in visitors.stream {
                    group.addTask { await self.serve(visitor) }
                }
            }
        } onGracefulShutdown: {
            self.end()
        }
        port.close()
    }

    private func end() {
        port.close()
        visitors.continuation.finish()
        let open = state.withLock { state in
            state.isEnding = true
            return state.open.values
        }
        for channel in open { Self.quiesce(channel) }
    }

    /// It is closed behind the request under way, or at once.
    private static func quiesce(_ channel: any Channel) {
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    private func serve(_ visitor: SharedPort.Visitor) async {
        guard var http = state.withLock({ $0.channel }), let socket = visitor.takeDescriptor()
        else { return }
        http.visit = AdminChannel.Visit(
            address: "\(visitor.peer.address)", arrived: visitor.arrived)
        let number = socket.release()
        do {
            let value = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
                .withConnectedSocket(number) { [http, logger] channel in
                    http.setup(channel: channel, logger: logger)
                }
            let isEnding = note(value.channel)
            if isEnding { Self.quiesce(value.channel) }
            await http.handle(value: value, logger: logger)
            state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(value.channel)) }
        } catch {
            // The client has gone meanwhile.
            logger.debug("a connection that was left to the API: \(error)")
        }
    }

    /// Whether the server is ending.
    private func note(_ channel: any Channel) -> Bool {
        state.withLock { state in
            state.open[ObjectIdentifier(channel)] = channel
            return state.isEnding
        }
    }
}
