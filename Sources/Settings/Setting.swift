import Gateway

/// One key of the configuration: how its text becomes a value of `Root`.
struct Setting<Root>: Sendable {
    /// Below its root: `limits.packetSizeBytes`, `port`.
    let key: String

    /// Sets the value; answers what the text should have been when it is something else: `a whole number`.
    let set: @Sendable (inout Root, String) -> String?

    /// The value, as `set` takes it; `nil` when there is none.
    let text: @Sendable (Root) -> String?

    /// Sets a list to these elements, whatever is in them; `nil` when there can be only one value.
    let setElements: (@Sendable (inout Root, [String]) -> Void)?

    typealias Path<Value> = any WritableKeyPath<Root, Value> & Sendable

    private init<Value>(
        _ key: String,
        _ path: Path<Value>,
        expecting expectation: String = "",
        text: @escaping @Sendable (Value) -> String?,
        _ value: @escaping @Sendable (String) -> Value?
    ) {
        self.key = key
        self.text = { text($0[keyPath: path]) }
        setElements = nil
        set = { root, text in
            guard let value = value(text) else { return expectation }
            root[keyPath: path] = value
            return nil
        }
    }

    static func number(_ key: String, _ path: Path<Int>) -> Setting {
        Setting(key, path, expecting: "a whole number", text: { "\($0)" }) { Int($0) }
    }

    static func number(_ key: String, _ path: Path<Int?>) -> Setting {
        Setting(key, path, expecting: "a whole number", text: { $0.map { "\($0)" } }) {
            Int($0).map { $0 }
        }
    }

    static func flag(_ key: String, _ path: Path<Bool>) -> Setting {
        Setting(key, path, expecting: "true or false", text: { "\($0)" }) { Bool($0) }
    }

    static func text(_ key: String, _ path: Path<String>) -> Setting {
        Setting(key, path, text: { $0 }) { $0 }
    }

    static func text(_ key: String, _ path: Path<String?>) -> Setting {
        Setting(key, path, text: { $0 }) { $0 }
    }

    /// A list: a sequence in YAML, or one text with blanks between the elements.
    static func list(_ key: String, _ path: Path<[String]>) -> Setting { Setting(key, list: path) }

    private init(_ key: String, list path: Path<[String]>) {
        self.key = key
        text = { root in
            let elements = root[keyPath: path]
            return elements.isEmpty ? nil : elements.joined(separator: " ")
        }
        setElements = { root, elements in root[keyPath: path] = elements }
        set = { root, text in
            root[keyPath: path] = text.split(separator: " ").map(String.init)
            return nil
        }
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ key: String,
        _ path: Path<Choice>
    ) -> Setting {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return Setting(key, path, expecting: "one of \(names)", text: { $0.rawValue }) {
            Choice(rawValue: $0)
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
        .flag("tls.psk", \.tls.psk),
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
        .number("limits.wrongSecretsPerMinutePerAddress", \.limits.wrongSecretsPerMinutePerAddress),
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
        .text("admin.tls.certificate", \.admin.tls.certificate),
        .text("admin.tls.key", \.admin.tls.key),
        .number("admin.requestSizeBytes", \.admin.requestSizeBytes),
        .number("admin.importSizeBytes", \.admin.importSizeBytes),
        .number("admin.requestsPerSecond", \.admin.requestsPerSecond),
        .number("admin.requestTimeoutSeconds", \.admin.requestTimeoutSeconds),
        .number("admin.bodiesInFlightBytes", \.admin.bodiesInFlightBytes),
        .number("admin.connections", \.admin.connections),
        .number("admin.connectionsPerAddress", \.admin.connectionsPerAddress),
        .number("admin.eventStreams", \.admin.eventStreams),
        .flag("admin.accessLog", \.admin.accessLog),
        .flag("admin.console", \.admin.console),
        .text("monitoring.address", \.monitoring.address),
        .number("monitoring.port", \.monitoring.port),
        .list("backup.directories", \.backup.directories),
        .text("cluster.node", \.cluster.node),
        .list("cluster.servers", \.cluster.servers),
        .text("cluster.stream", \.cluster.stream),
        .number("cluster.replicas", \.cluster.replicas),
        .number("cluster.sessionReplicas", \.cluster.sessionReplicas),
        .text("cluster.user", \.cluster.user),
        .text("cluster.passwordFile", \.cluster.passwordFile),
        .text("cluster.tokenFile", \.cluster.tokenFile),
        .text("cluster.credentialsFile", \.cluster.credentialsFile),
        .text("cluster.tls.ca", \.cluster.tls.ca),
        .text("cluster.tls.certificate", \.cluster.tls.certificate),
        .text("cluster.tls.key", \.cluster.tls.key),
        .list("uplink.servers", \.uplink.servers),
        .number("uplink.replicas", \.uplink.replicas),
        .text("uplink.user", \.uplink.user),
        .text("uplink.passwordFile", \.uplink.passwordFile),
        .text("uplink.tokenFile", \.uplink.tokenFile),
        .text("uplink.credentialsFile", \.uplink.credentialsFile),
        .text("uplink.tls.ca", \.uplink.tls.ca),
        .text("uplink.tls.certificate", \.uplink.tls.certificate),
        .text("uplink.tls.key", \.uplink.tls.key),
        .text("messageLog.directory", \.messageLog.directory),
        .number("messageLog.maximumBytes", \.messageLog.maximumBytes),
        .number("messageLog.minimumFreeBytes", \.messageLog.minimumFreeBytes),
        .number("messageLog.flushIntervalSeconds", \.messageLog.flushIntervalSeconds),
        .text("firmware.url", \.firmware.url),
        .number("firmware.imageBytes", \.firmware.imageBytes),
        .number("firmware.imagesPerProduct", \.firmware.imagesPerProduct),
        .number("firmware.downloads", \.firmware.downloads),
        .number("firmware.bytesPerSecond", \.firmware.bytesPerSecond),
        .flag("webhooks.allowPrivateAddresses", \.webhooks.allowPrivateAddresses),
        .flag("webhooks.allowPlainHTTP", \.webhooks.allowPlainHTTP),
        .text("webhooks.trustedCertificates", \.webhooks.trustedCertificates),
        .text("smtp.host", \.smtp.host),
        .number("smtp.port", \.smtp.port),
        .choice("smtp.security", \.smtp.security),
        .text("smtp.user", \.smtp.user),
        .text("smtp.passwordFile", \.smtp.passwordFile),
        .text("smtp.from", \.smtp.from),
        .text("smtp.trustedCertificates", \.smtp.trustedCertificates),
        .number("smtp.timeoutSeconds", \.smtp.timeoutSeconds),
        .number("alerts.codesNumber", \.alerts.codesNumber),
        .number("alerts.codesPercent", \.alerts.codesPercent),
        .number("alerts.packsPercent", \.alerts.packsPercent),
        .text("alerts.operatorAddress", \.alerts.operatorAddress),
        .choice("alerts.operatorLanguage", \.alerts.operatorLanguage),
        .number("alerts.backupDays", \.alerts.backupDays),
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
        .flag("shareWithAPI", \.shareWithAPI),
        .flag("mqtt31", \.mqtt31),
    ]
}
