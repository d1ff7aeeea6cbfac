import Ledger
import Linux
import MQTT

extension GatewayConfiguration {
    /// Checks every range, and what has to fit together; throws the first setting that does not.
    ///
    /// Files are not opened here: a certificate that can't be read is found when it is loaded.
    public func validate() throws(ConfigurationProblem) {
        try require(shards, in: 0...64, "shards")
        try requireText(data, "data")
        if let secrets { try requireText(secrets, "secrets") }
        try requireName(dataCentre, DataCentreID.self, "dataCentre")
        let mapBytes = 1_048_576...17_592_186_044_416
        try require(storage.ledgerMapBytes, in: mapBytes, "storage.ledgerMapBytes")
        try require(storage.usageMapBytes, in: mapBytes, "storage.usageMapBytes")
        try requireGrowth(
            to: storage.ledgerMapMaximumBytes, from: storage.ledgerMapBytes,
            "storage.ledgerMapMaximumBytes")
        try requireGrowth(
            to: storage.usageMapMaximumBytes, from: storage.usageMapBytes,
            "storage.usageMapMaximumBytes")
        try validateTLS()
        try validateListeners()
        try limits.validate()
        try require(metering.unitBytes, in: 1...1_048_576, "metering.unitBytes")
        try require(metering.flushIntervalSeconds, in: 1...3_600, "metering.flushIntervalSeconds")
        try require(metering.dayOffsetMinutes, in: -1_080...1_080, "metering.dayOffsetMinutes")
        try require(metering.upgradeReportDays, in: 0...3_650, "metering.upgradeReportDays")
        try require(activation.nearExpiryDays, in: 1...3_650, "activation.nearExpiryDays")
        try require(
            activation.timestampWindowSeconds,
            in: 0...86_400,
            "activation.timestampWindowSeconds"
        )
        try require(
            activation.secretLengthMinimum, in: 1...32, "activation.secretLengthMinimum")
        try require(activation.clockAheadHours, in: 0...8_760, "activation.clockAheadHours")
        try activation.freeCodes.validate()
        try validateAdmin()
        try cluster.validate()
        try uplink.validate()
        try messageLog.validate()
        try validateCluster()
        if let file = webhooks.trustedCertificates {
            try requireText(file, "webhooks.trustedCertificates")
        }
        try firmware.validate()
        try smtp.validate()
        try alerts.validate()
        for (index, directory) in backup.directories.enumerated() {
            try requireText(directory, "backup.directories[\(index)]")
        }
    }

    /// 0 means that a map does not grow.
    private func requireGrowth(
        to maximum: Int, from bytes: Int, _ path: String
    ) throws(ConfigurationProblem) {
        guard maximum != 0 else { return }
        try require(maximum, in: bytes...17_592_186_044_416, path)
    }

    /// What of a node's limits the links between nodes set.
    private func validateCluster() throws(ConfigurationProblem) {
        guard cluster.node != nil else { return }
        let most = 4_194_304
        guard limits.packetSizeBytes <= most else {
            throw ConfigurationProblem(
                path: "limits.packetSizeBytes",
                reason: "must be at most \(most) in a cluster, and is \(limits.packetSizeBytes)")
        }
    }

    private func validateAdmin() throws(ConfigurationProblem) {
        try requireAddress(admin.address, "admin.address")
        try require(admin.port, in: 0...65_535, "admin.port")
        guard (admin.tls.certificate == nil) == (admin.tls.key == nil) else {
            throw ConfigurationProblem(
                path: admin.tls.key == nil ? "admin.tls.key" : "admin.tls.certificate",
                reason: "is missing: certificate and key come together")
        }
        try require(admin.requestSizeBytes, in: 1_024...1_073_741_824, "admin.requestSizeBytes")
        try require(admin.importSizeBytes, in: 1_024...17_179_869_184, "admin.importSizeBytes")
        try require(admin.requestsPerSecond, in: 1...1_000_000, "admin.requestsPerSecond")
        try require(admin.requestTimeoutSeconds, in: 1...3_600, "admin.requestTimeoutSeconds")
        try require(
            admin.bodiesInFlightBytes, in: 1_024...68_719_476_736,
            "admin.bodiesInFlightBytes")
        try require(admin.connections, in: 1...100_000, "admin.connections")
        try require(
            admin.connectionsPerAddress, in: 1...100_000, "admin.connectionsPerAddress")
        try require(admin.eventStreams, in: 1...1_000, "admin.eventStreams")
        try require(monitoring.port, in: 0...65_535, "monitoring.port")
        guard let address = monitoring.address else { return }
        try requireAddress(address, "monitoring.address")
        guard monitoring.port == admin.port, admin.port != 0, let one = IPAddress(address),
            let other = IPAddress(admin.address), one.overlaps(other)
        else { return }
        throw ConfigurationProblem(
            path: "monitoring.port", reason: "admin is on \(admin.address):\(admin.port) already")
    }

