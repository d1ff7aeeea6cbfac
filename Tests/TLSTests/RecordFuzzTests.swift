import Bytes
import COpenSSL
import Glibc
import RecordModel
import Testing

@testable import TLS

/// Very many records, hostile, odd and damaged, through our record layer; a model of the standards, which has no code
/// in common with it, says what has to become of each.
///
/// `TOLLGATE_SEED` repeats a run; `RECORD_COUNT` says how many records there are, a million in `make torture`, where
/// nothing else runs meanwhile.
@Suite struct RecordFuzzTests {
    let fixture = CertificateFixture()

    private static var count: Int { RecordRandom.number("RECORD_COUNT").map { Int($0) } ?? 25_000 }

    /// What each setting has seen.
    private struct Tally {
        var records = 0
        var ends: [String: Int] = [:]

        /// By how many bytes the process has grown, over equal numbers of records.
        var growth: [Int] = []

        /// Whether a tenth of these steps at least have kept no page: what each record leaves would show in all.
        var isFlat: Bool {
            !growth.isEmpty && growth.sorted()[growth.count / 10] <= 4_096
        }
    }

    @Test(
        "[RFC 8446, 6.2] whatever comes: the model's plaintext, end and alert, and no memory kept")
    func fuzz() throws {
        let seed = RecordRandom.seed
        print("seed of the record fuzz: \(seed)")
        var random = RecordRandom(seed: seed)
        var tally = Tally()
        for setting in RecordSetting.all {
            try fuzz(setting, Self.count / RecordSetting.all.count, &random, &tally, seed)
        }
        print("record fuzz: \(tally.records) records, \(tally.ends.sorted { $0.key < $1.key })")
        #expect(tally.records >= Self.count - 6)
        // Every alert that a record can bring about, and every end.
        let alerts = [10, 20, 22, 40, 47, 50, 70].map { "violation \($0)" }
        for end in alerts + ["open", "closed", "peerAlert"] {
            #expect(tally.ends[end, default: 0] > 0, "\(end) was not seen, seed \(seed)")
        }
        #expect(ERR_peek_error() == 0)
        // Beside other tests the process grows by what they do.
        if RecordRandom.number("RECORD_COUNT") != nil {
            #expect(tally.isFlat, "\(tally.growth)")
            let last = tally.growth.dropFirst(tally.growth.count / 2).reduce(0, +)
            #expect(last < 1 << 20, "\(last) bytes more in the second half")
        }
    }

    private func fuzz(
        _ setting: RecordSetting,
        _ count: Int,
        _ random: inout RecordRandom,
        _ tally: inout Tally,
        _ seed: UInt64
    ) throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let context = try setting.server(fixture)
        let fresh = try EstablishedServer(client: client, server: context).records
        let stranger = try EstablishedServer(client: client, server: context).records
        var foreignForger = RecordForger(of: stranger)
        let foreign = (0..<16).map { _ in foreignForger.data("of another connection") }
        var forger = RecordForger(of: fresh)
        var ciphers = RecordCiphers()
        let end = tally.records + count
        var step = tally.records
        var resident = residentBytes()
        while tally.records < end {
            var stream = HostileRecords(of: fresh)
            forger.restart(of: fresh)
            repeat {
                stream.add(with: &forger, &random)
            } while stream.records.isEmpty || random.next(below: 20) > 0
            let kinds = RecordMutation.allCases
            let mutation = kinds[random.next(below: kinds.count)]
            let bytes = mutation.applied(to: stream.records, foreign: foreign, &random)
            let pieces = random.cut(bytes)
            for piece in pieces { stream.model.receive(piece) }
            tally.records += stream.model.recordCount
            var server = fresh
            var output = ByteBuffer()
            let outcome = server.outcome(of: pieces, with: &ciphers, output: &output)
            let sent = Int(ProtectedRecords.count(in: output.span))
            let isRight = stream.model.allows(outcome, answers: sent)
            #expect(
                isRight,
                "seed \(seed), \(setting), \(mutation): \(outcome), \(stream.model.summary), \(forger.log)"
            )
            guard isRight else { return }
            tally.ends[outcome.kind, default: 0] += 1
            if tally.records - step >= 1_000 {
                let now = residentBytes()
                tally.growth.append(now - resident)
                (step, resident) = (tally.records, now)
            }
        }
    }
}

/// What a hostile client that has the keys sends, and the model that has been told of it.
private struct HostileRecords {
    var model: RecordModel
    private(set) var records: [[UInt8]] = []
    private var key = 0

    init(of server: RecordState) {
        model = RecordModel(
            server.suite.version == .v1_3 ? .v1_3 : .v1_2,
            explicitNonce: server.suite.explicitNonceLength, number: Int(server.incoming.number))
    }

