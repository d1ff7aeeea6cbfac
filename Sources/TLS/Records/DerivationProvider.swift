internal import COpenSSL

/// A provider (provider(7)) with the two key derivations of TLS, which libssl asks for in every handshake. It sees the
/// traffic secrets of TLS 1.3 as they are made, and makes them with less work than OpenSSL's: no context is
/// allocated, no hash is fetched.
///
/// It relies on libssl giving all parameters with the call that derives, as 3.0 does; `SecretSource.proven` tries it.
enum DerivationProvider {
    /// Prefers the provider, in the language of property(7).
    static let properties = "?provider=tollgate"

    /// Whether the provider is there, with OpenSSL's own for all the rest.
    // Safe: constant names; the function below matches its type.
    static let isLoaded: Bool =
        unsafe OSSL_PROVIDER_add_builtin(nil, "tollgate", startProvider) == 1
        && OSSL_PROVIDER_load(nil, "default") != nil && OSSL_PROVIDER_load(nil, "tollgate") != nil

    // Safe: a table made once, under the lock of a `static let`, and only read afterwards, as are the others.
    fileprivate nonisolated(unsafe) static let functions = unsafe table([
        tollgate_dispatch_query(answerQuery), tollgate_dispatch_end(),
    ])
    // Safe: as above.
    fileprivate nonisolated(unsafe) static let algorithms = unsafe table([
        tollgate_algorithm_tls13_kdf(expansion), tollgate_algorithm_tls1_prf(pseudorandom),
        tollgate_algorithm_end(),
    ])
    // Safe: as above.
    private nonisolated(unsafe) static let expansion = unsafe table([
        tollgate_dispatch_kdf_newctx(makeContext), tollgate_dispatch_kdf_freectx(freeContext),
        tollgate_dispatch_kdf_derive(deriveNewer), tollgate_dispatch_end(),
    ])
    // Safe: as above.
    private nonisolated(unsafe) static let pseudorandom = unsafe table([
        tollgate_dispatch_kdf_newctx(makeContext), tollgate_dispatch_kdf_freectx(freeContext),
        tollgate_dispatch_kdf_derive(deriveOlder), tollgate_dispatch_end(),
    ])

    /// Memory that stays, as OpenSSL asks for.
    private static func table<Entry>(_ entries: [Entry]) -> UnsafePointer<Entry> {
        let memory = UnsafeMutablePointer<Entry>.allocate(capacity: entries.count)
        unsafe memory.initialize(from: entries, count: entries.count)
        return unsafe UnsafePointer(memory)
    }
}

/// OSSL_provider_init(3).
private func startProvider(
    _ handle: OpaquePointer?,
    _ offered: UnsafePointer<OSSL_DISPATCH>?,
    _ functions: UnsafeMutablePointer<UnsafePointer<OSSL_DISPATCH>?>?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    unsafe functions?.pointee = DerivationProvider.functions
    // Any address will do: there is no state, but nil would be a failure to make some.
    unsafe context?.pointee = UnsafeMutableRawPointer(mutating: DerivationProvider.functions)
    return 1
}

/// OSSL_FUNC_provider_query_operation(7).
private func answerQuery(
    _ context: UnsafeMutableRawPointer?,
    _ operation: Int32,
    _ isNotToBeCached: UnsafeMutablePointer<Int32>?
) -> UnsafePointer<OSSL_ALGORITHM>? {
    unsafe isNotToBeCached?.pointee = 0
    return unsafe operation == OSSL_OP_KDF ? DerivationProvider.algorithms : nil
}

/// OSSL_FUNC_kdf_newctx(7): a context holds nothing, so any address will do.
private func makeContext(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe context
}

private func freeContext(_ context: UnsafeMutableRawPointer?) {}

/// OSSL_FUNC_kdf_derive(7) of `TLS13-KDF`.
private func deriveNewer(
    _ context: UnsafeMutableRawPointer?,
    _ target: UnsafeMutablePointer<UInt8>?,
    _ count: Int,
    _ parameters: UnsafePointer<OSSL_PARAM>?
) -> Int32 {
    let target = unsafe UnsafeMutableRawBufferPointer(start: target, count: count)
    let given = unsafe DerivationParameters(parameters)
    let isDone =
        switch unsafe given.hash {
        case .sha256: unsafe given.derive(PlainSHA256.self, into: target)
        case .sha384: unsafe given.derive(PlainSHA384.self, into: target)
        case nil: false
        }
    if isDone, unsafe given.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY {
        unsafe TrafficSecrets.note(UnsafeRawBufferPointer(target), label: given.label)
    }
    return isDone ? 1 : 0
}

