internal import COpenSSL

/// Which application protocols a context speaks (ALPN, RFC 7301).
final class ProtocolPreference: Sendable {
    private static let attachment = ContextAttachment<ProtocolPreference>()

    /// Names of 1 to 255 bytes, each after its length, the best first.
    private let wireNames: [UInt8]

    init(names: [String]) throws(TLSError) {
        var bytes: [UInt8] = []
        for name in names {
            guard (1...255).contains(name.utf8.count) else {
                throw TLSError(
                    reason: .refusedSetting,
                    attempt: "Setting the application protocol \"\(name)\" of 1 to 255 bytes"
                )
            }
            bytes.append(UInt8(name.utf8.count))
            bytes.append(contentsOf: name.utf8)
        }
        wireNames = bytes
    }

    /// Chooses among what clients offer.
    func install(in context: OpaquePointer) {
        guard !wireNames.isEmpty, unsafe Self.attachment.attach(self, to: context) else { return }
        unsafe SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
    }

    /// Offers them to servers.
    func offer(in context: OpaquePointer) throws(TLSError) {
        guard !wireNames.isEmpty else { return }
        // Zero is success, unlike everywhere else (SSL_CTX_set_alpn_protos(3)).
        guard unsafe SSL_CTX_set_alpn_protos(context, wireNames, UInt32(wireNames.count)) == 0
        else { throw TLSError.drained("Offering application protocols", reason: .refusedSetting) }
    }

    /// The first of ours that is among `offered`.
    fileprivate static func choose(
        for context: OpaquePointer?,
        among offered: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        guard let preference = unsafe attachment.object(of: context) else { return nil }
        return unsafe preference.wireNames.withUnsafeBufferPointer { ours in
            var start: UnsafeMutablePointer<UInt8>?
            var count: UInt8 = 0
            let result = unsafe SSL_select_next_proto(
                &start, &count, ours.baseAddress, UInt32(ours.count), offered.baseAddress,
                UInt32(offered.count))
            // Without an overlap the result points at one of ours, which is not an answer.
            guard result == OPENSSL_NPN_NEGOTIATED else { return nil }
            return unsafe UnsafeBufferPointer(start: start, count: Int(count))
        }
    }
}

/// SSL_CTX_alpn_select_cb_func(3): a client that offers only other protocols is refused (RFC 7301, 3.2).
private func chooseProtocol(
    _ ssl: OpaquePointer?,
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?,
    _ offeredCount: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    // Safe: with the server's list first, SSL_select_next_proto(3) points into it, and the list
    // lives as long as the context.
    let offered = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    guard
        let name = unsafe ProtocolPreference.choose(for: SSL_get_SSL_CTX(ssl), among: offered)
    else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    unsafe chosen?.pointee = name.baseAddress
    unsafe chosenCount?.pointee = UInt8(name.count)
    return SSL_TLSEXT_ERR_OK
}
