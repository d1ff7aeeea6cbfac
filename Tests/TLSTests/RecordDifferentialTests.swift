import Bytes
import COpenSSL
import RecordModel
import Testing

@testable import TLS

/// The same bytes to OpenSSL's SSL_read(3) and to our records: the same plaintext, the same end, the same alert.
///
/// `TOLLGATE_SEED` repeats a run.
@Suite struct RecordDifferentialTests {
    let fixture = CertificateFixture()

    @Test("OpenSSL and our records make the same of the same bytes", arguments: RecordSetting.all)
    func same(setting: RecordSetting) throws {
        let seed = RecordRandom.seed
        var random = RecordRandom(seed: seed)
        let server = try setting.server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var ends: [String: Int] = [:]
        for round in 0..<250 {
            var pair = try EstablishedServer(client: client, server: server)
            var forger = RecordForger(of: pair.records)
            var bytes: [UInt8] = []
            for _ in 0..<random.next(below: 6) + 1 { bytes += forger.anything(&random) }
            if random.next(below: 4) == 0 { random.mutate(&bytes) }

            let theirs = pair.opensslOutcome(of: bytes)
            var ciphers = RecordCiphers()
            let ours = pair.records.outcome(of: random.cut(bytes), with: &ciphers)
            let log = forger.log
            let isSame =
                ours == theirs || ours.isBetter(than: theirs)
                || (forger.triesRenegotiation && ours.isStricter(than: theirs))
            #expect(isSame, "seed \(seed), round \(round): \(ours), \(theirs), \(log)")
            ends["\(ours.end), \(ours.alert.map { "\($0)" } ?? "-")", default: 0] += 1
            guard isSame else { return }
        }
        // All kinds of ends were seen, or nothing was compared.
        #expect(ends.count > 5, "\(ends)")
        #expect(ERR_peek_error() == 0)
    }

    @Test("100,000 records, whole, cut and mutated: no more than was sent, and the right alert")
    func mutations() throws {
        let seed = RecordRandom.seed
        var random = RecordRandom(seed: seed)
        var count = 0
        for setting in RecordSetting.all {
            let client = try TLSContext(connecting: TLSClientConfiguration())
            let pair = try EstablishedServer(client: client, server: setting.server(fixture))
            var ciphers = RecordCiphers()
            for round in 0..<1_700 {
                // The same keys and numbers each time, which is what no honest client would do.
                var server = pair.records
                var forger = RecordForger(of: server)
                var sent: [UInt8] = []
                var bytes: [UInt8] = []
                for _ in 0..<10 {
                    let text = random.bytes(random.next(below: 40) + 1)
                    sent += text
                    bytes += forger.record(23, text, padding: random.next(below: 8))
                    count += 1
                }
                let isMutated = round % 2 == 1
                if isMutated { random.mutate(&bytes) }
                let outcome = server.outcome(of: random.cut(bytes), with: &ciphers)
                let isPrefix = sent.starts(with: outcome.plaintext)
                #expect(isPrefix, "seed \(seed), round \(round): more than was sent")
                switch outcome.end {
                case .open:
                    // What was mutated may be waiting for the rest of a record that it made longer.
                    #expect(isMutated || outcome.plaintext == sent, "seed \(seed), round \(round)")
                case .violation:
                    #expect(isMutated && outcome.alert != nil, "seed \(seed), round \(round)")
                case .closed, .peerAlert, .other:
                    Issue.record("seed \(seed), round \(round): \(outcome)")
                }
            }
        }
        #expect(count > 100_000)
        #expect(ERR_peek_error() == 0)
    }
}

extension RecordOutcome {
    /// Where ours differs from OpenSSL's on purpose.
    fileprivate func isBetter(than theirs: RecordOutcome) -> Bool {
        guard plaintext == theirs.plaintext else { return false }
        // A record of TLS 1.2 without room for a tag: bad_record_mac (RFC 5246, 6.2.3.3), and no fault of ours.
        if end == .violation, theirs.end == .violation, alert == 20, theirs.alert == 80 {
            return true
        }
        // no_renegotiation of a level that there is none of: illegal_parameter, as of any other alert (RFC 5246,
        // 7.2), where OpenSSL looks at the description first.
        if end == .violation, theirs.end == .violation, alert == 47, theirs.alert == 40 {
            return true
        }
        // close_notify in TLS 1.3 that names a fatal level, which says nothing there (RFC 8446, 6); SSL_get_error(3)
        // then knows of no alert.
        if case .other = theirs.end { return end == .closed && alert == nil && theirs.alert == nil }
        return false
    }
}

extension RecordOutcome {
    /// A renegotiation that is refused counts among the warnings of which there may be four in a row; OpenSSL doesn't
    /// count it.
    fileprivate func isStricter(than theirs: RecordOutcome) -> Bool {
        end == .violation && alert == 10 && theirs.plaintext.starts(with: plaintext)
    }
}

extension RecordForger {
    /// Whether a ClientHello was among the records.
    fileprivate var triesRenegotiation: Bool { log.contains { $0.hasPrefix("22 [1, ") } }

    /// Records of one kind or another, honest for the most part.
    mutating func anything(_ random: inout RecordRandom) -> [UInt8] {
        let isVersion13 = suite.version == .v1_3
        switch random.next(below: 24) {
        case 0: return record(23, [])
        case 1: return record(23, random.bytes(16_384))
        case 2: return record(23, random.bytes(16_385))
        case 3: return record(21, random.bytes(2))
        case 4: return alert(UInt8(1 + random.next(below: 2)), .closeNotify)
        case 5: return alert(UInt8(1 + random.next(below: 2)), .userCanceled)
        case 6: return alert(2, .internalError)
        case 7: return record(30 + random.byte() % 200, random.bytes(random.next(below: 10)))
        case 8: return record(0, [], padding: random.next(below: 20))
        case 9: return isVersion13 ? record(22, []) : record(20, [1])
        case 10: return record(21, [])
        case 11: return isVersion13 ? [20, 3, 3, 0, 1, 1] : record(22, [14, 0, 0, 0])
        case 12: return record(23, [1], version: (3, UInt8(random.next(below: 5))))
        case 13: return record(22, [20, 0, 0, 1, 7])
        case 14:
            return isVersion13 ? record(22, [24, 0, 0, 1, 2 + random.byte() % 200]) : data("x")
        case 15: return isVersion13 ? keyUpdate(asking: true) + keyUpdate(asking: true) : data("y")
        case 16: return isVersion13 ? keyUpdate() : alert(1, TLSAlert(rawValue: 100))
        case 17:
            return isVersion13 ? keyUpdate(asking: true) + data("z") : record(22, [1, 0, 0, 0])
        case 18: return (0..<33).flatMap { _ in record(23, []) }
        case 19: return (0..<5).flatMap { _ in alert(1, .userCanceled) }
        default:
            return record(
                23, random.bytes(random.next(below: 300)), padding: random.next(below: 50))
        }
    }
}
