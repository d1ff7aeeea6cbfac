public import Storage
public import Time

/// What devices are to be, in a table of its own, so that what each connection reads stays small. What they say that they
/// are is not in the books: all of a fleet's reports would be commands.
extension Books {
    /// Of version 0 when nothing was said yet.
    public func desiredState(
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> DesiredState {
        try desiredStates.get(identity, in: transaction)?.state ?? .none
    }

    /// What a registered device is to be, and when it was registered; `nil` of any other.
    public func registeredState(
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (registeredAt: Timestamp, desired: DesiredState)? {
        guard let device = try device(identity, in: transaction), device.isRegistered else {
            return nil
        }
        return (device.registeredAt, try desiredState(of: identity, in: transaction))
    }

    func changeDesired(
        _ identity: DeviceIdentity,
        _ edit: DesiredEdit,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = try absence(of: .device(identity), in: transaction) {
            return .refused(refusal)
        }
        let old = try desiredState(of: identity, in: transaction)
        let new: DesiredState?
        do throws(DesiredObjection) {
            new = try old.carryingOut(edit, at: command.at)
        } catch {
            return .refused(.devices(DeviceRefusal(error, identity)))
        }
        guard let new else { return .done(.unchanged) }
        try desiredStates.put(identity, DesiredStateRecord(state: new), in: transaction)
        let change = Change.devices(.desiredChanged(identity, version: new.version))
        return .done(try record(change, command, in: transaction))
    }
}

extension DeviceRefusal {
    fileprivate init(_ objection: DesiredObjection, _ identity: DeviceIdentity) {
        self =
            switch objection {
            case .otherVersion(let version): .desiredVersion(version)
            case .tooLarge: .desiredTooLarge(maximumBytes: UInt32(StateDocument.byteMaximum))
            case .tooOften: .desiredTooOften(identity)
            }
    }
}
