import Gateway
import Ledger
import MQTT
import Randomness
import Reactor
import Support
import Testing
import Time

/// A few devices of one product that live at random, and a plain model that says what must happen.
struct RandomLife {
    static let validityDays: Int64 = 2
    static let allowance = 6

    /// The gateway of the moment; nobody holds a stopped one.
    var world: Replay?
    let product: TestProduct
    var devices: [ModelDevice]
    var remaining: UInt64
    var consumed: UInt64 = 0
    var isRenewalOn = true

    /// Units that are left in top-up packs.
    var packUnits = 0
    var random: SplitMix64

    /// The last steps, for whoever has to find out what went wrong.
    var diary: [String] = []

    /// One step; true when the gateway is to be restarted.
    mutating func step() async throws -> Bool {
        let index = Int.random(in: devices.indices, using: &random)
        let choice = Int.random(in: 0..<100, using: &random)
        switch choice {
        case ..<27: try connect(index)
        case ..<53: try publish(index)
        case ..<55: try await buyPack()
        case ..<62: try part(index)
        case ..<75: try await moveClock()
        case ..<80: try await buy()
        case ..<84: try await disable(index)
        case ..<88: try await delete(index)
        case ..<91: try await importAgain(index)
        case ..<94: try await exceptFromRenewal(index)
        case ..<96: try await switchRenewal()
        case ..<98: try await activateByHand(index)
        case ..<99: _ = await replay.world.gateway.sweepEnded()
        default:
            diary.append("restart")
            for index in devices.indices { devices[index].client = nil }
            return true
        }
        try await replay.settle()
        try await compare()
        return false
    }

    private var replay: Replay {
        guard let world else { preconditionFailure("no gateway runs") }
        return world
    }

    private var now: Timestamp { replay.now }

    // MARK: Devices' doings

    private mutating func connect(_ index: Int) throws {
        let expected = admission(of: index)
        diary.append("\(index) connects: \(expected)")
        let client = try TestClient(port: replay.world.plainPort)
        let credentials = TestCredentials.signed(devices[index].device, secureMode: 3)
        let code = try client.connect(as: credentials, keepAliveSeconds: 0).code
        #expect(code == expected)
        guard code == 0 else { return }
        if let older = devices[index].client { #expect(try older.endingCode() == 0x8E) }
        devices[index].client = client
        devices[index].isRegistered = true
        if !devices[index].isEntitled(at: now) { take(index, from: now) }
    }

    /// What CONNACK must say (Wire.md, rules B1 to B8 and B12).
    private func admission(of index: Int) -> UInt8 {
        let device = devices[index]
        if !device.isKnown { return 0x86 }
        if device.isDisabled { return 0x87 }
        if device.isEntitled(at: now) { return 0 }
        if device.codes > 0, !device.renews(isRenewalOn) { return 0x97 }
        return remaining > 0 ? 0 : 0x97
    }

    private mutating func take(_ index: Int, from start: Timestamp) {
        devices[index].consume(from: start, validityDays: Self.validityDays)
        remaining -= 1
        consumed += 1
    }

    private mutating func publish(_ index: Int) throws {
        guard let client = devices[index].client else { return }
        let today = Day(of: now, at: .utc)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let fits = devices[index].used[today, default: 0] < Self.allowance
            diary.append("\(index) publishes: \(fits), \(packUnits) in packs")
            let code = try replay.publish(devices[index].device, through: client)
            #expect(code == (fits || packUnits > 0 ? 0 : 0x97))
            if fits {
                devices[index].used[today, default: 0] += 1
            } else if packUnits > 0 {
                devices[index].toppedUp[today, default: 0] += 1
                packUnits -= 1
            }
        }
    }

    private mutating func part(_ index: Int) throws {
        guard let client = devices[index].client else { return }
        diary.append("\(index) parts")
        try replay.part(client)
        devices[index].client = nil
    }

    // MARK: Time

    /// Hours forward, or, more seldom, back; on the way, entitlements of online devices may end.
    private mutating func moveClock() async throws {
        let isBack = Int.random(in: 0..<5, using: &random) == 0
        let minutes = Int64.random(in: isBack ? -180...0 : 0...1_800, using: &random)
        let time = now.adding(milliseconds: minutes * 60_000)
        diary.append("the clock moves by \(minutes) minutes")
        try await replay.set(time)
        let due = devices.indices.filter {
            devices[$0].client != nil && devices[$0].expiresAt <= time
        }
        let eligible = due.filter { devices[$0].renews(isRenewalOn) }
        // Which of several get the last codes is open; how many is not.
        let codes = min(UInt64(eligible.count), remaining)
        let renewed = try eligible.filter { index in
            try replay.record(of: devices[index].device).codesConsumed > devices[index].codes
        }
        #expect(UInt64(renewed.count) == codes)
        for index in due {
            if renewed.contains(index) {
                let end = devices[index].expiresAt
                take(index, from: end.adding(days: Self.validityDays) > time ? end : time)
            } else {
                try expectEnd(index, 0x98)
            }
        }
    }

