/// One row of an import in chunks.
public struct ImportLine: Hashable, Sendable {
    /// Where it is in the file, for whoever has to correct it.
    public let line: UInt64
    public let device: DeviceImport

    public init(line: UInt64, device: DeviceImport) {
        self.line = line
        self.device = device
    }
}
