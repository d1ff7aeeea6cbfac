/// What is wrong with a row of an import.
public enum ImportFault: UInt8, Hashable, Sendable {
    /// The product has a device of this DeviceKey.
    case exists = 1

    /// An earlier row has the same DeviceKey.
    case repeatedRow = 2

    /// The device's name is too long.
    case nameTooLong = 3

    /// Another import that is under way has the same DeviceKey.
    case arriving = 4
}
