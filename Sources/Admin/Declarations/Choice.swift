import Ledger

/// An enumeration whose cases have names in the API.
protocol Choice: CaseIterable, Sendable {
    var name: String { get }
}

extension Choice {
    init?(named name: String) {
        guard let value = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = value
    }
}

extension AccountKind: Choice {}
extension ActivationCause: Choice {}
extension CodeSource: Choice {}
extension DeviceState: Choice {}
extension ImportState: Choice {}
extension KeyRole: Choice {}
extension RegistrationPolicy: Choice {}
