import Gateway

/// One key of the configuration: how its text becomes a value of `Root`.
struct Setting<Root>: Sendable {
    /// Below its root: `limits.packetSizeBytes`, `port`.
    let key: String

    private let value: Value

    private enum Value: Sendable {
        /// Sets it from a text; answers what that should have been when it is something else.
        case single(@Sendable (inout Root, String) -> Expectation?)
        case list(@Sendable (inout Root, [String]) -> Void)
    }

    /// Whether several values can be given.
    var isList: Bool {
        switch value {
        case .single: false
        case .list: true
        }
    }

    /// What a text was expected to be: `a whole number`.
    struct Expectation: Equatable, Sendable {
        let text: String
    }

    init(key: String, set: @escaping @Sendable (inout Root, String) -> Expectation?) {
        self.key = key
        value = .single(set)
    }

    /// Sets the value from one text, of a list its elements with blanks between them; answers what the text
    /// should have been when it is something else.
    func set(_ root: inout Root, _ text: String) -> Expectation? {
        switch value {
        case .single(let set): return set(&root, text)
        case .list(let set):
            set(&root, text.split(separator: " ").map(String.init))
            return nil
        }
    }

    /// Sets a list to these elements, whatever is in them.
    func set(_ root: inout Root, elements: [String]) {
        switch value {
        case .single: preconditionFailure("\(key) is no list")
        case .list(let set): set(&root, elements)
        }
    }

    static func number(
        _ key: String,
        _ value: any WritableKeyPath<Root, Int> & Sendable
    ) -> Setting {
        Setting(key: key) { root, text in
            guard let number = Int(text) else { return Expectation(text: "a whole number") }
            root[keyPath: value] = number
            return nil
        }
    }

    static func number(
        _ key: String,
        _ value: any WritableKeyPath<Root, Int?> & Sendable
    ) -> Setting {
        Setting(key: key) { root, text in
            guard let number = Int(text) else { return Expectation(text: "a whole number") }
            root[keyPath: value] = number
            return nil
        }
    }

    static func flag(
        _ key: String,
        _ value: any WritableKeyPath<Root, Bool> & Sendable
    ) -> Setting {
        Setting(key: key) { root, text in
            guard let flag = Bool(text) else { return Expectation(text: "true or false") }
            root[keyPath: value] = flag
            return nil
        }
    }

    static func text(
        _ key: String,
        _ value: any WritableKeyPath<Root, String> & Sendable
    ) -> Setting {
        Setting(key: key) { root, text in
            root[keyPath: value] = text
            return nil
        }
    }

    static func text(
        _ key: String,
        _ value: any WritableKeyPath<Root, String?> & Sendable
    ) -> Setting {
        Setting(key: key) { root, text in
            root[keyPath: value] = text
            return nil
        }
    }

    /// A list: a sequence in YAML, or one text with blanks between the elements.
    static func list(
        _ key: String,
        _ value: any WritableKeyPath<Root, [String]> & Sendable
    ) -> Setting {
        Setting(key: key, value: .list { root, elements in root[keyPath: value] = elements })
    }

    private init(key: String, value: Value) {
        self.key = key
        self.value = value
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ key: String,
        _ value: any WritableKeyPath<Root, Choice> & Sendable
    ) -> Setting {
        let choices = Choice.allCases.map { (name: $0.rawValue, value: $0) }
        let names = choices.map(\.name).joined(separator: ", ")
        return Setting(key: key) { root, text in
            guard let choice = choices.first(where: { $0.name == text }) else {
                return Expectation(text: "one of \(names)")
            }
            root[keyPath: value] = choice.value
            return nil
        }
    }

    /// The key as a part of an environment variable's name: `LIMITS_PACKET_SIZE_BYTES`.
    var environmentName: String { Self.environmentName(of: key) }

    /// `packetSizeBytes` becomes `PACKET_SIZE_BYTES`; dots and hyphens become underscores.
    static func environmentName(of key: String) -> String {
        var name = ""
        var previous: Character = "_"
        for character in key {
            if character.isUppercase, previous.isLowercase { name.append("_") }
            name.append(
                character == "." || character == "-" ? "_" : Character(character.uppercased()))
            previous = character
        }
        return name
    }
}

