import Storage
import Time

/// Entitlements that ended without a successor (rule B5): the devices become inactive, so that the
/// figures of active devices are true.
extension Books {
    func endEntitlement(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let device = try device(identity, in: transaction) else {
            return .refused(.unknownDevice(identity))
        }
        guard device.isOpen, let entitlement = device.entitlement,
            !entitlement.runs(at: command.at)
        else { return .done(.unchanged) }
        return .done(try close(device, entitlement, of: identity, command, in: transaction))
    }

    func endExpired(
        _ limit: UInt32,
        graceMilliseconds: Int64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let latest = command.at.adding(milliseconds: -max(0, graceMilliseconds))
        var ended: [DeviceIdentity] = []
        try expiring.forEach(in: transaction, limit: Int(limit)) { key, record in
            guard key.first <= latest else { return .stop }
            ended.append(DeviceIdentity(product: key.second, device: record.device))
            return .proceed
        }
        for identity in ended {
            guard let device = try device(identity, in: transaction), device.isOpen,
                let entitlement = device.entitlement
            else { throw .malformed(what: "expiry index names \(identity), which is not open") }
            _ = try close(device, entitlement, of: identity, command, in: transaction)
        }
        let isFull = limit > 0 && ended.count == Int(limit)
        return .done(.ended(count: UInt32(ended.count), more: isFull))
    }

    private func close(
        _ device: DeviceRecord,
        _ entitlement: Entitlement,
        of identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var new = device
        new.isOpen = false
        try replace(device, with: new, of: identity, in: transaction)
        return try record(
            .entitlementEnded(identity, code: entitlement.code),
            command,
            in: transaction
        )
    }
}
