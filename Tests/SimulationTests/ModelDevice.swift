import Ledger
import Support
import Time

/// What a plain model knows of one device.
struct ModelDevice {
    let device: TestDevice

    /// The books have a record; a device that is deleted before its first code leaves none.
    var isKnown = true
    var isRegistered = true
    var isDisabled = false
    var isExcepted = false
    var codes: UInt32 = 0
    var expiresAt = Timestamp(milliseconds: 0)
    var used: [Day: Int] = [:]
    var toppedUp: [Day: Int] = [:]
    var client: TestClient?

    init(_ device: TestDevice) { self.device = device }

    func isEntitled(at time: Timestamp) -> Bool { codes > 0 && time < expiresAt }

    /// Whether the next code is consumed without an operator.
    func renews(_ isProductOn: Bool) -> Bool { isProductOn && !isExcepted }

    mutating func consume(from start: Timestamp, validityDays: Int64) {
        codes += 1
        expiresAt = start.adding(days: validityDays)
    }
}
