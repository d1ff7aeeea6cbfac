import Bytes
import Ledger
import Metering
import Sessions
import Storage
import Time

// How questions between nodes travel, and what answers them: as `NodeMail` does.
extension NodeQuestion {
    private enum Kind: UInt8 {
        case onlineCount = 1
        case connection, outcomes, lastSeen, usage, kick, productDays, trace, endTrace, recall,
            unknown, pass, refusals, presence, endPresence, connections, figures
        case imagePiece = 164
        case images = 165
        case daysOfProducts = 190
        case online = 191
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .onlineCount(let product):
            buffer.append(Kind.onlineCount.rawValue)
            buffer.append(text: product.text)
        case .connection(let device):
            buffer.append(Kind.connection.rawValue)
            buffer.append(device)
        case .outcomes(let device):
            buffer.append(Kind.outcomes.rawValue)
            buffer.append(device)
        case .lastSeen(let devices):
            buffer.append(Kind.lastSeen.rawValue)
            buffer.append(list: devices) { $0.append($1) }
        case .refusals(let devices):
            buffer.append(Kind.refusals.rawValue)
            buffer.append(list: devices) { $0.append($1) }
        case .usage(let device):
            buffer.append(Kind.usage.rawValue)
            buffer.append(device)
        case .kick(let device):
            buffer.append(Kind.kick.rawValue)
            buffer.append(device)
        case .recall(let account):
            buffer.append(Kind.recall.rawValue)
            buffer.append(text: account.text)
        case .follow(.trace(let device), let feed):
            buffer.append(Kind.trace.rawValue)
            buffer.append(device)
            buffer.append(feed.number)
        case .endFollowing(.trace(let device), let feed):
            buffer.append(Kind.endTrace.rawValue)
            buffer.append(device)
            buffer.append(feed.number)
        case .follow(.presence(let product), let feed):
            buffer.append(Kind.presence.rawValue)
            buffer.append(text: product.text)
            buffer.append(feed.number)
        case .endFollowing(.presence(let product), let feed):
            buffer.append(Kind.endPresence.rawValue)
            buffer.append(text: product.text)
            buffer.append(feed.number)
        case .connections(let slot, let product, let limit):
            buffer.append(Kind.connections.rawValue)
            buffer.append(slot)
            buffer.append(optional: product) { $0.append(text: $1.text) }
            buffer.appendVarint(UInt64(clamping: limit))
        case .productDays(let product, let from, let to):
            buffer.append(Kind.productDays.rawValue)
            buffer.append(text: product.text)
            buffer.appendSignedVarint(Int64(from.number))
            buffer.appendSignedVarint(Int64(to.number))
        case .daysOfProducts(let products, let from, let to):
            buffer.append(Kind.daysOfProducts.rawValue)
            buffer.append(list: products) { $0.append(text: $1.text) }
            buffer.appendSignedVarint(Int64(from.number))
            buffer.appendSignedVarint(Int64(to.number))
        case .online(let products, let from, let to):
            buffer.append(Kind.online.rawValue)
            buffer.append(list: products) { $0.append(text: $1.text) }
            buffer.appendSignedVarint(Int64(from.number))
            buffer.appendSignedVarint(Int64(to.number))
        case .figures: buffer.append(Kind.figures.rawValue)
        case .imagePiece(let file, let offset):
            buffer.append(Kind.imagePiece.rawValue)
            buffer.append(file)
            buffer.append(offset)
        case .images(let files):
            buffer.append(Kind.images.rawValue)
            buffer.append(list: files) { $0.append($1) }
        case .unknown: buffer.append(Kind.unknown.rawValue)
        case .pass: buffer.append(Kind.pass.rawValue)
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let kind = Kind(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of a question between nodes")
        }
        self =
            switch kind {
            case .onlineCount: .onlineCount(try reader.takeProduct())
            case .connection: .connection(try reader.takeDevice())
            case .outcomes: .outcomes(try reader.takeDevice())
            case .lastSeen:
                .lastSeen(
                    try reader.takeList { reader throws(MalformedRecord) in try reader.takeDevice()
                    }
                )
            case .refusals:
                .refusals(
                    try reader.takeList { reader throws(MalformedRecord) in try reader.takeDevice()
                    }
                )
            case .usage: .usage(try reader.takeDevice())
            case .kick: .kick(try reader.takeDevice())
            case .recall: .recall(try reader.takeAccount())
            case .trace:
                .follow(.trace(try reader.takeDevice()), try reader.takeFeed())
            case .endTrace: .endFollowing(.trace(try reader.takeDevice()), try reader.takeFeed())
            case .presence:
                .follow(.presence(try reader.takeProduct()), try reader.takeFeed())
            case .endPresence:
                .endFollowing(.presence(try reader.takeProduct()), try reader.takeFeed())
            case .connections:
                .connections(
                    from: try reader.takeUInt32(),
                    try reader.takeOptional { reader throws(MalformedRecord) in
                        try reader.takeProduct()
                    },
                    limit: Int(clamping: try reader.takeVarint()))
            case .productDays:
                .productDays(
                    try reader.takeProduct(), from: try reader.takeDay(), to: try reader.takeDay())
            case .daysOfProducts:
                .daysOfProducts(
                    try reader.takeProducts(), from: try reader.takeDay(), to: try reader.takeDay())
            case .online:
                .online(
                    try reader.takeProducts(), from: try reader.takeQuarter(),
                    to: try reader.takeQuarter())
            case .figures: .figures
            case .imagePiece:
                .imagePiece(try reader.takeUInt64(), at: try reader.takeUInt64())
            case .images:
                .images(
                    try reader.takeList { reader throws(MalformedRecord) in
                        try reader.takeUInt64()
                    })
            case .unknown: .unknown
            case .pass: .pass
            }
    }
}