extension Setting<GatewayConfiguration> {
    /// Every key but those of the listeners.
    static let all: [Setting] = [
        .number("shards", \.shards),
        .text("data", \.data),
        .text("secrets", \.secrets),
        .text("dataCentre", \.dataCentre),
        .number("storage.ledgerMapBytes", \.storage.ledgerMapBytes),
        .number("storage.ledgerMapMaximumBytes", \.storage.ledgerMapMaximumBytes),
        .number("storage.usageMapBytes", \.storage.usageMapBytes),
        .number("storage.usageMapMaximumBytes", \.storage.usageMapMaximumBytes),
        .text("tls.certificate", \.tls.certificate),
        .text("tls.key", \.tls.key),
        .text("tls.clientCA", \.tls.clientCA),
        .text("tls.alternativeCertificate", \.tls.alternativeCertificate),
        .text("tls.alternativeKey", \.tls.alternativeKey),
        .choice("tls.minimumVersion", \.tls.minimumVersion),
        .choice("tls.maximumVersion", \.tls.maximumVersion),
        .choice("tls.preset", \.tls.preset),
        .list("tls.cipherSuites", \.tls.cipherSuites),
        .list("tls.ciphers", \.tls.ciphers),
        .list("tls.groups", \.tls.groups),
        .number("tls.expiryWarningDays", \.tls.expiryWarningDays),
        .number("tls.ticketRotationHours", \.tls.ticketRotationHours),
        .number("limits.connections", \.limits.connections),
        .number("limits.handshakesInFlight", \.limits.handshakesInFlight),
        .number("limits.unadmittedPerAddress", \.limits.unadmittedPerAddress),
        .number("limits.connectsPerSecondPerAddress", \.limits.connectsPerSecondPerAddress),
        .list("limits.exemptNetworks", \.limits.exemptNetworks),
        .number("limits.handshakeTimeoutSeconds", \.limits.handshakeTimeoutSeconds),
        .number("limits.connectTimeoutSeconds", \.limits.connectTimeoutSeconds),
        .number("limits.connectPacketSizeBytes", \.limits.connectPacketSizeBytes),
        .number("limits.packetSizeBytes", \.limits.packetSizeBytes),
        .number("limits.inflightMessages", \.limits.inflightMessages),
        .number("limits.queueBytes", \.limits.queueBytes),
        .number("limits.queueMessages", \.limits.queueMessages),
        .number("limits.topicAliasMaximum", \.limits.topicAliasMaximum),
        .number("limits.keepAliveMinimumSeconds", \.limits.keepAliveMinimumSeconds),
        .number("limits.keepAliveMaximumSeconds", \.limits.keepAliveMaximumSeconds),
        .number("limits.sessionExpiryMaximumSeconds", \.limits.sessionExpiryMaximumSeconds),
        .number("limits.retainedMessages", \.limits.retainedMessages),
        .number("limits.retainedBytes", \.limits.retainedBytes),
        .number("limits.topicLevels", \.limits.topicLevels),
        .number("limits.subscriptions", \.limits.subscriptions),
        .number("limits.duplicatesPerMinute", \.limits.duplicatesPerMinute),
        .number("limits.duplicatePenaltySeconds", \.limits.duplicatePenaltySeconds),
        .number("limits.wrongSecretsPerMinute", \.limits.wrongSecretsPerMinute),
        .number(
            "limits.wrongSecretsPerMinutePerAddress", \.limits.wrongSecretsPerMinutePerAddress),
        .number("limits.wrongSecretPenaltySeconds", \.limits.wrongSecretPenaltySeconds),
        .number("limits.productsOfIndividual", \.limits.productsOfIndividual),
        .number("limits.productsOfEnterprise", \.limits.productsOfEnterprise),
        .number("limits.devicesOfProduct", \.limits.devicesOfProduct),
        .number("limits.devicesOfAccount", \.limits.devicesOfAccount),
        .number("limits.registrationsPerDay", \.limits.registrationsPerDay),
        .number("metering.unitBytes", \.metering.unitBytes),
        .number("metering.flushIntervalSeconds", \.metering.flushIntervalSeconds),
        .number("metering.dayOffsetMinutes", \.metering.dayOffsetMinutes),
        .number("metering.upgradeReportDays", \.metering.upgradeReportDays),
        .number("activation.nearExpiryDays", \.activation.nearExpiryDays),
        .number("activation.timestampWindowSeconds", \.activation.timestampWindowSeconds),
        .number("activation.secretLengthMinimum", \.activation.secretLengthMinimum),
        .number("activation.clockAheadHours", \.activation.clockAheadHours),
        .choice("activation.freeCodes.policy", \.activation.freeCodes.policy),
        .text("activation.freeCodes.package", \.activation.freeCodes.package),
        .number("activation.freeCodes.validityDays", \.activation.freeCodes.validityDays),
        .number("activation.freeCodes.messagesPerDay", \.activation.freeCodes.messagesPerDay),
        .number("activation.freeCodes.otaPerMonth", \.activation.freeCodes.otaPerMonth),
        .number("activation.freeCodes.storageDays", \.activation.freeCodes.storageDays),
        .text("admin.address", \.admin.address),
        .number("admin.port", \.admin.port),
        .number("admin.requestSizeBytes", \.admin.requestSizeBytes),
        .number("admin.importSizeBytes", \.admin.importSizeBytes),
        .number("admin.requestsPerSecond", \.admin.requestsPerSecond),
        .number("admin.requestTimeoutSeconds", \.admin.requestTimeoutSeconds),
        .number("admin.bodiesInFlightBytes", \.admin.bodiesInFlightBytes),
        .number("admin.connections", \.admin.connections),
        .number("admin.connectionsPerAddress", \.admin.connectionsPerAddress),
        .number("admin.eventStreams", \.admin.eventStreams),
        .list("backup.directories", \.backup.directories),
        .choice("log.format", \.log.format),
        .choice("log.level", \.log.level),
    ]
}

extension Setting<GatewayConfiguration.Listener> {
    /// Every key of a listener.
    static let all: [Setting] = [
        .text("name", \.name),
        .text("address", \.address),
        .number("port", \.port),
        .flag("tls", \.tls),
        .choice("protocol", \.protocol),
        .text("path", \.path),
        .list("origins", \.origins),
        .choice("authentication", \.authentication),
        .number("keepAliveMaximumSeconds", \.keepAliveMaximumSeconds),
        .number("topicAliasMaximum", \.topicAliasMaximum),
        .number("receiveMaximum", \.receiveMaximum),
        .number("packetSizeBytes", \.packetSizeBytes),
        .list("allowedTopics", \.allowedTopics),
        .list("deniedTopics", \.deniedTopics),
        .flag("systemTopics", \.systemTopics),
        .flag("proxyProtocol", \.proxyProtocol),
        .list("trustedProxies", \.trustedProxies),
    ]
}