    private mutating func seal(
        _ type: UInt8,
        _ content: [UInt8],
        padding: Int = 0,
        version: (UInt8, UInt8) = (3, 3),
        with forger: inout RecordForger
    ) {
        let number = Int(forger.keys.number)
        let record = forger.record(type, content, padding: padding, version: version)
        model.note(
            record,
            RecordModel.Sealed(
                type: type, content: content, padding: padding, key: key, number: number))
        records.append(record)
    }

    /// A record or several, of one kind or another; honest data for the most part.
    mutating func add(with forger: inout RecordForger, _ random: inout RecordRandom) {
        switch random.next(below: 150) {
        case 0: seal(23, [], padding: random.next(below: 30), with: &forger)
        case 1:
            let count = 16_383 + random.next(below: 4)
            seal(23, [UInt8](repeating: 7, count: count), with: &forger)
        case 2: seal(23, [1], padding: 16_382 + random.next(below: 4), with: &forger)
        case 3: seal(0, [], padding: random.next(below: 40), with: &forger)
        case 4: seal(0, random.bytes(random.next(below: 40)), with: &forger)
        case 5: seal(random.byte(), random.bytes(random.next(below: 20)), with: &forger)
        case 6: seal(20, [1], with: &forger)
        case 7: seal(22, random.bytes(random.next(below: 40)), with: &forger)
        case 8: seal(22, [random.byte() % 26, 0, 0, 1, random.byte() % 3], with: &forger)
        case 9: seal(22, [24, 0, 0, 1, 0, 24, 0, 0, 1, 0], with: &forger)
        case 10: seal(22, Array([24, 0, 0, 1].prefix(1 + random.next(below: 4))), with: &forger)
        case 11: seal(21, random.bytes(random.next(below: 4)), with: &forger)
        case 12, 24, 25, 26:
            seal(
                21,
                [[1, 1, 2, 3][random.next(below: 4)], [0, 20, 90, 100][random.next(below: 4)]],
                with: &forger)
        case 13: seal(23, [1], version: (3, random.byte() % 6), with: &forger)
        case 14: for _ in 0..<25 + random.next(below: 12) { seal(23, [], with: &forger) }
        case 15: for _ in 0..<random.next(below: 7) { seal(21, [1, 90], with: &forger) }
        case 16: for _ in 0..<random.next(below: 6) { seal(22, [1, 0, 0, 0], with: &forger) }
        case 17...22: updateKeys(isAsking: random.next(below: 2) == 1, &random, with: &forger)
        case 23:
            for _ in 0..<random.next(below: 40) {
                seal(22, [24, 0, 0, 1, 1], with: &forger)
                turnKey(of: &forger)
            }
        default:
            let text = random.bytes(1 + random.next(below: 300))
            seal(23, text, padding: random.next(below: 50), with: &forger)
        }
    }

    /// A KeyUpdate in one record or in several; in TLS 1.2, where it has no place, data.
    private mutating func updateKeys(
        isAsking: Bool,
        _ random: inout RecordRandom,
        with forger: inout RecordForger
    ) {
        guard model.version == .v1_3 else { return seal(23, [7], with: &forger) }
        let message: [UInt8] = [24, 0, 0, 1, isAsking ? 1 : 0]
        let cut = random.next(below: 5)
        if cut > 0 { seal(22, Array(message.prefix(cut)), with: &forger) }
        seal(22, Array(message.dropFirst(cut)), padding: random.next(below: 9), with: &forger)
        turnKey(of: &forger)
    }

    private mutating func turnKey(of forger: inout RecordForger) {
        guard model.version == .v1_3 else { return }
        forger.updateKeys()
        key += 1
    }
}

extension RecordModel {
    /// Whether a server that keeps to the standards may do this.
    fileprivate func allows(_ outcome: RecordOutcome, answers sent: Int) -> Bool {
        guard outcome.plaintext == plaintext else { return false }
        switch (end, outcome.end) {
        case (.open, .open), (.closed, .closed): return sent == answers
        case (.peerAlert(let alert), .peerAlert(let told)):
            return alert == told && sent == answers
        case (.violation, .violation):
            return sent == answers && outcome.alert.map { alerts.contains($0) } == true
        case (.open, .violation):
            return mayEnd && sent == answers + 1 && outcome.alert == 22
        case (.open, _), (.closed, _), (.peerAlert, _), (.violation, _): return false
        }
    }

    fileprivate var summary: String { "\(plaintext.count) bytes, \(end), \(alerts), \(answers)" }
}

extension RecordOutcome {
    /// How it ended, without the number of the peer's alert.
    fileprivate var kind: String {
        switch end {
        case .open: "open"
        case .closed: "closed"
        case .peerAlert: "peerAlert"
        case .violation: "violation \(alert.map { "\($0)" } ?? "-")"
        case .other(let text): text
        }
    }
}

/// Of this process: the second figure of `/proc/self/statm`, which is in pages.
func residentBytes() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    // Safe: `fgets` ends what it writes with a zero.
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { line in
        unsafe fgets(line.baseAddress, Int32(line.count), file)
        let fields = unsafe String(cString: line.baseAddress!).split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4_096
    }
}
