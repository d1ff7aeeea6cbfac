public import Linux
public import MQTT
public import TLS

/// Why a test's client could not go on.
public enum TestClientError: Error {
    case system(Errno)
    case tls(TLSError)
    case malformed(DecodingError)

    /// What was waited for did not come in time; `instead` did meanwhile.
    case timedOut(waitingFor: String, instead: [TestPacket])

    /// The gateway has closed the connection; `instead` came before.
    case closed(waitingFor: String, instead: [TestPacket])
}
