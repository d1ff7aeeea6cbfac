public import Ledger

extension GatewayConfiguration {
    /// The mail server that alerts are sent by (rule E1).
    public struct SMTP: Equatable, Sendable {
        public enum Security: String, CaseIterable, Equatable, Sendable {
            /// STARTTLS before anything else, or nothing is sent.
            case starttls

            /// From the first byte on.
            case tls

            /// Everything can be read on the way: for a server on this machine.
            case none
        }

        /// A name or an address; `nil`: no mail is sent. Default: none.
        public var host: String?

        /// TCP port. Range: 1 to 65,535. Default: 587.
        public var port = 587

        /// How the connection is encrypted. Default: `starttls`.
        public var security = Security.starttls

        /// Who the gateway is for the server, with `passwordFile`. Default: no credentials.
        public var user: String?

        /// Its first line is the password. Default: no credentials.
        public var passwordFile: String?

        /// The sender's address; needed with a host. Default: none.
        public var from: String?

        /// PEM file of authorities that may sign the server's certificate, besides those that the system trusts.
        /// Default: no others.
        public var trustedCertificates: String?

        /// Until the server has taken a message. Unit: seconds. Range: 1 to 300. Default: 20.
        public var timeoutSeconds = 20

        public init() {}

        func validate() throws(ConfigurationProblem) {
            try require(port, in: 1...65_535, "smtp.port")
            try require(timeoutSeconds, in: 1...300, "smtp.timeoutSeconds")
            for case (let key, let text?) in [
                ("host", host), ("user", user), ("passwordFile", passwordFile),
                ("trustedCertificates", trustedCertificates),
            ] {
                try requireText(text, "smtp.\(key)")
            }
            // It becomes a part of a URL.
            if let host,
                !host.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/@#?%[]".utf8.contains($0) }
                )
            {
                throw ConfigurationProblem(
                    path: "smtp.host", reason: "must be a name or an address, and is '\(host)'")
            }
            if let from, EmailAddress(from) == nil {
                throw ConfigurationProblem(
                    path: "smtp.from", reason: "must be an e-mail address, and is '\(from)'")
            }
            guard host == nil || from != nil else {
                throw ConfigurationProblem(
                    path: "smtp.from", reason: "is missing: mail has a sender")
            }
            guard (user == nil) == (passwordFile == nil) else {
                throw ConfigurationProblem(
                    path: "smtp.\(user == nil ? "user" : "passwordFile")",
                    reason: "is missing: a user and a password come together")
            }
        }
    }

    /// When alerts are fired for accounts that have set no rules of their own (rule E2).
    public struct Alerts: Equatable, Sendable {
        /// The fewest codes of a product that are enough. Unit: codes. Range: 0 to 1,000,000,000. Default: 3.
        public var codesNumber = 3

        /// The same as a share of all codes that the product ever got, if that is more. Unit: per cent. Range: 0 to 100.
        /// Default: 10.
        public var codesPercent = 10

        /// The fewest units of top-up packs that are enough, as a share of the packs that are not empty. Unit: per cent.
        /// Range: 0 to 100. Default: 10.
        public var packsPercent = 10

        public enum Language: String, CaseIterable, Equatable, Sendable {
            case en
            case zh
        }

        /// Who is told of this node's certificates and backups; `nil`: they are no alerts. Default: none.
        public var operatorAddress: String?

        /// The language that the operator is told in. Default: `en`.
        public var operatorLanguage = Language.en

        /// How old this node's last whole backup may be; `nil`: any age. Unit: days. Range: 1 to 3,650. Default: none.
        public var backupDays: Int?

        public init() {}

        func validate() throws(ConfigurationProblem) {
            try require(codesNumber, in: 0...Int(AlertRule.numberMaximum), "alerts.codesNumber")
            try require(codesPercent, in: 0...100, "alerts.codesPercent")
            try require(packsPercent, in: 0...100, "alerts.packsPercent")
            if let operatorAddress, EmailAddress(operatorAddress) == nil {
                throw ConfigurationProblem(
                    path: "alerts.operatorAddress",
                    reason: "must be an e-mail address, and is '\(operatorAddress)'")
            }
            if let backupDays {
                try require(backupDays, in: 1...3_650, "alerts.backupDays")
                guard operatorAddress != nil else {
                    throw ConfigurationProblem(
                        path: "alerts.operatorAddress",
                        reason: "is missing: somebody has to be told of old backups")
                }
            }
        }
    }

    /// What the books have to know of it. Of a valid configuration.
    public var alertSettings: AlertSettings {
        var settings = AlertSettings()
        settings.mails = smtp.host != nil
        settings.codesNumber = UInt64(alerts.codesNumber)
        settings.codesPercent = UInt32(alerts.codesPercent)
        settings.packsPercent = UInt32(alerts.packsPercent)
        settings.nearExpiryDays = UInt32(activation.nearExpiryDays)
        return settings
    }
}
