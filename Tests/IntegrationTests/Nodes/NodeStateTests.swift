import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// States of devices across the nodes of a cluster.
    @Suite struct NodeStateTests {
        @Test("what is said at one node is known at all, and told to applications at all")
        func everywhere() async throws {
            try await TestNodes.run(2, isRetaining: true) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let readers = try (0..<2).map { index in
                    try nodes[index].connect(
                        key, clientID: "reader-\(index)", subscribedTo: "d/lamp/+/state")
                }
                let client = try nodes[0].connect(device, subscribedTo: device.sys("#"))
                let answer = try client.report(#"{"reported":{"a":1}}"#, by: device)
                #expect(answer == ("state/accepted", #"{"reportedVersion":1}"#, 0))
                for reader in readers {
                    #expect(try reader.message().text.hasPrefix(#"{"reported":{"a":1},"#))
                }
                try await until { try nodes[1].reported(by: device)?.version == 1 }
                // Said at the other node.
                try await nodes[1].desire(#"{"on":true}"#, of: device)
                #expect(try client.message().text == #"{"desired":{"on":true},"version":1}"#)
            }
        }

        @Test("a device that changes nodes again and again loses nothing that was acknowledged")
        func roaming() async throws {
            try await TestNodes.run(2, isRetaining: true) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                try await nodes.catchUp()
                for number in 0..<12 {
                    let client = try nodes[number % 2].connect(
                        device, subscribedTo: device.sys("state/accepted"))
                    let answer = try client.report(
                        #"{"reported":{"n\#(number)":\#(number)}}"#, by: device)
                    #expect(answer.text == #"{"reportedVersion":\#(number + 1)}"#)
                }
                for index in 0..<2 {
                    try await until { try nodes[index].reported(by: device)?.version == 12 }
                    let members = (0..<12).map { #""n\#($0)":\#($0)"# }
                    #expect(
                        try nodes[index].reported(by: device)?.document.text
                            == "{\(members.joined(separator: ","))}")
                }
            }
        }

        @Test("a node that was away knows what was said meanwhile")
        func away() async throws {
            try await TestNodes.run(2, isRetaining: true) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                try await nodes.catchUp()
                await nodes.stop(1)
                let client = try nodes[0].connect(
                    device, subscribedTo: device.sys("state/accepted"))
                _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                try await nodes[0].desire(#"{"b":2}"#, of: device)
                try client.leave()
                try nodes.start(1)
                try await nodes.settle()
                try await nodes.catchUp()
                let next = try nodes[1].connect(device, subscribedTo: device.sys("#"))
                #expect(try next.message().text == #"{"desired":{"b":2},"version":1}"#)
                let answer = try next.report(#"{"reported":{"c":3},"version":1}"#, by: device)
                #expect(answer.text == #"{"reportedVersion":2}"#)
            }
        }
    }
}