    private func validateTLS() throws(ConfigurationProblem) {
        try requireText(tls.certificate, "tls.certificate")
        try requireText(tls.key, "tls.key")
        if let clientCA = tls.clientCA { try requireText(clientCA, "tls.clientCA") }
        try require(tls.ticketRotationHours, in: 1...168, "tls.ticketRotationHours")
        try require(tls.expiryWarningDays, in: 0...3_650, "tls.expiryWarningDays")
        guard tls.minimumVersion.rawValue <= tls.maximumVersion.rawValue else {
            throw ConfigurationProblem(
                path: "tls.maximumVersion", reason: "must not be older than tls.minimumVersion")
        }
        if let certificate = tls.alternativeCertificate {
            try requireText(certificate, "tls.alternativeCertificate")
        }
        if let key = tls.alternativeKey { try requireText(key, "tls.alternativeKey") }
        for (names, path) in [
            (tls.cipherSuites, "tls.cipherSuites"), (tls.ciphers, "tls.ciphers"),
            (tls.groups, "tls.groups"),
        ] {
            for (index, name) in names.enumerated() { try requireText(name, "\(path)[\(index)]") }
        }
        guard (tls.alternativeCertificate == nil) == (tls.alternativeKey == nil) else {
            throw ConfigurationProblem(
                path: tls.alternativeKey == nil
                    ? "tls.alternativeKey" : "tls.alternativeCertificate",
                reason: "is missing: certificate and key come together")
        }
        guard !tls.psk || tls.preset == .legacy else {
            throw ConfigurationProblem(path: "tls.psk", reason: "is for tls.preset legacy only")
        }
    }

    private func validateListeners() throws(ConfigurationProblem) {
        guard !listeners.isEmpty else {
            throw ConfigurationProblem(path: "listeners", reason: "needs at least one listener")
        }
        for (index, listener) in listeners.enumerated() {
            let path = "listeners[\(index)]"
            try listener.validate(path, limits)
            for (other, earlier) in listeners[..<index].enumerated() {
                if earlier.name == listener.name {
                    throw ConfigurationProblem(
                        path: "\(path).name",
                        reason: "'\(listener.name)' is the name of listeners[\(other)] already"
                    )
                }
                if listener.port == earlier.port, overlap(listener.address, earlier) {
                    throw taken("\(path).port", by: earlier, other)
                }
            }
            if admin.port == listener.port, overlap(admin.address, listener) {
                throw taken("admin.port", by: listener, index)
            }
            if let address = monitoring.address, monitoring.port == listener.port,
                overlap(address, listener)
            {
                throw taken("monitoring.port", by: listener, index)
            }
        }
    }

    private func overlap(
        _ address: String,
        _ listener: GatewayConfiguration.Listener
    ) -> Bool {
        guard listener.port != 0, let one = IPAddress(address),
            let other = IPAddress(listener.address)
        else { return false }
        return one.overlaps(other)
    }

    private func taken(
        _ path: String,
        by listener: GatewayConfiguration.Listener,
        _ index: Int
    ) -> ConfigurationProblem {
        let place = listener.address.contains(":") ? "[\(listener.address)]" : listener.address
        return ConfigurationProblem(
            path: path, reason: "listeners[\(index)] is on \(place):\(listener.port) already")
    }
}

extension GatewayConfiguration.Listener {
    fileprivate func validate(
        _ path: String,
        _ limits: GatewayConfiguration.Limits
    ) throws(ConfigurationProblem) {
        let isName = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-")
        }
        guard isName, (1...32).contains(name.utf8.count) else {
            throw ConfigurationProblem(
                path: "\(path).name",
                reason: "must be 1 to 32 of a-z, 0-9 and '-', and is '\(name)'"
            )
        }
        try requireAddress(address, "\(path).address")
        try require(port, in: 0...65_535, "\(path).port")
        try validateLimits(path, limits)
        try validateUse(path)
        try validateTopics(allowedTopics, "\(path).allowedTopics")
        try validateTopics(deniedTopics, "\(path).deniedTopics")
        try validateWebSocket(path)
        try requireNetworks(trustedProxies, "\(path).trustedProxies")
        guard !proxyProtocol || !trustedProxies.isEmpty else {
            throw ConfigurationProblem(
                path: "\(path).trustedProxies", reason: "needs the networks of the proxies")
        }
    }
}

