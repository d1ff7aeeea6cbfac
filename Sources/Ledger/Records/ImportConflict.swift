/// The row of an import that can't be committed any more: its device came into the books meanwhile.
public struct ImportConflict: Hashable, Sendable {
    public let line: UInt64
    public let device: DeviceKey

    init(line: UInt64, device: DeviceKey) {
        self.line = line
        self.device = device
    }
}
