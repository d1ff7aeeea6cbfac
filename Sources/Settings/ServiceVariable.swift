/// The variables that Kubernetes and Docker set in a container for each Service beside it:
/// for one that is named `tollgate`, or `tollgate-admin`, they begin as ours do.
enum ServiceVariable {
    /// Whether a variable is one of these, by its name behind `TOLLGATE_` and by its value.
    ///
    /// `SERVICE_HOST=10.0.0.9`, `SERVICE_PORT=1883`, `SERVICE_PORT_MQTT=1883`, `PORT=tcp://10.0.0.9:1883`,
    /// `PORT_1883_TCP=tcp://10.0.0.9:1883`, and of the latter `_PROTO`, `_PORT` and `_ADDR`. Of Docker's links
    /// also `NAME=/web/tollgate-admin`, and the variables of the other container: `ADMIN_ENV_PATH=...`.
    static func matches(_ name: String, _ value: String) -> Bool {
        let words = name.split(separator: "_", omittingEmptySubsequences: false)
        if words.suffix(2).elementsEqual(["SERVICE", "HOST"]) { return isHost(value) }
        if words.last == "NAME", isLink(value) { return true }
        if words.dropFirst().dropLast().contains("ENV") { return true }
        if isServicePort(words) { return UInt16(value) != nil }
        if isAddress(value) { return words.last == "PORT" || isPort(words[...]) }
        guard let part = words.last, isPort(words.dropLast()) else { return false }
        return part == "PROTO" && protocols.contains(value)
            || part == "PORT" && UInt16(value) != nil || part == "ADDR" && isHost(value)
    }

    private static let protocols = ["tcp", "udp", "sctp"]

    /// `/web/tollgate-admin`: a container, and what it calls the other.
    private static func isLink(_ value: String) -> Bool {
        value.hasPrefix("/") && value.split(separator: "/").count == 2
    }

    /// `...SERVICE_PORT`, or with the name of a port behind it.
    private static func isServicePort(_ words: [Substring]) -> Bool {
        words.indices.dropLast().contains { words[$0...].starts(with: ["SERVICE", "PORT"]) }
    }

    /// `...PORT_1883_TCP`.
    private static func isPort(_ words: ArraySlice<Substring>) -> Bool {
        let end = Array(words.suffix(3))
        return end.count == 3 && end[0] == "PORT" && UInt16(end[1]) != nil
            && protocols.contains(end[2].lowercased())
    }

    /// `tcp://10.0.0.9:1883`, `tcp://[fd00::9]:1883`.
    static func isAddress(_ value: String) -> Bool {
        guard let separator = value.firstRange(of: "://"),
            protocols.contains(String(value[..<separator.lowerBound])),
            let colon = value.lastIndex(of: ":"), colon >= separator.upperBound
        else { return false }
        var host = value[separator.upperBound..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return isHost(host) && UInt16(value[value.index(after: colon)...]) != nil
    }

    /// The digits and the punctuation of an IPv4 or IPv6 address.
    private static func isHost(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isHexDigit || $0 == "." || $0 == ":" }
    }
}
