import MQTT
import Reactor
import Sessions

// How many PUBLISHes of a client may wait for their answers (4.9, [MQTT-3.3.4-9]).
extension Broker {
    /// Whether a PUBLISH of QoS 1 or 2 is not served, of a client some of whose PUBLISHes wait: see `stopsAtReceiveMaximum`.
    mutating func stopsAboveReceiveMaximum(
        _ slot: UInt32, in context: inout ShardContext
    ) -> Bool {
        let waiting = context.wire[slot].settings.unanswered.count
        let quota = Int(context.wire[slot].settings.receiveQuota)
        switch context.wire[slot].settings.version {
        case .v5:
            let unreleased =
                sessions[slot: session(of: slot, in: &context)].received.count
                - context.wire[slot].settings.unanswered.receivedCount
            if waiting + unreleased < quota { return false }
            context.wire.end(slot, .receiveMaximumExceeded)
        case .v3_1_1:
            if waiting < quota { return false }
            if !context.wire[slot].children.isEmpty {
                endHeldChildren(of: slot, in: &context)
                if context.wire[slot].settings.unanswered.count < quota { return false }
            }
            holdPublisher(slot, in: &context)
        }
        return true
    }

    /// Whether one more PUBLISH of QoS 2 may wait for its PUBREL. In MQTT 3.1.1 as many may as there are identifiers:
    /// not to read on would keep the PUBRELs out that make room.
    func mayLeaveUnreleased(_ slot: UInt32, in context: inout ShardContext) -> Bool {
        context.wire[slot].settings.version == .v3_1_1
            || sessions[slot: session(of: slot, in: &context)].received.count
                < context.wire[slot].settings.receiveQuota
    }
}