extension NodeAnswer {
    private enum Kind: UInt8 {
        case askAgain = 13
        case traced = 14
        case unknown = 15
        case refusals = 16
        case present = 17
        case connections = 18
        case figures = 19
        case daysOfProducts = 190
        case online = 191
        case piece = 164
        case flags = 165
        case done = 1
        case notStored, outcome, granted, yielded, count, flag, connection, outcomes, times, days,
            productDays
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .done: buffer.append(Kind.done.rawValue)
        case .notStored: buffer.append(Kind.notStored.rawValue)
        case .askAgain: buffer.append(Kind.askAgain.rawValue)
        case .outcome(let outcome):
            buffer.append(Kind.outcome.rawValue)
            buffer.append(outcome.nodeCode)
        case .granted(let grant):
            buffer.append(Kind.granted.rawValue)
            buffer.append(grant.number)
            buffer.append(grant.hasDisplaced)
            buffer.append(list: grant.days) { $0.append($1) }
            buffer.append(optional: grant.session) { buffer, session in
                session.content.encode(into: &buffer)
                buffer.append(text: session.from.text)
            }
        case .yielded(let client):
            buffer.append(Kind.yielded.rawValue)
            buffer.append(client.wasConnected)
            buffer.append(list: client.days) { $0.append($1) }
            buffer.append(optional: client.session) { $1.encode(into: &$0) }
        case .count(let count):
            buffer.append(Kind.count.rawValue)
            buffer.append(count)
        case .flag(let flag):
            buffer.append(Kind.flag.rawValue)
            buffer.append(flag)
        case .connection(let connection):
            buffer.append(Kind.connection.rawValue)
            buffer.append(optional: connection) { $1.encode(into: &$0) }
        case .outcomes(let outcomes):
            buffer.append(Kind.outcomes.rawValue)
            buffer.append(optional: outcomes.lastRefusal) { $1.encode(into: &$0) }
            buffer.append(optional: outcomes.lastEnding) { $1.encode(into: &$0) }
        case .refusals(let refusals):
            buffer.append(Kind.refusals.rawValue)
            buffer.append(list: refusals) { buffer, refusal in
                buffer.append(optional: refusal) { $1.encode(into: &$0) }
            }
        case .traced(let events, let dropped):
            buffer.append(Kind.traced.rawValue)
            buffer.append(list: events) { $1.encode(into: &$0) }
            buffer.append(dropped)
        case .present(let events, let dropped):
            buffer.append(Kind.present.rawValue)
            buffer.append(list: events) { $1.encode(into: &$0) }
            buffer.append(dropped)
        case .connections(let seen):
            buffer.append(Kind.connections.rawValue)
            buffer.append(list: seen.elements) { $1.encode(into: &$0) }
            buffer.append(optional: seen.next) { $0.append($1) }
        case .times(let times):
            buffer.append(Kind.times.rawValue)
            buffer.append(list: times) { buffer, time in
                buffer.append(optional: time) { $0.append($1) }
            }
        case .days(let days):
            buffer.append(Kind.days.rawValue)
            buffer.append(list: days) { $0.append($1) }
        case .productDays(let days):
            buffer.append(Kind.productDays.rawValue)
            buffer.append(list: days) { buffer, day in
                buffer.appendSignedVarint(Int64(day.day.number))
                buffer.append(day.used)
                buffer.append(day.topUp)
            }
        case .daysOfProducts(let products):
            buffer.append(Kind.daysOfProducts.rawValue)
            buffer.append(list: products) { buffer, days in
                buffer.append(list: days) { $0.append($1) }
            }
        case .online(let counts):
            buffer.append(Kind.online.rawValue)
            buffer.append(list: counts) { $0.append($1) }
        case .figures(let figures):
            buffer.append(Kind.figures.rawValue)
            for field in NodeFigures.fields { buffer.appendVarint(figures[keyPath: field]) }
        case .piece(let bytes):
            buffer.append(Kind.piece.rawValue)
            buffer.append(counted: bytes.span)
        case .flags(let flags):
            buffer.append(Kind.flags.rawValue)
            buffer.append(list: flags) { $0.append($1) }
        case .unknown: buffer.append(Kind.unknown.rawValue)
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let kind = Kind(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of an answer between nodes")
        }
        switch kind {
        case .done: self = .done
        case .notStored: self = .notStored
        case .askAgain: self = .askAgain
        case .outcome:
            guard let outcome = DownlinkOutcome(nodeCode: try reader.takeUInt8()) else {
                throw .malformed(what: "outcome of a message")
            }
            self = .outcome(outcome)
        case .granted:
            let number = try reader.takeUInt64()
            let hasDisplaced = try reader.takeBool()
            let days = try reader.takeUsages()
            let session = try reader.takeOptional { reader throws(MalformedRecord) in
                let content = try StoredSession(taking: &reader)
                return (content: content, from: try reader.takeNode())
            }
            self = .granted(
                ClaimGrant(
                    number: number, hasDisplaced: hasDisplaced, days: days, session: session))
        case .yielded:
            self = .yielded(
                YieldedClient(
                    wasConnected: try reader.takeBool(), days: try reader.takeUsages(),
                    session: try reader.takeOptional { reader throws(MalformedRecord) in
                        try StoredSession(taking: &reader)
                    }))
        case .count: self = .count(try reader.takeUInt64())
        case .flag: self = .flag(try reader.takeBool())
        case .connection:
            self = .connection(
                try reader.takeOptional { reader throws(MalformedRecord) in
                    try DeviceConnection(taking: &reader)
                })
        case .outcomes:
            let refusal = try reader.takeOptional { reader throws(MalformedRecord) in
                try ConnectionOutcome(taking: &reader)
            }
            let ending = try reader.takeOptional { reader throws(MalformedRecord) in
                try ConnectionOutcome(taking: &reader)
            }
            self = .outcomes(DeviceOutcomes(lastRefusal: refusal, lastEnding: ending))
        case .refusals:
            self = .refusals(
                try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeOptional { reader throws(MalformedRecord) in
                        try ConnectionOutcome(taking: &reader)
                    }
                })
        case .traced:
            let events = try reader.takeList { reader throws(MalformedRecord) in
                try TraceEvent(taking: &reader)
            }
            self = .traced(events, dropped: try reader.takeUInt64())
        case .present:
            let events = try reader.takeList { reader throws(MalformedRecord) in
                try PresenceEvent(taking: &reader)
            }
            self = .present(events, dropped: try reader.takeUInt64())
        case .connections:
            let elements = try reader.takeList { reader throws(MalformedRecord) in
                try ClientConnection(taking: &reader)
            }
            let next = try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeUInt32()
            }
            self = .connections(SlotsSeen(elements: elements, next: next))
        case .times:
            self = .times(
                try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeOptional { reader throws(MalformedRecord) in
                        try reader.takeTime()
                    }
                })
        case .days: self = .days(try reader.takeUsages())
        case .productDays:
            self = .productDays(
                try reader.takeList { reader throws(MalformedRecord) in
                    ProductDay(
                        day: try reader.takeDay(), used: try reader.takeUInt64(),
                        topUp: try reader.takeUInt64())
                })
        case .daysOfProducts:
            self = .daysOfProducts(
                try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeList { reader throws(MalformedRecord) in
                        try reader.takeProductDay()
                    }
                })
        case .online:
            self = .online(
                try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeOnlineCount()
                })
        case .figures:
            var figures = NodeFigures()
            for field in NodeFigures.fields { figures[keyPath: field] = try reader.takeVarint() }
            self = .figures(figures)
        case .piece: self = .piece(try reader.takeCounted().bytesArray)
        case .flags:
            self = .flags(
                try reader.takeList { reader throws(MalformedRecord) in try reader.takeBool() })
        case .unknown: self = .unknown
        }
    }
}
