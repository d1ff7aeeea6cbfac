/// Units that one upgrade took from one OTA pack (rule D1).
public struct TopUpDraw: Hashable, Sendable {
    public let pack: TopUpPlace
    public let units: UInt64

    public init(pack: TopUpPlace, units: UInt64) {
        self.pack = pack
        self.units = units
    }
}
