import Glibc
import Linux
import NIOCore
import NIOPosix
import TLS

/// Why a server was not reached, in our words, with what to do next.
enum Connecting {
    /// - Parameter base: how the server was named: `http://127.0.0.1:8090`.
    static func text(of error: any Error, host: String, port: Int, base: String) -> String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        if let error = error as? NIOConnectionError {
            guard let first = error.connectionErrors.first?.error else {
                return "there is no host called \(host): is the name right?"
            }
            return text(ofConnecting: first, place)
        }
        if case .connectTimeout? = error as? ChannelError { return late(place) }
        if let error = error as? TLSError, case .refusedCertificate = error.reason {
            return "\(base): \(error)\n  "
                + "Name its authority (--ca-file FILE), and call the server by a name of its certificate."
        }
        if let error = error as? TLSError, error.reason == .protocolViolation {
            return "\(base): \(error)\n  "
                + "Is that a port for TLS? Otherwise leave the s out: http://, mqtt://, ws://."
        }
        return "\(base): \(HTTPClient.text(of: error))"
    }

    private static func late(_ place: String) -> String {
        "no answer from \(place): is the address right, and the way there open?"
    }

    private static func text(ofConnecting error: any Error, _ place: String) -> String {
        if case .connectTimeout? = error as? ChannelError { return late(place) }
        switch (error as? IOError)?.errnoCode {
        case ECONNREFUSED: return "no gateway answers at \(place): is it running?"
        case ETIMEDOUT: return late(place)
        case EHOSTUNREACH, ENETUNREACH:
            return "\(place) can't be reached from here: is the address right?"
        case let code?: return "\(place): \(Errno(rawValue: code))"
        case nil: return "\(place): \(error)"
        }
    }
}
