internal import Bytes
internal import Linux
internal import MQTT
internal import Reactor
internal import Telemetry

extension LoadLoop {
    /// Runs the plan's scenario, meeting the other threads before, between and behind its parts.
    mutating func run(_ course: Course, concurrency: Int) throws(Errno) {
        reach(.prepared, course)
        clock.refresh()
        if plan.scenario.leavesAtOnce {
            try begin(course)
            try connectAll()
        } else {
            try open(concurrency: concurrency)
            try begin(course)
            switch plan.scenario {
            case .idle: try hold()
            case .publish, .soak: try publishAll()
            case .storm: try storm()
            case .connect, .activate: break
            }
        }
        reach(.finished, course)
        for slot in 0..<UInt32(clients.count) where clients[slot: slot].stage == .up {
            leave(slot)
        }
    }

    @discardableResult
    private mutating func reach(_ mark: Course.Mark, _ course: Course) -> Int64 {
        marksReached = mark.rawValue + 1
        return course.reach(mark)
    }

    /// The measured part begins, for all threads at one time.
    private mutating func begin(_ course: Course) throws(Errno) {
        reach(.opened, course)
        clock.refresh()
        if let due = course.startDue {
            while now < due, !isInterrupted { try turn(until: due) }
        }
        let start = reach(.started, course)
        clock.refresh()
        phase = .running
        if let rate = plan.rate {
            pacer = Pacer(start: start, rate: rate, rampSeconds: plan.rampSeconds)
        }
        if plan.reconnectsPerSecond > 0 {
            reconnectPacer = Pacer(start: start, rate: plan.reconnectsPerSecond)
        }
        end = isInterrupted ? start : start + Int64(plan.seconds * 1e9)
    }

    /// The number, among all threads', of this thread's request.
    private func number(_ own: Int) -> Int { own * plan.threads + thread }

    /// How many of so many requests are this thread's.
    private func share(_ count: Int) -> Int {
        max(0, (count - thread + plan.threads - 1) / plan.threads)
    }

    // MARK: connect, activate

    private mutating func connectAll() throws(Errno) {
        let total = share(plan.connections)
        vacant = (0..<UInt32(clients.count)).reversed()
        while settled < (isInterrupted ? begun : total) {
            let next = isInterrupted ? Int64.max : beginDue(total)
            try turn(until: next)
        }
    }

    /// Begins the connections that are due, as far as there are clients; answers when the next one is.
    private mutating func beginDue(_ total: Int) -> Int64 {
        while begun < total, !vacant.isEmpty {
            let due = pacer?.due(number(begun)) ?? MonotonicInstant.now().nanoseconds
            guard pacer == nil || due <= now else { return due }
            let slot = vacant.removeLast()
            clients[slot: slot].number = plan.first + number(begun)
            begun += 1
            begin(slot, due: due)
        }
        return settled == total ? now : .max
    }

    // MARK: opening

    /// Opens a connection for each client: with a rate where that is what the rate is of, else so many at a time.
    private mutating func open(concurrency: Int) throws(Errno) {
        let opener =
            plan.scenario.publishes
            ? nil : plan.rate.map { Pacer(start: now, rate: $0, rampSeconds: plan.rampSeconds) }
        let total = clients.count
        while settled < (isInterrupted ? begun : total) {
            var next = Int64.max
            while !isInterrupted, begun < total, begun - settled < concurrency {
                let due = opener?.due(number(begun)) ?? MonotonicInstant.now().nanoseconds
                guard opener == nil || due <= now else {
                    next = due
                    break
                }
                let slot = UInt32(begun)
                begun += 1
                begin(slot, due: due)
            }
            if settled < total { try turn(until: next) }
        }
    }

    private mutating func hold() throws(Errno) {
        while now < end { try turn(until: end) }
    }

    // MARK: publish, soak

