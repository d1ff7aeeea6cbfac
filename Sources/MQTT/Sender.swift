/// Who sent the packet that is decoded; a few rules hold for one direction only.
public enum Sender: UInt8, Sendable, CaseIterable {
    case client
    case server
}
