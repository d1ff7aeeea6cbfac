import Cryptography
import Synchronization

/// Who is signed in to the console of this gateway: in memory alone, so that a restart ends all sessions.
///
/// A session keeps the token that it was begun with, and every page is asked for with it: what the key may no longer do,
/// or reach, the session may not either, and a revoked key ends it.
final class ConsoleSessions: Sendable {
    struct Session: Sendable {
        /// What the requests to the API are made with.
        let token: String

        /// In each form; a page of another site doesn't know it.
        let formToken: String

        let beganAt: ContinuousClock.Instant
        fileprivate(set) var usedAt: ContinuousClock.Instant

        /// What the next page says, once.
        fileprivate(set) var notice: ConsoleNotice?
    }

    /// Without a request.
    static let idle = Duration.seconds(30 * 60)

    /// From the sign-in on.
    static let longest = Duration.seconds(12 * 60 * 60)

    /// About 10 MB.
    private static let maximum = 10_000

    /// Of one token: for one more, the one ends that was used longest ago.
    private static let maximumOfToken = 32

    /// By the digest of the id, so that no comparison tells how much of an id is right.
    private let sessions = Mutex<[[UInt8]: Session]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant) { self.now = now }

    /// Begins one, whose id is new; answers the id.
    func begin(token: String) -> String {
        let (id, now) = (SecretWord.made(), now())
        let session = Session(
            token: token, formToken: SecretWord.made(), beganAt: now, usedAt: now, notice: nil)
        sessions.withLock { sessions in
            sessions = sessions.filter { Self.isOpen($0.value, at: now) }
            let own = sessions.filter { $0.value.token == token }
            let crowd =
                own.count >= Self.maximumOfToken
                ? own : sessions.count >= Self.maximum ? sessions : [:]
            if let oldest = crowd.min(by: { $0.value.usedAt < $1.value.usedAt }) {
                sessions[oldest.key] = nil
            }
            sessions[Self.name(of: id)] = session
        }
        return id
    }

    /// The session of that id, which a request uses now; `nil` when there is none, or its time is over.
    func use(_ id: String) -> Session? {
        let (name, now) = (Self.name(of: id), now())
        return sessions.withLock { sessions in
            guard var session = sessions[name], Self.isOpen(session, at: now) else {
                sessions[name] = nil
                return nil
            }
            session.usedAt = now
            sessions[name] = session
            return session
        }
    }

    /// The same without using it.
    func isOpen(_ id: String) -> Bool {
        let now = now()
        return sessions.withLock { sessions in
            sessions[Self.name(of: id)].map { Self.isOpen($0, at: now) } ?? false
        }
    }

    func end(_ id: String) { sessions.withLock { $0[Self.name(of: id)] = nil } }

    func note(_ notice: ConsoleNotice, in id: String) {
        sessions.withLock { $0[Self.name(of: id)]?.notice = notice }
    }

    /// What is to be said, and is not said again.
    func takeNotice(of id: String) -> ConsoleNotice? {
        sessions.withLock { sessions in
            defer { sessions[Self.name(of: id)]?.notice = nil }
            return sessions[Self.name(of: id)]?.notice
        }
    }

    private static func isOpen(_ session: Session, at now: ContinuousClock.Instant) -> Bool {
        session.usedAt.duration(to: now) < idle && session.beganAt.duration(to: now) < longest
    }

    private static func name(of id: String) -> [UInt8] {
        let digest = SHA256.hash(Array(id.utf8).span)
        return (0..<SHA256Digest.length).map { digest.span[$0] }
    }
}

/// What a page says about the request before it.
struct ConsoleNotice: Sendable {
    let text: Word

    /// Members of the answer that are shown this once: secrets.
    var secrets: [(name: String, value: String)] = []
}
