import Ledger
import Linux
import Replication
import Storage
import Synchronization
import Time

/// The way of devices' messages into the streams that their products name: a thread puts them, and tells who waits.
///
/// Without streams, as no NATS servers are configured, nothing that a product's device publishes there is acknowledged.
final class Uplink: Sendable {
    /// How long a message is tried to be put, in milliseconds: longer than a change of a stream's leader takes. Then
    /// its device is told that it is not stored.
    static let putMilliseconds: Int64 = 20_000

    private let streams: (any UplinkStreams)?
    private let log: GatewayLog?
    private let patience: Int64

    /// Random: what this process has put is told by it.
    private let sender = String(UInt64.random(in: 1...UInt64.max), radix: 16)
    private let beginning = MonotonicInstant.now()
    private let state = Monitor(State())
    private let named = Mutex<Set<String>>([])
    private let thread = Mutex<Thread?>(nil)
    private let stored = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)

    private struct State {
        var puts = UplinkPuts()
        var isClosed = false
    }

    /// - Parameters:
    ///   - streams: `nil`: none can be had.
    ///   - milliseconds: how long a message is tried to be put.
    init(
        _ streams: (any UplinkStreams)?, milliseconds: Int64 = putMilliseconds, log: GatewayLog?
    ) {
        self.streams = streams
        self.log = log
        patience = milliseconds
    }

    /// Whether a product can name a stream.
    var isOffered: Bool { streams != nil }

    /// Starts the thread, if there is something for it to do.
    func start() throws(Errno) {
        guard let streams else { return }
        let putting = try Thread(name: "uplink") { self.putAll(into: streams) }
        thread.withLock { $0 = putting }
    }

    /// Ends the thread, and answers what waits that it is not stored, as far as is known.
    func stop() {
        state.change { $0.isClosed = true }
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
        tell(state.change { $0.puts.giveUp() })
    }

    // MARK: From all threads

    /// `completion` is called once, at once or on a thread of the streams'.
    func put(_ content: UplinkMessage, completion: @escaping UplinkPuts.Completion) {
        let isTaken =
            streams != nil
            && state.change { state in
                !state.isClosed && state.puts.add(content, until: now + patience, completion)
            }
        guard !isTaken else { return }
        failed.add(1, ordering: .relaxed)
        completion(.notUplinked)
    }

    /// Reads which streams the products name.
    func readNames(in ledger: Ledger) throws(StoreError) {
        let names = try ledger.read { books, transaction throws(StoreError) in
            try books.uplinkStreams(in: transaction)
        }
        let texts = Set(names.map(\.text))
        named.withLock { $0 = texts }
        streams?.use(texts)
    }

    /// The same after a change; one that can't be read is found out with the first message.
    func hearOfNames(in ledger: Ledger) {
        do throws(StoreError) {
            try readNames(in: ledger)
        } catch {
            log?.say(
                .warning, "which streams products name can't be read", .init("error", "\(error)"))
        }
    }

    /// What keeps messages from their streams; `nil` when nothing does.
    var problem: String? {
        let named = named.withLock { $0 }
        guard !named.isEmpty else { return nil }
        guard let streams else {
            return "products name streams, and no NATS servers are configured: "
                + named.sorted().joined(separator: ", ")
        }
        let doubts = streams.doubts.filter { named.contains($0.key) }.sorted { $0.key < $1.key }
        guard !doubts.isEmpty else { return nil }
        return doubts.map { "stream \($0.key): \($0.value)" }.joined(separator: "; ")
    }

    /// Messages that streams have taken, that they have not, and that wait for them.
    var figures: (stored: Int, failed: Int, waiting: Int) {
        (
            stored.load(ordering: .relaxed), failed.load(ordering: .relaxed),
            state.look { $0.puts.count }
        )
    }

    /// Milliseconds since this was made.
    private var now: Int64 { MonotonicInstant.now().milliseconds(since: beginning) }

    // MARK: The thread

    private func putAll(into streams: any UplinkStreams) {
        var trouble: String?
        while true {
            let goesOn = state.wait { state in
                state.isClosed ? false : state.puts.isEmpty ? nil : true
            }
            guard goesOn == true else { return }
            let now = now
            tell(state.change { $0.puts.expired(at: now) })
            for sending in state.change({ $0.puts.due(at: now) }) { put(sending, into: streams) }
            note(problem, after: &trouble)
            let soon = MonotonicInstant.now().adding(milliseconds: 50)
            _ = state.wait(until: soon) { state in
                state.isClosed || state.puts.mayPut(at: now) ? true : nil
            }
        }
    }

    private func put(_ sending: UplinkPuts.Sending, into streams: any UplinkStreams) {
        let message = sending.content.streamMessage(id: "\(sender)-\(sending.number)")
        streams.put(message, into: sending.content.stream.text) { [weak self] result in
            guard let self else { return }
            let now = now
            let isTaken = (try? result.get()) != nil
            let answer = state.change { $0.puts.answered(sending, isTaken, at: now) }
            if let answer { tell([answer]) }
        }
    }

    private func tell(_ answers: [UplinkPuts.Answer]) {
        for answer in answers {
            switch answer.outcome {
            case .stored: stored.add(1, ordering: .relaxed)
            case .full, .notStored, .notUplinked: failed.add(1, ordering: .relaxed)
            }
            for completion in answer.completions { completion(answer.outcome) }
        }
    }

    /// Says what keeps messages from their streams, when that is new.
    private func note(_ problem: String?, after last: inout String?) {
        guard problem != last else { return }
        last = problem
        if let problem {
            log?.say(
                .error, "devices' messages can't be put into a stream", .init("error", problem))
        } else {
            log?.say(.notice, "devices' messages can be put into their streams again")
        }
    }
}

extension Change {
    /// Whether products may name other streams since.
    var mayNameUplink: Bool {
        switch self {
        case .products(.uplinkNamed), .products(.deleted): true
        case .products(.created), .products(.updated), .products(.packageUpgraded),
            .products(.dialectSet), .products(.limitsSet), .products(.tokenKeyAdded),
            .products(.tokenKeyRemoved), .codes, .products(.stateCounted), .products(.uncountedSet),
            .devices, .packages, .accounts, .imports, .topUps, .upgrades, .keys, .clock, .limits,
            .corrections, .productSecrets, .cluster, .metadata, .webhooks, .alerts,
            .authorities, .firmware, .campaigns:
            false
        }
    }
}