extension GatewayConfiguration.Listener {
    private func validateLimits(
        _ path: String,
        _ limits: GatewayConfiguration.Limits
    ) throws(ConfigurationProblem) {
        if let keepAliveMaximumSeconds {
            try require(
                keepAliveMaximumSeconds,
                in: max(1, limits.keepAliveMinimumSeconds)...65_535,
                "\(path).keepAliveMaximumSeconds"
            )
        }
        if let topicAliasMaximum {
            try require(topicAliasMaximum, in: 0...65_535, "\(path).topicAliasMaximum")
        }
        if let receiveMaximum {
            try require(receiveMaximum, in: 1...65_535, "\(path).receiveMaximum")
        }
        if let packetSizeBytes {
            try require(
                packetSizeBytes, in: 128...limits.packetSizeBytes, "\(path).packetSizeBytes")
        }
    }

    /// What has been set and has no effect is a mistake.
    private func validateUse(_ path: String) throws(ConfigurationProblem) {
        let unset = Self(name: name, port: port)
        let isWebSocket = `protocol` == .websocket
        let isAnonymous = authentication == .none
        let uses: [(key: String, isSet: Bool, isUsed: Bool, with: String)] = [
            ("path", self.path != unset.path, isWebSocket, "protocol websocket"),
            ("origins", origins != unset.origins, isWebSocket, "protocol websocket"),
            (
                "allowedTopics", allowedTopics != unset.allowedTopics, isAnonymous,
                "authentication none"
            ),
            (
                "deniedTopics", deniedTopics != unset.deniedTopics, isAnonymous,
                "authentication none"
            ),
            ("systemTopics", systemTopics, isAnonymous, "authentication none"),
            ("shareWithAPI", shareWithAPI, tls && !isWebSocket, "tls true and protocol mqtt"),
            (
                "trustedProxies", trustedProxies != unset.trustedProxies, proxyProtocol,
                "proxyProtocol true"
            ),
        ]
        for use in uses where use.isSet && !use.isUsed {
            throw ConfigurationProblem(
                path: "\(path).\(use.key)", reason: "is for \(use.with) only")
        }
    }

    private func validateTopics(_ patterns: [String], _ path: String) throws(ConfigurationProblem) {
        for (index, pattern) in patterns.enumerated() {
            try requirePrintable(pattern, "\(path)[\(index)]")
            do throws(DecodingError) {
                _ = try TopicFilter(pattern.utf8Span.span)
            } catch {
                throw ConfigurationProblem(
                    path: "\(path)[\(index)]", reason: "'\(pattern)' is not a topic filter")
            }
        }
    }

    private func validateWebSocket(_ place: String) throws(ConfigurationProblem) {
        let isPath = path.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#")
        }
        guard isPath, path.hasPrefix("/"), path.utf8.count <= 1_024 else {
            throw ConfigurationProblem(
                path: "\(place).path",
                reason: "must begin with '/', without blanks, '?' and '#', and is '\(path)'"
            )
        }
        for origin in origins where !Self.isOrigin(origin) {
            throw ConfigurationProblem(
                path: "\(place).origins",
                reason:
                    "must be like https://app.example or http://localhost:3000, without a path, "
                    + "or '*' or 'null', and one is '\(origin)'"
            )
        }
    }

    /// `scheme://host` or `scheme://host:port`, as browsers serialise an origin (RFC 6454, 6.2).
    private static func isOrigin(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        guard let separator = text.firstRange(of: "://") else { return false }
        let scheme = text[..<separator.lowerBound]
        let authority = text[separator.upperBound...]
        return !scheme.isEmpty && !authority.isEmpty
            && authority.utf8.allSatisfy { byte in
                (0x21...0x7E).contains(byte) && !"/?#@\\*,".utf8.contains(byte)
            }
    }
}

extension GatewayConfiguration.FreeCodes {
    fileprivate func validate() throws(ConfigurationProblem) {
        try requireName(package, PackageID.self, "activation.freeCodes.package")
        try require(validityDays, in: 1...36_500, "activation.freeCodes.validityDays")
        try require(messagesPerDay, in: 0...4_294_967_295, "activation.freeCodes.messagesPerDay")
        try require(otaPerMonth, in: 0...1_000_000, "activation.freeCodes.otaPerMonth")
        try require(storageDays, in: 0...36_500, "activation.freeCodes.storageDays")
    }
}

