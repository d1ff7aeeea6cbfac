internal import Linux
internal import Synchronization

/// The connection that all parts of a log share, until it is closed.
///
/// libnats makes a lost connection again by itself, but gives up when a server has refused it twice: then
/// `renew` makes another one.
final class Link: Sendable {
    private let settings: JetStreamSettings
    private let held: Mutex<NATSConnection>
    private let closing = Monitor(false)

    init(_ settings: JetStreamSettings) throws(JetStreamError) {
        self.settings = settings
        held = Mutex(try NATSConnection(settings))
    }

    var connection: NATSConnection { held.withLock { $0 } }

    var isClosed: Bool { closing.look { $0 } }

    /// Throws when the server that it is connected to says that it is too old: before anything is made there. One that
    /// does not say it before TLS is looked at later (`StandingWatch`).
    func requireVersion() throws(JetStreamError) {
        guard let url = connection.url,
            let version = ServerGreeting.version(
                at: url, milliseconds: settings.connectMilliseconds),
            let known = ServerVersion(version), known < .minimum
        else { return }
        let place = ServerGreeting.Place(url)
        throw .tooOld(
            server: place.map { "\($0.host):\($0.port)" } ?? "", version: version,
            minimum: "\(ServerVersion.minimum)")
    }

    /// Makes another connection in place of one that libnats has given up; waits as long as that takes.
    func renew() throws(JetStreamError) {
        guard connection.condition == .closed, !isClosed else { return }
        let fresh = try NATSConnection(settings)
        held.withLock { $0 = fresh }
        if isClosed { fresh.close() }
    }

    /// For good; threads that wait for messages, or in `pause`, stop waiting.
    func close() {
        closing.change { $0 = true }
        connection.close()
    }

    /// Lets time go by, unless the link is closed: false.
    func pause(milliseconds: Int64) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: milliseconds)
        return closing.wait(until: deadline) { isClosed in isClosed ? true : nil } == nil
    }
}
