import Bytes
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// MQTT in WebSockets (MQTT 5.0 and 3.1.1, 6; RFC 6455), over real sockets.
    @Suite struct WebSocketTests {
        @Test(
            "[MQTT-6.0.0-1] and [MQTT-6.0.0-1] of 3.1.1: device and application in binary frames, over TLS and without, QoS 0 to 2",
            arguments: ProtocolVersion.allCases, [1, 2]
        )
        func exchange(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.runWithWebSockets(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                for (device, overTLS) in zip(devices, [false, true]) {
                    let backend = try gateway.webSocket(overTLS: overTLS, version: version)
                    #expect(try backend.connect(as: .application(key)).code == 0)
                    try backend.subscribe(device.up("#"))
                    let client = try gateway.webSocket(overTLS: overTLS, version: version)
                    let credentials = TestCredentials.signed(device, secureMode: overTLS ? 2 : 3)
                    #expect(try client.connect(as: credentials).code == 0)
                    try client.subscribe(device.down("#"))
                    for qos in QoS.allCases {
                        #expect(
                            try client.publish(device.up(), "up \(qos)", qos: qos)?.code ?? 0 == 0)
                        #expect(try backend.message().text == "up \(qos)")
                        try backend.publish(device.down(), "down \(qos)", qos: qos)
                        #expect(try client.message().text == "down \(qos)")
                    }
                    for client in [client, backend] {
                        try client.send { Disconnect.encode(version: version, into: &$0) }
                        #expect(try client.closeCode() == 1_000)
                        #expect(client.webSocket?.breaches == [])
                        #expect(client.webSocket?.binaryLengths.isEmpty == false)
                    }
                }
            }
        }

        @Test("secrets are for wss only, as they are for mqtts only")
        func secretOverTLSOnly() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let plain = try gateway.webSocket()
                #expect(try plain.connect(as: .secret(device)).code == 0x87)
                #expect(try plain.closeCode() == 1_008)
                let encrypted = try gateway.webSocket(overTLS: true)
                #expect(try encrypted.connect(as: .secret(device)).code == 0)
                let connection = await gateway.gateway.connection(of: device.identity)
                #expect(connection?.encryption != nil)
            }
        }

        @Test(
            "[MQTT-6.0.0-2] and [MQTT-6.0.0-2] of 3.1.1: handshake and CONNECT byte by byte, each byte of CONNECT in a frame",
            arguments: [false, true]
        )
        func byteByByte(overTLS: Bool) async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(
                    port: gateway.port(of: overTLS ? "wss" : "ws"),
                    certificates: overTLS ? gateway.certificates : nil)
                for byte in TestWebSocket.request() { try client.sendRaw([byte]) }
                #expect(try client.webSocketAnswer().hasPrefix("HTTP/1.1 101 "))
                let credentials = TestCredentials.signed(device, secureMode: overTLS ? 2 : 3)
                let connect = credentials.connectPacket()
                for (index, byte) in connect.enumerated() {
                    // One message in fragments, and a Ping among them.
                    let frame = TestWebSocket.frame(
                        [byte], opcode: index == 0 ? 2 : 0, isFinal: index == connect.count - 1)
                    let ping = index == 5 ? TestWebSocket.frame([1, 2], opcode: 9) : []
                    for byte in frame + ping { try client.sendRaw([byte]) }
                }
                let code: UInt8 = try client.first("CONNACK") { packet in
                    if case .connack(let connack) = packet { connack.code } else { nil }
                }
                #expect(code == 0)
                #expect(client.webSocket?.controls.map(\.payload) == [[1, 2]])
            }
        }

        @Test(
            "[MQTT-6.0.0-4] and [MQTT-6.0.0-4] of 3.1.1: what browsers send; mqtt is chosen from a list"
        )
        func browser() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let port = gateway.port(of: "ws-open")
                let client = try TestClient(port: port)
                let answer = try client.openWebSocket(
                    TestWebSocket.request(
                        offering: "mqttv3.1, mqtt",
                        fields: [
                            "Origin: http://localhost", "Pragma: no-cache",
                            "Cache-Control: no-cache", "User-Agent: Mozilla/5.0",
                            "Accept-Encoding: gzip, deflate, br, zstd",
                            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
                        ]))
                #expect(answer.hasPrefix("HTTP/1.1 101 "))
                #expect(answer.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"))
                #expect(
                    answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
                #expect(!answer.contains("Sec-WebSocket-Extensions"))
                #expect(try client.connect(as: .anonymous("page")).code == 0)
            }
        }

        @Test("what is no handshake for MQTT is answered as HTTP has it, and the connection ends")
        func refusals() async throws {
            let configure: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.listeners[5].path = "/live"
                configuration.listeners[5].origins = ["https://app.example"]
            }
            try await TestGateway.runWithWebSockets(configure: configure) { gateway in
                for (name, path, protocols, fields, expected) in [
                    ("ws-open", "/live", "mqtt", ["Origin: https://app.example"], 101),
                    ("ws-open", "/live", "mqtt", ["Origin: http://localhost"], 403),
                    ("ws-open", "/live", "mqtt", [], 101),
                    ("ws-open", "/mqtt", "mqtt", [], 404),
                    ("ws", "/mqtt", "mqtt", ["Origin: https://app.example"], 403),
                    ("ws", "/mqtt", "mqttv3.1", [], 400), ("ws", "/mqtt", nil, [], 400),
                    ("ws", "/mqtt", "mqtt", ["Sec-WebSocket-Version: 8"], 400),
                    ("ws", "/mqtt", "mqtt", ["X: " + String(repeating: "a", count: 9_000)], 431),
                ] as [(String, String, String?, [String], Int)] {
                    let client = try TestClient(port: gateway.port(of: name))
                    let answer = try client.openWebSocket(
                        TestWebSocket.request(path: path, offering: protocols, fields: fields))
                    #expect(answer.hasPrefix("HTTP/1.1 \(expected) "), "\(name) \(path) \(fields)")
                    if expected != 101 { #expect(try client.untilClosed().isEmpty) }
                }
                let plain = try TestClient(port: gateway.port(of: "ws"))
                let answer = try plain.openWebSocket(
                    Array("GET /mqtt HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                #expect(answer.hasPrefix("HTTP/1.1 426 "))
                #expect(answer.contains("Sec-WebSocket-Version: 13\r\n"))
                let mqtt = try TestClient(port: gateway.port(of: "ws"))
                try mqtt.sendConnect(as: .anonymous("a"))
                #expect(try mqtt.webSocketAnswer().hasPrefix("HTTP/1.1 400 "))
                #expect(
                    await gateway.metric(
                        "tollgate_connections_ended_total{reason=\"websocket-refused\"}") == 9)
            }
        }

        @Test("a WebSocket on a listener for MQTT is refused as what it is: not MQTT")
        func notMQTT() async throws {
            try await TestGateway.runWithWebSockets { gateway in
                let client = try TestClient(port: gateway.openPort)
                #expect(try client.openWebSocket().isEmpty)
            }
        }
    }
}
