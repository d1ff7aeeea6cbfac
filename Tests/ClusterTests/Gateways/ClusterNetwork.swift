import Glibc
import NATSServers
import Support

/// A network of gateways and servers, each in a namespace of its own, with cables that can be cut. As root only.
///
/// ```
///  test ---+--- front ---+--- gateway ---+--- back ---+--- server
///          +-------------------------------- back
/// ```
///
/// Clients and the API come by the `front` switch; gateways reach the servers by the `back` one. Both switches are in
/// one more namespace, where an end of each cable is.
final class ClusterNetwork {
    /// Known by its end in a switch.
    struct Cable {
        let port: String

        /// `nil`: a server's.
        let gateway: Int?
    }

    let gateways: [NATSServers.Place]
    let servers: [NATSServers.Place]
    let cables: [Cable]
    private let switches: String
    private let names: [String]

    init() throws {
        let prefix = "tg\(getpid())"
        // Two networks of a process' own.
        let net = "10.\(100 + getpid() % 100)"
        func place(_ name: String, _ address: String) -> NATSServers.Place {
            NATSServers.Place(
                address: "\(net).\(address)",
                command: [Self.program, "netns", "exec", "\(prefix)\(name)"])
        }
        gateways = (0..<3).map { place("g\($0)", "0.\(10 + $0)") }
        servers = (0..<3).map { place("s\($0)", "1.\(20 + $0)") }
        cables = (0..<3).flatMap { (index: Int) in
            [
                Cable(port: "g\(index)front", gateway: index),
                Cable(port: "g\(index)back", gateway: index),
                Cable(port: "s\(index)back", gateway: nil),
            ]
        }
        switches = "\(prefix)x"
        names = [switches] + (0..<3).flatMap { ["\(prefix)g\($0)", "\(prefix)s\($0)"] }
        do {
            try make(prefix, net)
        } catch {
            remove()
            throw error
        }
    }

    deinit { remove() }

    private func make(_ prefix: String, _ net: String) throws {
        for name in names {
            try Self.ip("netns add \(name)")
            try Self.ip("-n \(name) link set lo up")
        }
        for name in ["front", "back"] {
            try Self.ip("-n \(switches) link add \(name) type bridge forward_delay 0")
            try Self.ip("-n \(switches) link set \(name) up")
        }
        for index in 0..<3 {
            try connect("\(prefix)g\(index)", "front", "g\(index)front", "\(net).0.\(10 + index)")
            try connect("\(prefix)g\(index)", "back", "g\(index)back", "\(net).1.\(10 + index)")
            try connect("\(prefix)s\(index)", "back", "s\(index)back", "\(net).1.\(20 + index)")
        }
        try connect(nil, "front", "\(prefix)f", "\(net).0.1")
        try connect(nil, "back", "\(prefix)b", "\(net).1.1")
    }

    /// A cable from a switch to a namespace; `nil`: the test's own.
    private func connect(
        _ name: String?, _ bridge: String, _ port: String, _ address: String
    ) throws {
        let device = name == nil ? port : bridge
        try Self.ip(
            "-n \(switches) link add \(port) type veth peer name \(device) netns "
                + (name ?? "\(getpid())"))
        try Self.ip("-n \(switches) link set \(port) master \(bridge) up")
        let inside = name.map { "-n \($0) " } ?? ""
        try Self.ip("\(inside)address add \(address)/24 dev \(device)")
        try Self.ip("\(inside)link set \(device) up")
    }

    func cut(_ cable: Cable) throws {
        try Self.ip("-n \(switches) link set \(cable.port) down")
    }

    func mend(_ cable: Cable) throws { try Self.ip("-n \(switches) link set \(cable.port) up") }

    /// The devices of a namespace go with it, and so do the other ends of their cables.
    private func remove() { for name in names { try? Self.ip("netns delete \(name)") } }

    // MARK: ip(8)

    struct Failed: Error { let what: String }

    private static let program: String = {
        let places: [String] = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"]
        return places.first { unsafe access($0, X_OK) == 0 } ?? "ip"
    }()

    private static func ip(_ line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        let ending = try ChildProcess.run(program, words)
        guard ending.status == 0 else { throw Failed(what: "ip \(line): \(ending.errors)") }
    }

    /// Whether this process may make one, and `ip` is there.
    static var canBeMade: Bool {
        guard geteuid() == 0 else { return false }
        do {
            _ = try ClusterNetwork()
            return true
        } catch {
            return false
        }
    }
}
