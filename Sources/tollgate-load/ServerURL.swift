import Glibc
import Linux

/// A server as it is named on the command line: `mqtts://HOST[:PORT]`, `mqtt://`, `wss://HOST[:PORT][/PATH]`, `ws://`.
struct ServerURL {
    let host: String
    let port: UInt16
    let isEncrypted: Bool

    /// `nil`: MQTT without a WebSocket.
    let path: String?

    /// - Throws: `Failure` that says what a URL must be like.
    init(_ text: String) throws(Failure) {
        let schemes: [(name: String, port: UInt16, isEncrypted: Bool, isWebSocket: Bool)] = [
            ("mqtt", 1_883, false, false), ("mqtts", 8_883, true, false), ("ws", 80, false, true),
            ("wss", 443, true, true),
        ]
        guard let mark = text.firstRange(of: "://"),
            let scheme = schemes.first(where: { $0.name == text[..<mark.lowerBound] })
        else { throw Self.wrong(text) }
        let rest = text[mark.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let pathText = String(rest[slash...])
        guard scheme.isWebSocket || pathText.isEmpty || pathText == "/" else {
            throw Self.wrong(text)
        }
        guard let place = Self.place(rest[..<slash], usual: scheme.port) else {
            throw Self.wrong(text)
        }
        (host, port) = place
        isEncrypted = scheme.isEncrypted
        path = scheme.isWebSocket ? (pathText.isEmpty ? "/mqtt" : pathText) : nil
    }

    /// An API: `http://HOST:PORT`, `https://HOST:PORT`.
    init(api text: String) throws(Failure) {
        isEncrypted = text.hasPrefix("https://")
        guard isEncrypted || text.hasPrefix("http://"),
            let place = Self.place(
                text.dropFirst(isEncrypted ? 8 : 7).prefix { $0 != "/" },
                usual: isEncrypted ? 443 : 80)
        else {
            throw Failure(
                text: "--api must be http://HOST:PORT or https://HOST:PORT, not '\(text)'", code: 2)
        }
        (host, port) = place
        path = nil
    }

    private static func wrong(_ text: String) -> Failure {
        Failure(
            text:
                "--url must be mqtt://HOST[:PORT], mqtts://, ws://HOST[:PORT][/PATH] or wss://, not '\(text)'",
            code: 2)
    }

    private static func place(_ text: Substring, usual: UInt16) -> (String, UInt16)? {
        var host = text
        var port = usual
        let afterBracket = text.lastIndex(of: "]") ?? text.startIndex
        if let colon = text[afterBracket...].lastIndex(of: ":") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                return nil
            }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }

    /// Asks the system for the host's address (`getaddrinfo(3)`), and takes the first.
    func resolve() throws(Failure) -> SocketAddress {
        if let address = IPAddress(host) { return SocketAddress(address, port: port) }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // Safe: the texts and the hints live through the call, which fills the list.
        guard unsafe getaddrinfo(host, nil, &hints, &list) == 0, let first = unsafe list else {
            throw Failure(text: "there is no host called \(host): is the name right?", code: 2)
        }
        defer { unsafe freeaddrinfo(first) }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        // Safe: the address belongs to the list, and the text has the room that is named.
        let code = unsafe getnameinfo(
            first.pointee.ai_addr, first.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
            NI_NUMERICHOST)
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard code == 0, let address = IPAddress(String(decoding: bytes, as: UTF8.self)) else {
            throw Failure(text: "\(host) has no address that can be used", code: 2)
        }
        return SocketAddress(address, port: port)
    }
}
