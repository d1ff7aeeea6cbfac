import Ledger
import Testing

@testable import Gateway

@Suite struct ClientTests {
    private static let devices = [
        ("lamp", "lamp-1"), ("p", "d"), ("lamp", "a.b:c@d_e-f"), ("a", "bc"), ("ab", "c"),
    ]
    .map { (product, device) in
        DeviceIdentity(product: ProductKey(product)!, device: DeviceKey(device)!)
    }

    @Test(
        "A device's client is its topics' prefix, and gives the identity back", arguments: devices)
    func device(_ identity: DeviceIdentity) {
        let client = DeviceClient(identity)
        #expect(client.identity == identity)
        #expect(client.topicPrefix == Array("d/\(identity.product)/\(identity.device)/".utf8))
    }

    @Test("A device has its own name and no other's, as a client or not")
    func deviceNames() {
        for (number, one) in Self.devices.enumerated() {
            let client = Client.device(DeviceClient(one))
            #expect(client.nameHash == one.nameHash)
            for (otherNumber, other) in Self.devices.enumerated() {
                #expect(client.hasName(of: other) == (number == otherNumber))
                #expect(client.hasName(of: .device(DeviceClient(other))) == (number == otherNumber))
            }
        }
    }

    @Test("[MQTT-3.1.3-2] an application's name is its key's own, and compared by its bytes")
    func applicationNames() {
        func client(_ key: String?, _ clientID: String) -> Client {
            .application(
                ApplicationClient(
                    clientID: clientID, key: key.flatMap { KeyID($0) }, rights: .products(nil)))
        }
        let clients = [
            client(nil, "a"), client("k", "a"), client("l", "a"), client("k", "\u{E5}"),
            client("k", "a\u{30A}"), .device(DeviceClient(Self.devices[0])),
        ]
        for (number, one) in clients.enumerated() {
            for (otherNumber, other) in clients.enumerated() {
                #expect(one.hasName(of: other) == (number == otherNumber))
            }
        }
        #expect(client("k", "a").hasName(of: client("k", "a")))
        #expect(client("k", "a").nameHash == client("k", "a").nameHash)
        #expect(!clients[0].hasName(of: Self.devices[0]))
    }
}
