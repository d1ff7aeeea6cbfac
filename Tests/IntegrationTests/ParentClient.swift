import Foundation
import Gateway
import Ledger
import MQTT
import Support
import Testing

/// What a device is told about the devices behind it.
struct ChildAnswer: Decodable, Equatable {
    var id: String?
    var pk: String?
    var dk: String?
    var reason: String?
}

/// A device that attaches others.
struct ParentClient: ~Copyable {
    let device: TestDevice
    let client: TestClient

    init(_ gateway: TestGateway, _ device: TestDevice, version: ProtocolVersion = .v5) throws {
        self.device = device
        client = try gateway.connect(device, version: version, subscribedTo: device.sys("#"))
        client.tellsUnheard = true
    }

    /// On a connection that is there, and has subscribed to its notices.
    init(_ device: TestDevice, _ client: TestClient) {
        self.device = device
        self.client = client
        client.tellsUnheard = true
    }

    /// Of MQTT 5. `expirySeconds`: its session outlives its connections, and is taken up.
    init(
        _ gateway: TestGateway, _ device: TestDevice, expirySeconds: UInt32,
        receiveMaximum: UInt16 = .max
    ) throws {
        let client = try TestClient(port: gateway.plainPort)
        let answer = try client.connect(
            as: .signed(device, secureMode: 3), isCleanStart: expirySeconds == 0
        ) { properties in
            properties.sessionExpiryInterval(seconds: expirySeconds)
            properties.receiveMaximum(receiveMaximum)
        }
        #expect(answer.code == 0)
        try client.subscribe(device.sys("#"))
        self.init(device, client)
    }

    /// Asks for a child, by what that would connect with.
    func ask(
        for child: TestDevice, id: String = "1", secret: Secret? = nil, more: String = ""
    ) throws {
        try client.publish(
            device.sys("children/attach"),
            request(for: child, id: id, secret: secret, more: more), qos: .atLeastOnce)
    }

    /// What that says.
    func request(
        for child: TestDevice, id: String = "1", secret: Secret? = nil, more: String = ""
    ) -> String {
        let prover = TestDevice(identity: child.identity, secret: secret ?? child.secret)
        let credentials = TestCredentials.signed(prover, secureMode: 3)
        return #"{"id":"\#(id)","clientId":"\#(credentials.clientID)","#
            + #""userName":"\#(credentials.userName ?? "")","#
            + #""password":"\#(credentials.password ?? "")"\#(more)}"#
    }

    /// The next answer below `sys/children`: its name and what it says.
    func answer() throws -> (name: String, ChildAnswer) {
        let message = try client.message()
        let prefix = device.sys("children")
        #expect(message.topic.hasPrefix(prefix), "\(message.topic)")
        let answer = try JSONDecoder().decode(ChildAnswer.self, from: Data(message.payload))
        return (String(message.topic.dropFirst(prefix.count)), answer)
    }

    /// Attaches a child, which must succeed.
    func attach(_ child: TestDevice, more: String = "") throws {
        try ask(for: child, more: more)
        let (name, answer) = try answer()
        #expect(name == "/attached", "\(answer)")
        #expect(answer.dk == child.identity.device.text && answer.id == "1")
    }

    /// Tries to, which must fail.
    func refusal(_ child: TestDevice, secret: Secret? = nil) throws -> String? {
        try ask(for: child, id: "no", secret: secret)
        let (name, answer) = try answer()
        #expect(name == "/rejected" && answer.id == "no")
        return answer.reason
    }

    func detach(_ child: TestDevice) throws {
        try client.publish(
            device.sys("children/detach"), detachment(of: child), qos: .atLeastOnce)
    }

    /// What that says.
    func detachment(of child: TestDevice) -> String {
        #"{"id":"2","pk":"\#(child.identity.product)","dk":"\#(child.identity.device)"}"#
    }

    /// The keys of the children that are attached.
    func children() throws -> [String] {
        struct List: Decodable { let children: [ChildAnswer] }
        // It is told once a second.
        usleep(1_100_000)
        try client.publish(device.sys("children/get"), "", qos: .atLeastOnce)
        let message = try client.message()
        #expect(message.topic == device.sys("children"))
        let list = try JSONDecoder().decode(List.self, from: Data(message.payload))
        return list.children.compactMap(\.dk).sorted()
    }
}
