import MQTT
import Linux
import Testing

@testable import Gateway

@Suite struct UnansweredPublishesTests {
    private func entry(_ packetID: UInt16, _ verdict: PublishVerdict) -> UnansweredPublishes.Entry {
        UnansweredPublishes.Entry(
            packetID: packetID, isExactlyOnce: false, since: MonotonicInstant(nanoseconds: 0),
            verdict: verdict)
    }

    /// The acknowledgements whose turn has come.
    private func due(_ unanswered: inout UnansweredPublishes) -> [UInt16] {
        var packetIDs: [UInt16] = []
        while let next = unanswered.next() { packetIDs.append(next.packetID) }
        return packetIDs
    }

    @Test(
        "[MQTT-4.6.0-2] acknowledgements keep the order of their PUBLISHes, whatever is decided first"
    )
    func order() {
        var unanswered = UnansweredPublishes()
        for packetID in [7, 3, 9] as [UInt16] {
            unanswered.append(entry(packetID, .undecided(hasSubscribers: false)))
        }
        unanswered.append(entry(4, .refused(.topicNotAllowed)))
        #expect(due(&unanswered) == [])
        unanswered.decide(3, .delivered)
        unanswered.decide(9, .quotaExceeded)
        #expect(due(&unanswered) == [])
        unanswered.decide(7, .notConnected)
        #expect(due(&unanswered) == [7, 3, 9, 4])
        #expect(unanswered.isEmpty)
    }

    @Test("C10: who has an identifier twice is answered twice, in order")
    func sameIdentifier() {
        var unanswered = UnansweredPublishes()
        unanswered.append(entry(5, .undecided(hasSubscribers: false)))
        unanswered.append(entry(5, .undecided(hasSubscribers: true)))
        unanswered.decide(5, .quotaExceeded)
        unanswered.decide(5, .notConnected)
        unanswered.decide(5, .delivered)
        #expect(unanswered.next()?.verdict == .downlink(.quotaExceeded))
        #expect(unanswered.next()?.verdict == .taken)
        #expect(unanswered.next() == nil)
    }

    @Test("a QoS 2 message for a child is received when it is taken, and not when it is refused")
    func relayed() {
        var unanswered = UnansweredPublishes()
        for (packetID, isExactlyOnce) in [(1, true), (2, true), (3, false)] as [(UInt16, Bool)] {
            unanswered.append(
                UnansweredPublishes.Entry(
                    packetID: packetID, isExactlyOnce: isExactlyOnce,
                    since: MonotonicInstant(nanoseconds: 0), verdict: .relayed))
        }
        #expect(unanswered.receivedCount == 0)
        let kept = [
            unanswered.decide(1, relayed: .noSubscribers),
            unanswered.decide(2, relayed: .refused(.quotaExceeded)),
            unanswered.decide(3, relayed: .taken), unanswered.decide(3, relayed: .taken),
        ]
        #expect(kept == [true, false, false, false])
        #expect(unanswered.receivedCount == 1)
        // It waits for the disk.
        unanswered.wait(1)
        #expect(due(&unanswered) == [])
        unanswered.confirm(1, count: 1, .stored)
        let first = unanswered.next()
        #expect(first?.isReceived == true && first?.verdict == .noSubscribers)
        #expect(due(&unanswered) == [2, 3] && unanswered.receivedCount == 0)
        #expect(PublishVerdict.refused(.packetTooLarge).reasonCode.isAllowed(in: .puback))
        #expect(PublishVerdict.refused(.packetTooLarge).reasonCode.isAllowed(in: .pubrec))
    }

    @Test("0x10 is for a message that nobody has got, neither the device nor an application")
    func heard() {
        for fate in DownlinkOutcome.allCases {
            let verdict = PublishVerdict(fate, hasSubscribers: true)
            let noReceiver = fate == .notConnected || fate == .noSubscription
            #expect(verdict == (noReceiver ? .taken : .downlink(fate)))
            #expect(PublishVerdict(fate, hasSubscribers: false) == .downlink(fate))
            #expect((fate.reasonCode == .noMatchingSubscribers) == noReceiver)
            // Every code is one of PUBACK's.
            #expect(fate.reasonCode.isAllowed(in: .puback))
        }
    }
}
