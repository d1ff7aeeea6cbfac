import Bytes
import COpenSSL
import Glibc
import Linux
import TLS
import TestFiles
import Testing

/// The `openssl s_client` of this machine as the peer, over a socket of the loopback.
@Suite struct RealPeerTests {
    let fixture = CertificateFixture()

    private static let program = "/usr/bin/openssl"

    private static var isInstalled: Bool {
        // Safe: a constant path.
        unsafe access(program, X_OK) == 0
    }

    /// A listener on a free port of the loopback.
    private func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: the address is ours, of the length said, and read as the family it names.
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) == 0
                    && Glibc.listen(descriptor, 1) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(isBound)
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// Starts the program; answers its number and the other ends of its input and output.
    private func start(_ arguments: [String]) throws -> (pid: pid_t, input: Int32, output: Int32) {
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        let isPiped = unsafe pipe(&input) == 0 && pipe(&output) == 0
        #expect(isPiped)
        let nothing = unsafe open("/dev/null", O_WRONLY)
        defer { for descriptor in [input[0], output[1], nothing] { close(descriptor) } }
        let pid = try SpawnedProcess.start(
            Self.program, arguments: arguments, environment: Child.ownEnvironment, directory: nil,
            streams: (input[0], output[1], nothing), isLeader: false)
        return (pid, input[1], output[0])
    }

    private func read(_ descriptor: Int32) -> [UInt8] {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, 10_000) == 1 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(count, 0)))
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) {
        #expect(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    @Test(
        "openssl s_client connects, verifies us and is answered",
        .enabled(if: isInstalled),
        arguments: ["-tls1_3", "-tls1_2"]
    )
    func commandLine(version: String) throws {
        let context = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let (listener, port) = try listen()
        defer { close(listener) }
        let peer = try start([
            "s_client", "-connect", "127.0.0.1:\(port)", version, "-CAfile",
            fixture.path("ca.pem"), "-verify_return_error", "-verify_hostname", "gateway.test",
            "-servername", "gateway.test", "-alpn", "mqtt", "-quiet",
        ])
        write(Array("hello\n".utf8), to: peer.input)
        var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        try #require(unsafe poll(&waiting, 1, 10_000) == 1)
        let connection = accept(listener, nil, nil)
        defer { close(connection) }

        var session = try TLSSession(accepting: context)
        var shardPort = TLSPort()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        while plaintext.isEmpty {
            let bytes = read(connection)
            try #require(!bytes.isEmpty)
            _ = try session.receive(
                bytes.span, through: &shardPort, into: &plaintext, output: &output)
            if !output.isEmpty {
                write((0..<output.count).map { output[$0] }, to: connection)
                output.removeAll()
            }
        }
        let received = String(copying: plaintext.span)
        let (name, chosen) = (session.serverName, session.applicationProtocol)
        #expect(received == "hello\n")
        #expect(name == "gateway.test")
        #expect(chosen == "mqtt")

        try session.send("world\n".utf8Span.span, through: &shardPort, output: &output)
        session.close(through: &shardPort, output: &output)
        write((0..<output.count).map { output[$0] }, to: connection)
        let answer = read(peer.output)
        #expect(String(decoding: answer, as: UTF8.self) == "world\n")
        close(peer.input)
        close(peer.output)
        shutdown(connection, Int32(SHUT_RDWR))
        var status: Int32 = 0
        unsafe waitpid(peer.pid, &status, 0)
        #expect(ERR_peek_error() == 0)
    }
}
