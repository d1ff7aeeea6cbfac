public import Gateway
import Ledger
import Storage

/// A message to a device that is asked for by another way than HTTP, and answered in the same words (rule C10).
public struct DeviceMessageRequest: Sendable {
    private let product: String?
    private let device: String?
    private let topic: String?
    private let qos: String?
    private let payload: [UInt8]

    /// - Parameters:
    ///   - product, device, topic: with `%XX` for what could not be written there.
    ///   - qos: 0 or 1; 1 when it is missing.
    public init(
        product: String?, device: String?, topic: String?, qos: String?, payload: [UInt8]
    ) {
        self.product = product
        self.device = device
        self.topic = topic
        self.qos = qos
        self.payload = payload
    }

    /// Sends it. `{"outcome":"delivered"}`, or a problem document: a JSON object.
    public func answer(by controlPlane: any ControlPlane) async -> [UInt8] {
        do {
            let identity = try identity()
            try Self.require(identity, of: controlPlane)
            let outcome = await controlPlane.send(try downlink(), to: identity)
            if let reason = outcome.refusal { throw Problem(reason, "\(identity): \(reason.text)") }
            return Documents.delivery(outcome).bytes
        } catch let problem as Problem {
            return problem.document.bytes
        } catch let error as StoreError {
            return Problem(error).document.bytes
        } catch {
            return Problem(.internalError).document.bytes
        }
    }

    /// The answer to one more than can be under way.
    public static var tooMany: [UInt8] {
        Problem(.tooMuchAtOnce, "too many requests are under way").document.bytes
    }

    private func identity() throws(Problem) -> DeviceIdentity {
        guard let product = Self.decoded(product).flatMap({ ProductKey($0) }),
            let device = Self.decoded(device).flatMap({ DeviceKey($0) })
        else { throw .invalid("the subject is not tollgate.downlink.PK.DK") }
        return DeviceIdentity(product: product, device: device)
    }

    private func downlink() throws(Problem) -> Downlink {
        guard let topic = Self.decoded(topic).flatMap({ Downlink.Topic($0) }) else {
            throw .invalid("Tollgate-Topic: has to be what follows d/PK/DK/down/ in the topic")
        }
        guard let qos = UInt8(qos ?? "1"), qos <= 1 else {
            throw .invalid("Tollgate-QoS: has to be 0 or 1")
        }
        return Downlink(topic: topic, payload: payload, isAtLeastOnce: qos == 1)
    }

    /// Throws when the books don't know the device.
    private static func require(
        _ identity: DeviceIdentity, of controlPlane: any ControlPlane
    ) throws {
        let (product, device) = try controlPlane.ledger.read {
            books, transaction throws(StoreError) in
            (
                try books.product(identity.product, in: transaction),
                try books.device(identity, in: transaction)
            )
        }
        guard let product, !product.isDeleted else {
            throw Problem(.products(.unknown(identity.product)))
        }
        guard let device, device.isRegistered else { throw Problem(.devices(.unknown(identity))) }
    }

    /// `nil` when it is not well-formed.
    private static func decoded(_ text: String?) -> String? {
        guard let text else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(hex: rest.prefix(2)) else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension UInt8 {
    /// Of two digits.
    fileprivate init?(hex digits: some Collection<UInt8>) {
        guard digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        self.init(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
