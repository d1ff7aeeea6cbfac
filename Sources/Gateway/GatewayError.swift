public import Cryptography
public import Linux
public import Storage
public import TLS

/// Why a gateway could not be started: one clear line each, and nothing is left running.
public enum GatewayError: Error, CustomStringConvertible {
    /// A setting that can't be used; see `GatewayConfiguration.validate`.
    case configuration(ConfigurationProblem)

    /// A file or directory that can't be read or written.
    case file(FileError)

    /// Keys of device secrets that are missing, or are not those of the stores.
    case secrets(SecretsProblem)

    /// A store that can't be opened.
    case store(String, StoreError)

    /// The cipher that device secrets are sealed with can't be made.
    case crypto(CryptoError)

    /// Certificate or key, or what the library says to them.
    case tls(TLSError)

    /// A listener that can't have its address and port.
    case listener(name: String, address: String, Errno)

    /// The limit of open files leaves no room for clients.
    case descriptors(limit: Int, needed: Int)

    /// Threads, event descriptors.
    case system(String, Errno)

    public var description: String {
        switch self {
        case .configuration(let problem): "\(problem)"
        case .file(let error): "\(error)"
        case .secrets(let problem): "\(problem)"
        case .store(let path, let error): "\(path): \(error)"
        case .crypto(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .listener(let name, let address, .addressInUse):
            "listener '\(name)' can't listen on \(address): another program does, "
                + "perhaps another gateway"
        case .listener(let name, let address, let error):
            "listener '\(name)' can't listen on \(address): \(error)"
        case .descriptors(let limit, let needed):
            "the limit of open files is \(limit), and \(needed) are needed at least: "
                + "raise it (ulimit -n, LimitNOFILE)"
        case .system(let what, let error): "\(what): \(error)"
        }
    }
}