extension GatewayConfiguration.Limits {
    fileprivate func validate() throws(ConfigurationProblem) {
        try require(connections, in: 1...10_000_000, "limits.connections")
        try require(handshakesInFlight, in: 1...1_000_000, "limits.handshakesInFlight")
        if let unadmittedPerAddress {
            try require(
                unadmittedPerAddress, in: 1...handshakesInFlight, "limits.unadmittedPerAddress")
        }
        try require(
            connectsPerSecondPerAddress, in: 1...1_000_000, "limits.connectsPerSecondPerAddress")
        try requireNetworks(exemptNetworks, "limits.exemptNetworks")
        try require(handshakeTimeoutSeconds, in: 1...300, "limits.handshakeTimeoutSeconds")
        try require(connectTimeoutSeconds, in: 1...300, "limits.connectTimeoutSeconds")
        try require(packetSizeBytes, in: 128...268_435_460, "limits.packetSizeBytes")
        try require(
            connectPacketSizeBytes,
            in: 128...packetSizeBytes,
            "limits.connectPacketSizeBytes"
        )
        try require(inflightMessages, in: 1...65_535, "limits.inflightMessages")
        try require(queueBytes, in: packetSizeBytes...1_073_741_824, "limits.queueBytes")
        try require(queueMessages, in: 1...1_000_000, "limits.queueMessages")
        try require(topicAliasMaximum, in: 0...65_535, "limits.topicAliasMaximum")
        try require(keepAliveMaximumSeconds, in: 1...65_535, "limits.keepAliveMaximumSeconds")
        try require(
            keepAliveMinimumSeconds,
            in: 0...keepAliveMaximumSeconds,
            "limits.keepAliveMinimumSeconds"
        )
        try require(
            sessionExpiryMaximumSeconds, in: 0...4_294_967_295, "limits.sessionExpiryMaximumSeconds"
        )
        try require(retainedMessages, in: 0...100_000_000, "limits.retainedMessages")
        try require(retainedBytes, in: 0...1_099_511_627_776, "limits.retainedBytes")
        try require(topicLevels, in: 4...128, "limits.topicLevels")
        try require(subscriptions, in: 1...10_000, "limits.subscriptions")
        try require(duplicatesPerMinute, in: 1...1_000, "limits.duplicatesPerMinute")
        try require(duplicatePenaltySeconds, in: 1...3_600, "limits.duplicatePenaltySeconds")
        let failures = 1...1_000_000
        try require(wrongSecretsPerMinute, in: failures, "limits.wrongSecretsPerMinute")
        try require(
            wrongSecretsPerMinutePerAddress, in: failures, "limits.wrongSecretsPerMinutePerAddress")
        try require(wrongSecretPenaltySeconds, in: 1...3_600, "limits.wrongSecretPenaltySeconds")
        try require(productsOfIndividual, in: 0...1_000_000, "limits.productsOfIndividual")
        try require(productsOfEnterprise, in: 0...1_000_000, "limits.productsOfEnterprise")
        let devices = 0...1_000_000_000
        try require(devicesOfProduct, in: devices, "limits.devicesOfProduct")
        try require(devicesOfAccount, in: devices, "limits.devicesOfAccount")
        try require(registrationsPerDay, in: devices, "limits.registrationsPerDay")
    }
}

func require(
    _ value: Int,
    in range: ClosedRange<Int>,
    _ path: String
) throws(ConfigurationProblem) {
    guard !range.contains(value) else { return }
    throw ConfigurationProblem(
        path: path,
        reason: "must be from \(range.lowerBound) to \(range.upperBound), and is \(value)"
    )
}

func requireName<Name: Identifier>(
    _ value: String,
    _ type: Name.Type,
    _ path: String
) throws(ConfigurationProblem) {
    guard Name(value) == nil else { return }
    throw ConfigurationProblem(
        path: path,
        reason: "must be 1 to \(Name.maximumLength) of A-Z a-z 0-9 _ . -, and is '\(value)'"
    )
}

func requireText(_ value: String, _ path: String) throws(ConfigurationProblem) {
    guard !value.isEmpty else {
        throw ConfigurationProblem(path: path, reason: "must not be empty")
    }
    try requirePrintable(value, path)
}

private func requirePrintable(_ value: String, _ path: String) throws(ConfigurationProblem) {
    guard !value.unicodeScalars.allSatisfy(DisplayName.allows) else { return }
    throw ConfigurationProblem(path: path, reason: "must not have control characters")
}

private func requireAddress(_ value: String, _ path: String) throws(ConfigurationProblem) {
    guard IPAddress(value) == nil else { return }
    throw ConfigurationProblem(
        path: path,
        reason: "must be an IPv4 or IPv6 address, and is '\(value)'"
    )
}

private func requireNetworks(_ values: [String], _ path: String) throws(ConfigurationProblem) {
    for value in values where IPNetwork(value) == nil {
        throw ConfigurationProblem(
            path: path,
            reason: "must be networks like 10.0.0.0/8 or 2001:db8::/32, and one is '\(value)'"
        )
    }
}

/// Why a configuration can't be used: one setting, and what is wrong with it.
public struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where the setting is: `limits.packetSizeBytes`, `listeners[1].port`.
    public let path: String

    /// What is wrong with it, as the rest of a sentence: `must be from 1 to 64, and is 99`.
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "\(path): \(reason)" }
}
