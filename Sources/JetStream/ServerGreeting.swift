internal import Glibc
internal import Linux

/// What a NATS server says to who connects, before TLS and before it lets anyone in: a line `INFO {...}`. libnats reads
/// it, and keeps the version to itself.
enum ServerGreeting {
    /// Of the line, in bytes; servers send some hundred, and the addresses of their cluster.
    private static let maximumBytes = 64 << 10

    /// The version in the greeting of the server at that URL, as it says it; `nil` when it can't be reached in time, or
    /// says nothing first, as with TLS from the first byte.
    static func version(at url: String, milliseconds: Int64) -> String? {
        guard let place = Place(url) else { return nil }
        let deadline = MonotonicInstant.now().adding(milliseconds: milliseconds)
        for address in place.addresses() {
            if let line = line(from: address, until: deadline) {
                return JSON(Array(line.dropFirst("INFO ".utf8.count)))?["version"]?.text
            }
        }
        return nil
    }

    /// Without the line's end.
    private static func line(
        from address: SocketAddress, until deadline: MonotonicInstant
    ) -> [UInt8]? {
        guard let descriptor = try? SocketHandle.connect(to: address) else { return nil }
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while line.count < maximumBytes {
            guard isReadable(descriptor.rawValue, until: deadline) else { return nil }
            // Safe: the bytes are ours, and lent for the call.
            let result = unsafe chunk.withUnsafeMutableBytes { bytes in
                try? unsafe descriptor.socket.receive(into: bytes)
            }
            switch result {
            case .bytes(let count): line += chunk.prefix(count)
            case .wouldBlock: continue
            case .closed, nil: return nil
            }
            if let end = line.firstIndex(of: UInt8(ascii: "\r")) { return Array(line[..<end]) }
        }
        return nil
    }

    private static func isReadable(_ number: Int32, until deadline: MonotonicInstant) -> Bool {
        let left = max(0, deadline.milliseconds(since: .now()))
        var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        // Safe: one entry, ours.
        return unsafe poll(&waiting, 1, Int32(clamping: left)) > 0
    }

    /// `nats://127.0.0.1:4222`, `tls://user:password@[::1]:4222`
    struct Place: Equatable {
        let host: String
        let port: UInt16

        init?(_ url: String) {
            var rest = url[...]
            if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
            if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
            if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
            let afterBracket = rest.lastIndex(of: "]") ?? rest.startIndex
            var port: UInt16 = 4_222
            if let colon = rest[afterBracket...].lastIndex(of: ":") {
                guard let number = UInt16(rest[rest.index(after: colon)...]) else { return nil }
                port = number
                rest = rest[..<colon]
            }
            if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
            guard !rest.isEmpty else { return nil }
            host = String(rest)
            self.port = port
        }

        /// `getaddrinfo(3)`, in its order; none when the name has none.
        func addresses() -> [SocketAddress] {
            if let address = IPAddress(host) { return [SocketAddress(address, port: port)] }
            var hints = unsafe addrinfo()
            unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            // Safe: the text and the hints live through the call, which fills the list.
            guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
            // Safe: the list is ours until it is freed, and not empty.
            defer { unsafe freeaddrinfo(list) }
            var found: [SocketAddress] = []
            var next = unsafe list
            while let entry = unsafe next {
                var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                // Safe: the address belongs to the list, and the text has the room that is named.
                let code = unsafe getnameinfo(
                    entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text,
                    socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                if code == 0, let address = IPAddress(String(decoding: bytes, as: UTF8.self)) {
                    found.append(SocketAddress(address, port: port))
                }
                unsafe next = entry.pointee.ai_next
            }
            return found
        }
    }
}
