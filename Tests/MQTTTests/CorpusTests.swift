import Bytes
import MQTT
import Processes
import Randomness
import Testing

@Suite(.computes) struct CorpusTests {
    @Test("Every packet, with every property it may have, is decoded to what was encoded")
    func everyPacketRoundTrips() throws {
        var types = Set<UInt8>()
        for sample in Catalogue.samples {
            let again = try Recoder.recode(
                sample.packet, version: sample.version, sender: sample.sender)
            #expect(again == sample.packet, "\(sample.name) in \(sample.version)")
            types.insert(sample.packet[0] >> 4)
        }
        #expect(types == Set(1...15))
    }

    @Test("A packet cut short anywhere is incomplete, never an error")
    func everyPrefixIsIncomplete() throws {
        for sample in Catalogue.samples {
            for count in 0..<sample.packet.count {
                let prefix = Array(sample.packet[0..<count])
                let step = try Framing.next(in: prefix.span, maximumPacketSize: 1 << 20)
                #expect(step == .incomplete, "\(sample.name), \(count) bytes")
            }
        }
    }

    @Test("A body cut short anywhere, its length corrected, breaks a rule or is a shorter packet")
    func everyTruncatedBody() {
        for sample in Catalogue.samples {
            let headerLength = sample.packet[1] < 0x80 ? 2 : 3
            for count in 0..<sample.packet.count - headerLength {
                let body = Array(sample.packet[headerLength..<headerLength + count])
                check(framed(sample.packet[0], body), sample.version, sample.sender, "cut")
            }
        }
    }

    @Test("100,000 random and mutated packets decode to what is encoded again, or break a rule")
    func randomBytes() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix64(seed: seed)
        var decoded = 0
        for round in 0..<100_000 {
            let sample = Catalogue.samples[
                Int.random(in: 0..<Catalogue.samples.count, using: &generator)]
            let packet =
                round % 4 == 0
                ? randomPacket(&generator) : mutated(sample.packet, using: &generator)
            let version: ProtocolVersion = Bool.random(using: &generator) ? .v5 : .v3_1_1
            if check(packet, version, sample.sender, "seed \(seed), round \(round)") {
                decoded += 1
            }
        }
        // A generator whose packets all break a rule at once would prove nothing.
        #expect(decoded > 5_000, "seed \(seed): only \(decoded) decoded")
    }

    /// Recodes a packet; true when it is one.
    @discardableResult
    private func check(
        _ packet: [UInt8], _ version: ProtocolVersion, _ sender: Sender, _ comment: String
    ) -> Bool {
        do throws(DecodingError) {
            guard let again = try Recoder.recode(packet, version: version, sender: sender) else {
                return false
            }
            if Recoder.hasShorterForms(packet) {
                let third = try Recoder.recode(again, version: version, sender: sender)
                if again.count > packet.count || third != again {
                    Issue.record("\(comment): \(packet) became \(again)")
                }
            } else if !packet.starts(with: again) {
                Issue.record("\(comment): \(packet) became \(again)")
            }
            return true
        } catch {
            if error.offset < 0 || error.offset > packet.count || !error.reason.isFailure {
                Issue.record("\(comment): \(packet) is said to be \(error)")
            }
            return false
        }
    }

    private func framed(_ firstByte: UInt8, _ body: [UInt8]) -> [UInt8] {
        var length: [UInt8] = [UInt8(body.count & 0x7F)]
        if body.count >= 0x80 { length = [length[0] | 0x80, UInt8(body.count >> 7)] }
        return [firstByte] + length + body
    }

    private func randomPacket(_ generator: inout SplitMix64) -> [UInt8] {
        let count = Int.random(in: 0...24, using: &generator)
        let body = (0..<count).map { _ in
            // Small numbers make lengths that fit.
            Bool.random(using: &generator)
                ? UInt8.random(in: 0...4, using: &generator)
                : UInt8.random(in: 0...255, using: &generator)
        }
        // Half of the first bytes are those of a packet.
        let firstByte =
            Bool.random(using: &generator)
            ? UInt8.random(in: 0...255, using: &generator)
            : PacketType.allCases[Int.random(in: 0..<15, using: &generator)].firstByte
        return Bool.random(using: &generator) ? [firstByte] + body : framed(firstByte, body)
    }

    /// The packet with one to three bytes changed, left out or put in; its length is mostly right.
    private func mutated(_ packet: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
        let headerLength = packet[1] < 0x80 ? 2 : 3
        var firstByte = packet[0]
        var body = Array(packet[headerLength...])
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: 0...body.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: body.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 1 where place < body.count: body.remove(at: place)
            case 2: firstByte ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 3 where place < body.count:
                body[place] = UInt8.random(in: 0...255, using: &generator)
            default:
                if place < body.count {
                    body[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                }
            }
        }
        if Int.random(in: 0..<8, using: &generator) == 0 { return [firstByte, packet[1]] + body }
        return framed(firstByte, body)
    }
}