    private mutating func publishAll() throws(Errno) {
        prepareTopics()
        for slot in 0..<UInt32(clients.count) where clients[slot: slot].stage == .up {
            pump(slot)
            if sendsUnasked { watch(slot, writes: true) }
        }
        while now < end {
            let next = min(handOut(), handOutReconnects())
            try turn(until: min(end, next))
        }
        // What was due before the end is sent, late as it may be.
        let deadline = end + Int64(plan.timeoutSeconds * 1e9)
        _ = handOut()
        while now < deadline, hasBacklog { try turn(until: deadline) }
        try drain()
    }

    /// Whether a client that is there, or is just coming back, has a message to send that was due before the end.
    private var hasBacklog: Bool {
        guard let pacer else { return false }
        for slot in 0..<UInt32(clients.count) where clients[slot: slot].hasDescriptor {
            if pacer.due(requestNumber(slot)) < end { return true }
        }
        return false
    }

    private mutating func prepareTopics() {
        for slot in 0..<UInt32(clients.count) {
            let number = clients[slot: slot].number
            var topic = ByteBuffer()
            plan.topic.append(number, plan.identities.device(number), to: &topic)
            clients[slot: slot].topic = topic.span.bytesArray
        }
    }

    /// Has the clients send the messages that are due; answers when the next one is. A client that can't send it now
    /// sends it, as old as it is, when it can.
    private mutating func handOut() -> Int64 {
        guard let pacer else { return .max }
        while true {
            let due = pacer.due(number(handedOut))
            guard due <= now, due < end else { return due }
            let slot = UInt32(handedOut % clients.count)
            handedOut += 1
            pump(slot)
        }
    }

    /// Has the clients of `soak` leave and come back that are due to.
    private mutating func handOutReconnects() -> Int64 {
        guard let reconnectPacer else { return .max }
        while true {
            let due = reconnectPacer.due(number(reconnectsHandedOut))
            guard due <= now, due < end else { return due }
            let first = reconnectsHandedOut
            reconnectsHandedOut += 1
            for step in 0..<clients.count {
                let slot = UInt32((first + step) % clients.count)
                guard clients[slot: slot].stage == .up, clients[slot: slot].inflight == 0,
                    clients[slot: slot].rest.isEmpty
                else { continue }
                leave(slot)
                begin(slot, due: due)
                meters.counts.add(to: .reconnected)
                break
            }
        }
    }

    /// Waits for the answers to all messages, and to a PINGREQ behind each client's last, which says that the server
    /// has read them.
    private mutating func drain() throws(Errno) {
        phase = .draining
        if let pacer {
            var sent = 0
            for slot in 0..<UInt32(clients.count) { sent += clients[slot: slot].sent }
            count(.unsent, times: share(pacer.count(before: end)) - sent)
        }
        for slot in 0..<UInt32(clients.count) where clients[slot: slot].stage == .up {
            clients[slot: slot].awaitsPong = true
            awaited += 1
            Pingreq.encode(into: &outbound)
            flush(slot)
            if clients[slot: slot].rest.isEmpty, clients[slot: slot].hasDescriptor {
                watch(slot, writes: false)
            }
        }
        let deadline = now + Int64(plan.timeoutSeconds * 1e9)
        while awaited > 0 || underWay > 0, now < deadline { try turn(until: deadline) }
        count(.unanswered, times: underWay)
        if plan.qos == .atMostOnce { count(.timedOut(.up), times: awaited) }
    }

    // MARK: storm

    /// How long a storm may take, in seconds.
    private static let stormSeconds = 120.0

    private mutating func storm() throws(Errno) {
        let start = now
        var slots: [UInt32] = []
        for slot in 0..<UInt32(clients.count) where clients[slot: slot].stage == .up {
            end(slot)
            slots.append(slot)
        }
        awaited = slots.count
        for slot in slots { begin(slot, due: start) }
        let deadline = start + Int64(max(Self.stormSeconds, plan.timeoutSeconds) * 1e9)
        while awaited > 0, now < deadline, !isInterrupted { try turn(until: deadline) }
        if !isInterrupted { count(.timedOut(.resting), times: awaited) }
    }
}
