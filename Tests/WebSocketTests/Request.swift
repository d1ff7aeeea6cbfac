/// An opening handshake, with the key of RFC 6455, 1.3; every line can be changed.
struct Request {
    var line = "GET /mqtt HTTP/1.1"
    var fields: [(name: String, value: String)] = [
        ("Host", "gateway.example"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "mqtt"),
    ]

    init(line: String = "GET /mqtt HTTP/1.1") { self.line = line }

    /// With the field's value in place of the one it has, or without it.
    func with(_ name: String, _ value: String?) -> Request {
        var copy = self
        copy.fields.removeAll { $0.name == name }
        if let value { copy.fields.append((name, value)) }
        return copy
    }

    /// With one more line of that field.
    func adding(_ name: String, _ value: String) -> Request {
        var copy = self
        copy.fields.append((name, value))
        return copy
    }

    var text: String {
        line + "\r\n" + fields.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    }

    var bytes: [UInt8] { Array(text.utf8) }
}
