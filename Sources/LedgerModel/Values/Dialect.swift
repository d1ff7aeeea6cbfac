package import Bytes
package import Encoding

/// How devices of a product connect that were made for another platform: their topics, and what proves who they are.
public struct Dialect: Hashable, Sendable {
    /// `nil`: Tollgate's own.
    public let topics: DeviceTopics?

    /// What is accepted; never empty.
    public let proofs: ProofKinds

    /// `nil` without any proof.
    public init?(topics: DeviceTopics?, proofs: ProofKinds) {
        guard !proofs.isEmpty else { return nil }
        self.topics = topics
        self.proofs = proofs
    }
}

/// Which topics of their own a product's devices use, up (published, counted) and down (subscribed to).
public enum DeviceTopics: Hashable, Sendable {
    case preset(TopicPreset)

    /// 1 to `patternsMaximum` together.
    case patterns(up: [TopicPattern], down: [TopicPattern])

    /// The most patterns of a product.
    public static let patternsMaximum = 32

    /// Whether there are as many as there may be.
    package var isInRange: Bool {
        switch self {
        case .preset: true
        case .patterns(let up, let down):
            (1...Self.patternsMaximum).contains(up.count + down.count)
        }
    }

    public var up: [TopicPattern] {
        switch self {
        case .preset(let preset): preset.up
        case .patterns(let up, _): up
        }
    }

    public var down: [TopicPattern] {
        switch self {
        case .preset(let preset): preset.down
        case .patterns(_, let down): down
        }
    }
}

/// The topics of a platform that makers come from.
public enum TopicPreset: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    case alibaba = 1
    case aws = 2
    case azure = 3
    case quecthing = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .alibaba: "alibaba"
        case .aws: "aws"
        case .azure: "azure"
        case .quecthing: "quecthing"
        }
    }

    public var up: [TopicPattern] {
        switch self {
        case .alibaba: Self.ofAlibaba
        case .aws: Self.patterns("#")
        case .azure: Self.patterns("devices/${dk}/messages/events/#")
        case .quecthing: Self.patterns("q/2/d/qd${pk}${dk}/+")
        }
    }

    public var down: [TopicPattern] {
        switch self {
        case .alibaba: Self.ofAlibaba
        case .aws: Self.patterns("#")
        case .azure: Self.patterns("devices/${dk}/messages/devicebound/#")
        case .quecthing: Self.patterns("q/1/d/qd${pk}${dk}/+")
        }
    }

    private static let ofAlibaba = patterns(
        "/${pk}/${dk}/#", "/sys/${pk}/${dk}/#", "/ext/+/${pk}/${dk}/#",
        "/ota/device/+/${pk}/${dk}", "/shadow/+/${pk}/${dk}")

    private static func patterns(_ texts: String...) -> [TopicPattern] {
        texts.map { text in
            guard let pattern = try? TopicPattern(text) else {
                preconditionFailure("'\(text)' is a pattern")
            }
            return pattern
        }
    }
}

/// A way for a device to prove who it is.
public enum ProofKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Tollgate's own: signatures, secrets and registrations as Wire.md has them.
    case tollgate = 0

    /// Alibaba Cloud's signatures and registrations, with any client id before the bar.
    case alibabaSHA256 = 1

    /// The same with a weak hash.
    case alibabaSHA1 = 2
    case alibabaMD5 = 3

    /// Azure IoT Hub's SAS tokens.
    case azureSAS = 4

    /// User name `{PK}.{DK}` or `{PK}/{DK}`, and the DeviceSecret as the password.
    case plain = 5

    /// A JSON Web Token (RFC 7519) as the password, with the user name of `plain`, checked by a key of the product's.
    case jwt = 6

    /// A TLS handshake with the device's secret as the key (TLS-PSK), where the gateway has `tls.psk`.
    case psk = 7

    /// Whether it is for devices that can do nothing else: with a hash that is not to be chosen any more, or the secret
    /// itself, which every place that reads the CONNECT learns.
    public var isWeak: Bool {
        switch self {
        case .alibabaSHA1, .alibabaMD5, .plain: true
        case .tollgate, .alibabaSHA256, .azureSAS, .jwt, .psk: false
        }
    }

    /// Its name in the API.
    public var name: String {
        switch self {
        case .tollgate: "tollgate"
        case .alibabaSHA256: "alibaba-hmacsha256"
        case .alibabaSHA1: "alibaba-hmacsha1"
        case .alibabaMD5: "alibaba-hmacmd5"
        case .azureSAS: "azure-sas"
        case .plain: "plain"
        case .jwt: "jwt"
        case .psk: "psk"
        }
    }
}

/// Kinds of proofs: bit n is the kind of raw value n.
public struct ProofKinds: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public init(_ kinds: some Sequence<ProofKind>) {
        self.init(rawValue: kinds.reduce(0) { $0 | 1 << $1.rawValue })
    }

    /// What a product accepts that has no dialect.
    public static var standard: ProofKinds { ProofKinds([ProofKind.tollgate]) }

    public func contains(_ kind: ProofKind) -> Bool { rawValue & 1 << kind.rawValue != 0 }

    public var kinds: [ProofKind] { ProofKind.allCases.filter(contains) }
}

extension Dialect: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: topics, proofs.rawValue)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let topics = try reader.take(DeviceTopics?.self)
        let proofs = ProofKinds(rawValue: try reader.take())
        guard ProofKinds(ProofKind.allCases).isSuperset(of: proofs),
            let dialect = Dialect(topics: topics, proofs: proofs)
        else { throw .malformed(what: "dialect") }
        self = dialect
    }
}

/// 0 before patterns, else the preset.
extension DeviceTopics: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .preset(let preset): preset.encode(into: &buffer)
        case .patterns(let up, let down): buffer.append(fields: UInt8(0), up, down)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let kind = try reader.take(UInt8.self)
        if kind == 0 {
            self = try reader.make { .patterns(up: $0, down: $1) }
        } else if let preset = TopicPreset(rawValue: kind) {
            self = .preset(preset)
        } else {
            throw .malformed(what: "topics of devices")
        }
    }
}

extension TopicPattern: RecordField {
    package func encode(into buffer: inout ByteBuffer) { text.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let text = try reader.take(String.self)
        guard let pattern = try? TopicPattern(text) else {
            throw .malformed(what: "pattern of topics")
        }
        self = pattern
    }
}
