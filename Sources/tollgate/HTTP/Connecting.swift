import CCURLAtRunTime
import Glibc
import Linux
import NIOCore
import NIOPosix
import TLS

/// Why a server was not reached, in our words, with what to do next.
enum Connecting {
    /// Of a connection by libcurl.
    static func text(of fault: TransferFault, at server: HTTPServer) -> String {
        let base = server.base
        switch fault.code {
        case CURLE_COULDNT_RESOLVE_HOST: return unknown(server.host)
        case CURLE_COULDNT_CONNECT:
            return fault.systemError == 0
                ? "\(base): \(fault.detail)" : text(ofConnecting: fault.systemError, server.place)
        case CURLE_OPERATION_TIMEDOUT: return late(server.place)
        case CURLE_PEER_FAILED_VERIFICATION:
            return refused("\(base): its certificate is refused: \(reason(of: fault))")
        case CURLE_SSL_CACERT_BADFILE:
            return "\(server.authorityFile ?? ""): can't be read, or has no certificates in it\n  "
                + "Name a PEM file of the authorities that are trusted (--ca-file FILE)."
        case CURLE_SSL_CONNECT_ERROR: return noTLS("\(base): \(fault.detail)")
        // What answers does not begin as HTTP/1.1 does.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY:
            return "\(base): what answers is no HTTP: \(fault.detail)\n  "
                + "Is that a port for TLS? Then say https://."
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            return fault.hasHead
                ? "\(base): the connection was lost within the answer"
                : "\(base): the connection ended before an answer came: is this the API of a gateway?"
                    + (base.hasPrefix("http://") ? " If its port speaks TLS, say https://." : "")
        default: return "\(base): \(fault.detail)"
        }
    }

    /// What is wrong with a certificate. OpenSSL verifies the chain, and libcurl the name.
    private static func reason(of fault: TransferFault) -> String {
        // X509_V_ERR_HOSTNAME_MISMATCH is 62.
        if fault.verification == 62 || fault.detail.contains("subject name") {
            return "hostname mismatch (\(fault.detail))"
        }
        let prefix = "SSL certificate problem: "
        return fault.detail.hasPrefix(prefix)
            ? String(fault.detail.dropFirst(prefix.count)) : fault.detail
    }

    /// Of a connection by NIO.
    ///
    /// - Parameter base: how the server was named: `mqtt://127.0.0.1:1883`.
    static func text(of error: any Error, host: String, port: Int, base: String) -> String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        if let error = error as? NIOConnectionError {
            guard let first = error.connectionErrors.first?.error else { return unknown(host) }
            return text(ofConnecting: first, place)
        }
        if case .connectTimeout? = error as? ChannelError { return late(place) }
        if let error = error as? TLSError, case .refusedCertificate = error.reason {
            return refused("\(base): \(error)")
        }
        if let error = error as? TLSError, error.reason == .protocolViolation {
            return noTLS("\(base): \(error)")
        }
        return "\(base): \(error)"
    }

    private static func text(ofConnecting error: any Error, _ place: String) -> String {
        if case .connectTimeout? = error as? ChannelError { return late(place) }
        guard let code = (error as? IOError)?.errnoCode else { return "\(place): \(error)" }
        return text(ofConnecting: code, place)
    }

    private static func text(ofConnecting code: Int32, _ place: String) -> String {
        switch code {
        case ECONNREFUSED: "no gateway answers at \(place): is it running?"
        case ETIMEDOUT: late(place)
        case EHOSTUNREACH, ENETUNREACH:
            "\(place) can't be reached from here: is the address right?"
        default: "\(place): \(Errno(rawValue: code))"
        }
    }

    private static func unknown(_ host: String) -> String {
        "there is no host called \(host): is the name right?"
    }

    private static func late(_ place: String) -> String {
        "no answer from \(place): is the address right, and the way there open?"
    }

    private static func refused(_ text: String) -> String {
        "\(text)\n  Name its authority (--ca-file FILE), and call the server by a name of its certificate."
    }

    private static func noTLS(_ text: String) -> String {
        "\(text)\n  Is that a port for TLS? Otherwise leave the s out: http://, mqtt://, ws://."
    }
}
