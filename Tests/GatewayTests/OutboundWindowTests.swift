import Bytes
import MQTT
import Sessions
import Testing

@testable import Gateway

@Suite struct OutboundWindowTests {
    private let limits = (messages: 3, bytes: 100)

    private func message(_ number: UInt8, bytes: Int = 9) -> Message {
        Message(
            topic: [number], payload: Array(repeating: 0, count: bytes - 1), qos: .atLeastOnce)
    }

    @Test("[MQTT-2.2.1-4] a packet identifier is neither zero nor in use")
    func identifiers() {
        var window = OutboundWindow(limit: .max)
        let first = window.begin()
        #expect(first == 1)
        for expected in 2...UInt16.max {
            let identifier = window.begin()
            guard identifier == expected, window.acknowledge(identifier) else {
                Issue.record("\(identifier) for \(expected)")
                return
            }
        }
        // Past the end the first one is in use still.
        let next = window.begin()
        #expect(next == 2 && window.unacknowledgedCount == 2)
        let isKnown = window.acknowledge(3)
        #expect(!isKnown)
    }

    @Test("[MQTT-3.3.4-9] no more are under way than the client's Receive Maximum")
    func limit() {
        var window = OutboundWindow(limit: 2)
        #expect(window.isOpen)
        let first = window.begin()
        let second = window.begin()
        #expect(!window.isOpen)
        for number in 1...3 as ClosedRange<UInt8> {
            let isTaken = window.enqueue(
                message(number), units: 1, MessageWait(since: 0), limits: limits)
            #expect(isTaken)
        }
        let early = window.next()
        #expect(early == nil)
        let isKnown = window.acknowledge(second)
        let isKnownAgain = window.acknowledge(second)
        #expect(isKnown && !isKnownAgain)
        #expect(!window.isOpen, "those who wait go first")
        var order: [UInt8] = []
        while let next = window.next() {
            order.append(next.message.topic[0])
            _ = window.begin()
        }
        #expect(order == [1] && window.unacknowledgedCount == 2)
        _ = window.acknowledge(first)
        _ = window.acknowledge(3)
        while let next = window.next() { order.append(next.message.topic[0]) }
        #expect(order == [1, 2, 3] && window.isOpen)
    }

    @Test("What waits is bounded by count and by bytes, and room comes back")
    func bounds() {
        var window = OutboundWindow(limit: 1)
        for number in 1...3 as ClosedRange<UInt8> {
            let isTaken = window.enqueue(
                message(number), units: 1, MessageWait(since: 0), limits: limits)
            #expect(isTaken)
        }
        #expect(window.waitingUnits == 3)
        let fourth = window.enqueue(message(4), units: 1, MessageWait(since: 0), limits: limits)
        #expect(!fourth)
        _ = window.next()
        let large = window.enqueue(
            message(5, bytes: 83), units: 1, MessageWait(since: 0), limits: limits)
        let fitting = window.enqueue(
            message(6, bytes: 82), units: 1, MessageWait(since: 0), limits: limits)
        #expect(!large && fitting)
        #expect(window.waitingUnits == 3)
    }
}
