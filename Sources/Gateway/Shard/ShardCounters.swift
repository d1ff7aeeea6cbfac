import Telemetry

/// What one shard has counted since the start, readable from any thread.
struct ShardCounters: Sendable {
    let events = CounterBlock<GatewayCounter>()
    let endings = CounterBlock<Reason>()
    let latencies = ShardLatencies()

    func add(_ counter: GatewayCounter, _ amount: Int = 1) {
        events.add(UInt64(amount), to: counter)
    }

    func add(ending reason: Reason) { endings.add(to: reason) }
}

/// What a shard counts besides endings by reason; one number each, only growing.
enum GatewayCounter: Int, CaseIterable, Sendable {
    case connectionsAccepted
    case connectionsRefusedEarly
    case handshakesCompleted
    case handshakesResumed
    case handshakesHandedOver
    case connectionsGivenToAPI
    case connectsAdmitted
    case activationsRequested
    case handOvers
    case bytesReceived
    case bytesSent
    case packetsReceived
    case publishesReceived
    case publishesDelivered
    case publishesForbidden
    case publishesOverQuota
    case publishesOverRate
    case publishesDelayed
    case publishersHeld
    case deliveriesOverQuota
    case deliveriesDropped
    case unitsCounted
    case unitsToppedUp
    case takeovers
    case usageReadsFailed
    case changesDeferred
    case retainedReadsFailed
    case sessionWritesFailed
    case sessionReadsFailed
    case nodeMailUnread
    case sessionsTooLargeToMove

    /// The Prometheus name without its prefix and `_total`, and what it counts.
    var exposition: (name: String, help: String) {
        switch self {
        case .connectionsAccepted: ("connections_accepted", "Sockets accepted.")
        case .connectionsRefusedEarly:
            ("connections_refused_early", "Sockets closed at once, over a limit.")
        case .handshakesCompleted: ("tls_handshakes", "TLS handshakes completed.")
        case .handshakesResumed:
            ("tls_handshakes_resumed", "TLS handshakes that resumed a session.")
        case .handshakesHandedOver:
            (
                "tls_handshakes_handed_over",
                "TLS handshakes after which the gateway's own records took over from OpenSSL."
            )
        case .connectionsGivenToAPI:
            (
                "connections_given_to_api",
                "Connections of HTTP that came to a listener which shares its port with the API."
            )
        case .connectsAdmitted: ("connects_admitted", "CONNECT packets answered with success.")
        case .activationsRequested:
            ("activations_requested", "Admissions that had to wait for the ledger's writer.")
        case .handOvers: ("hand_overs", "Connections moved to their home shard.")
        case .bytesReceived: ("received_bytes", "MQTT bytes received.")
        case .bytesSent: ("sent_bytes", "Bytes written to sockets.")
        case .packetsReceived: ("packets_received", "MQTT packets received.")
        case .publishesReceived: ("publishes_received", "PUBLISH packets received.")
        case .publishesDelivered: ("publishes_delivered", "PUBLISH packets sent to subscribers.")
        case .publishesForbidden:
            ("publishes_forbidden", "PUBLISH packets to a topic that the client may not use.")
        case .publishesOverQuota:
            ("publishes_over_quota", "Uplink messages over the day's allowance, not taken.")
        case .publishesOverRate:
            (
                "publishes_over_rate",
                "PUBLISH packets over their devices' limits, refused or answered by the end of the connection."
            )
        case .publishesDelayed:
            (
                "publishes_delayed",
                "Times that a device was not read from, as it had sent more than its limits allow."
            )
        case .publishersHeld:
            (
                "publishers_held",
                """
                Times that a client was not read from, as an application's queue was full or too many \
                of its own messages were unanswered.
                """
            )
        case .deliveriesOverQuota:
            ("deliveries_over_quota", "Downlink messages over the day's allowance, not delivered.")
        case .deliveriesDropped:
            (
                "deliveries_dropped",
                "Messages dropped: too large for their receiver, expired, or it reads too slowly."
            )
        case .unitsCounted:
            ("message_units", "Message units counted against allowances and top-up packs.")
        case .unitsToppedUp: ("message_units_topped_up", "Message units from top-up packs.")
        case .usageReadsFailed:
            ("usage_reads_failed", "Counters begun at zero, as the store could not be read.")
        case .changesDeferred:
            ("changes_deferred", "Changes of the books that had to be read a second time.")
        case .retainedReadsFailed:
            ("retained_reads_failed", "Look-ups of retained messages that failed.")
        case .sessionWritesFailed:
            ("session_writes_failed", "Batches of changes of sessions that could not be written.")
        case .sessionReadsFailed:
            ("session_reads_failed", "Look-ups of stored sessions that failed.")
        case .nodeMailUnread:
            (
                "node_mail_unread",
                "Messages of other nodes that could not be read, as a later version has them."
            )
        case .sessionsTooLargeToMove:
            (
                "sessions_too_large_to_move",
                "Sessions that did not follow their clients to another node, as their filters are too long."
            )
        case .takeovers: ("takeovers", "Sessions taken over by a new connection.")
        }
    }
}