/// OSSL_FUNC_kdf_derive(7) of `TLS1-PRF`.
private func deriveOlder(
    _ context: UnsafeMutableRawPointer?,
    _ target: UnsafeMutablePointer<UInt8>?,
    _ count: Int,
    _ parameters: UnsafePointer<OSSL_PARAM>?
) -> Int32 {
    let target = unsafe UnsafeMutableRawBufferPointer(start: target, count: count)
    // The label, two randoms, or the hash of a handshake: with room to spare.
    return unsafe withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { memory in
        var given = unsafe DerivationParameters(parameters)
        guard let seed = unsafe given.gatherSeed(in: memory), unsafe given.secret.count > 0 else {
            return 0
        }
        switch unsafe given.hash {
        case .sha256:
            unsafe HandshakeDerivation<PlainSHA256>.expandOlder(
                given.secret, seed: seed, into: target)
        case .sha384:
            unsafe HandshakeDerivation<PlainSHA384>.expandOlder(
                given.secret, seed: seed, into: target)
        case nil: return 0
        }
        return 1
    }
}

/// What libssl gives along with a call that derives: EVP_KDF-TLS13_KDF(7), EVP_KDF-TLS1_PRF(7).
@unsafe
private struct DerivationParameters {
    var mode: Int32 = -1
    var hash: RecordHash?
    var key = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var salt = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var label = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var data = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var secret = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private let list: UnsafePointer<OSSL_PARAM>?

    /// The list ends with an entry without a name (OSSL_PARAM(3)); what it points at lives as long as the call.
    init(_ list: UnsafePointer<OSSL_PARAM>?) {
        unsafe self.list = unsafe list
        guard var entry = unsafe list else { return }
        while let name = unsafe entry.pointee.key {
            let value = unsafe UnsafeRawBufferPointer(
                start: entry.pointee.data, count: entry.pointee.data_size)
            if unsafe strcmp(name, OSSL_KDF_PARAM_MODE) == 0 {
                if value.count == 4 { unsafe mode = value.loadUnaligned(as: Int32.self) }
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_DIGEST) == 0 {
                unsafe hash = Self.hash(named: value)
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_KEY) == 0 {
                unsafe key = unsafe value
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_SALT) == 0 {
                unsafe salt = unsafe value
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_LABEL) == 0 {
                unsafe label = unsafe value
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_DATA) == 0 {
                unsafe data = unsafe value
            } else if unsafe strcmp(name, OSSL_KDF_PARAM_SECRET) == 0 {
                unsafe secret = unsafe value
            }
            unsafe entry += 1
        }
    }

    /// Of `SHA256` or `SHA2-256`, and the same of SHA-384, by the last digit: no other hash of TLS ends in these.
    private static func hash(named text: UnsafeRawBufferPointer) -> RecordHash? {
        switch unsafe text.last {
        case 0x36: .sha256
        case 0x34: .sha384
        case _: nil
        }
    }

    func derive<Hash: PlainHash>(
        _: Hash.Type,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        if unsafe mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY {
            return unsafe HandshakeDerivation<Hash>.extract(
                previous: salt, label: label, input: key, into: target)
        }
        guard unsafe mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY else { return false }
        return unsafe HandshakeDerivation<Hash>.expand(
            key, label: label, context: data, into: target)
    }

    /// The label and the seeds, which come in several entries, one behind the other; nil when they don't fit.
    mutating func gatherSeed(in memory: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard var entry = unsafe list else { return nil }
        var count = 0
        while let name = unsafe entry.pointee.key {
            defer { unsafe entry += 1 }
            guard unsafe strcmp(name, OSSL_KDF_PARAM_SEED) == 0 else { continue }
            let size = unsafe entry.pointee.data_size
            guard count + size <= memory.count else { return nil }
            let part = unsafe UnsafeRawBufferPointer(start: entry.pointee.data, count: size)
            let place = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + size])
            unsafe place.copyMemory(from: part)
            count += size
        }
        return unsafe UnsafeRawBufferPointer(rebasing: memory[..<count])
    }
}
