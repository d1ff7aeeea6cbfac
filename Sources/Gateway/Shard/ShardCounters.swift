import Telemetry

/// What one shard has counted since the start, readable from any thread.
struct ShardCounters: Sendable {
    let events = CounterBlock<GatewayCounter>()
    let endings = CounterBlock<Reason>()

    func add(_ counter: GatewayCounter, _ amount: Int = 1) {
        events.add(UInt64(amount), to: counter)
    }

    func add(ending reason: Reason) { endings.add(to: reason) }
}