    private mutating func expectEnd(_ index: Int, _ code: UInt8) throws {
        guard let client = devices[index].client else { return }
        #expect(try client.endingCode() == code)
        devices[index].client = nil
    }

    // MARK: Operators' doings

    private mutating func buy() async throws {
        let codes = UInt64.random(in: 1...3, using: &random)
        diary.append("\(codes) codes are bought")
        try await replay.world.buy(codes, for: product)
        remaining += codes
    }

    private mutating func buyPack() async throws {
        let units = Int.random(in: 1...9, using: &random)
        diary.append("a pack of \(units) is bought")
        try await replay.world.buyPack(UInt64(units), for: product, hours: 100_000)
        packUnits += units
    }

    private mutating func disable(_ index: Int) async throws {
        guard devices[index].isKnown else { return }
        let isDisabled = !devices[index].isDisabled
        diary.append("\(index) is disabled: \(isDisabled)")
        try await replay.world.submit(
            .devices(.setDisabled(devices[index].device.identity, isDisabled)))
        devices[index].isDisabled = isDisabled
        if isDisabled { try expectEnd(index, 0x87) }
    }

    private mutating func delete(_ index: Int) async throws {
        guard devices[index].isKnown, devices[index].isRegistered else { return }
        diary.append("\(index) is deleted")
        try await replay.world.submit(.devices(.delete(devices[index].device.identity)))
        devices[index].isRegistered = false
        if devices[index].codes == 0 { devices[index].isKnown = false }
        try expectEnd(index, 0x98)
    }

    private mutating func importAgain(_ index: Int) async throws {
        guard !devices[index].isKnown || !devices[index].isRegistered else { return }
        diary.append("\(index) is imported")
        let name = devices[index].device.identity.device.text
        _ = try await replay.world.importDevice(name, into: product)
        devices[index].isKnown = true
        devices[index].isRegistered = true
        devices[index].isDisabled = false
    }

    private mutating func exceptFromRenewal(_ index: Int) async throws {
        guard isRenewalOn, devices[index].isKnown, devices[index].isRegistered else { return }
        let isOn = devices[index].isExcepted
        diary.append("\(index) renews: \(isOn)")
        try await replay.world.submit(.devices(.setRenewal(devices[index].device.identity, isOn)))
        devices[index].isExcepted = !isOn
    }

    private mutating func switchRenewal() async throws {
        isRenewalOn.toggle()
        diary.append("renewal: \(isRenewalOn)")
        try await replay.world.submit(
            .products(.update(product.key, ProductUpdate(autoRenewal: isRenewalOn))))
    }

    private mutating func activateByHand(_ index: Int) async throws {
        let device = devices[index]
        guard device.isKnown, device.isRegistered, !device.isDisabled, remaining > 0,
            !device.isEntitled(at: now)
        else { return }
        diary.append("\(index) is activated")
        try await replay.world.submit(.devices(.activateByHand(device.device.identity)))
        take(index, from: now)
    }

    // MARK: Comparing

    private func compare() async throws {
        let figures = try replay.figures(of: product)
        #expect(figures.remaining == remaining)
        #expect(figures.consumed == consumed)
        #expect(figures.devicesKnown == UInt64(devices.count { $0.isKnown && $0.isRegistered }))
        let online = await replay.world.gateway.onlineCount(of: product.key)
        #expect(online == devices.count { $0.client != nil })
        let today = Day(of: now, at: .utc)
        for device in devices where device.isKnown {
            let record = try replay.record(of: device.device)
            #expect(record.codesConsumed == device.codes)
            #expect(record.isDisabled == device.isDisabled)
            #expect(record.isRegistered == device.isRegistered)
            if device.codes > 0 { #expect(record.entitlement?.expiresAt == device.expiresAt) }
            let usage = try await replay.world.gateway.usage(of: device.device.identity)
            #expect(Int(usage.today.used) == device.used[today, default: 0])
            #expect(Int(usage.today.topUp) == device.toppedUp[today, default: 0])
        }
        let packs = try replay.world.packs(of: product)
        #expect(packs.reduce(0) { $0 + Int($1.remaining + $1.leased) } >= packUnits)
    }
}
