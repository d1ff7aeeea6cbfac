import Bytes
import Linux
import MQTT
import TLS
import TestFiles
import Testing

@testable import Load

@Suite struct IdentityTests {
    private func text(_ template: String, _ number: Int, _ device: Device? = nil) throws -> String {
        var buffer = ByteBuffer()
        let template = try #require(Template(template))
        template.append(number, device, to: &buffer)
        let text = buffer.span.text
        return try #require(text)
    }

    private static let device = Device(
        productKey: Array("pk".utf8), deviceKey: Array("dk".utf8), secret: Array("s".utf8))

    @Test("A template has places for the client's number and a device's keys")
    func templates() throws {
        #expect(try text("a%d", 0) == "a0")
        #expect(try text("a%d-b", 120) == "a120-b")
        #expect(try text("%06d", 42) == "000042")
        #expect(try text("%03d", 12_345) == "12345")
        #expect(try text("100 %%", 1) == "100 %")
        #expect(try text("d/%P/%D/up/t", 1, Self.device) == "d/pk/dk/up/t")
        for wrong in ["%", "a%x", "%0d", "%06", "%06x"] { #expect(Template(wrong) == nil) }
    }

    @Test("A device signs as Wire.md says")
    func signature() throws {
        let plan = LoadPlan(
            scenario: .connect, server: SocketAddress(.loopbackIPv4, port: 1), serverText: "",
            transport: Transport(), identities: .fleet([Self.device]), connections: 1,
            concurrency: 1, seconds: 0, topic: try #require(Template("t")))
        var introduction = Introduction(plan)
        var buffer = ByteBuffer()
        introduction.append(0, to: &buffer)
        let bytes = buffer.span.bytesArray
        let connect = try Connect(decoding: bytes.span.extracting(2..<bytes.count))
        let clientID = connect.clientID.text
        let userName = connect.userName?.text
        let password = connect.password?.text
        #expect(clientID == "pk.dk|securemode=3,signmethod=hmacsha256|")
        #expect(userName == "dk&pk")
        // printf %s clientIdpk.dkdeviceNamedkproductKeypk | openssl dgst -sha256 -hmac s
        #expect(password == "ddd82824aa16859809ea057f05a522775cbebf6098670142fd4916f26ab98d16")
    }

    @Test("A device with a certificate says only its name, and signs nothing")
    func certified() throws {
        let device = Device(
            productKey: Array("pk".utf8), deviceKey: Array("dk".utf8), secret: nil)
        var plan = LoadPlan(
            scenario: .connect, server: SocketAddress(.loopbackIPv4, port: 1), serverText: "",
            transport: Transport(), identities: .fleet([device]), connections: 1,
            concurrency: 1, seconds: 0, topic: try #require(Template("t")))
        #expect(plan.problem?.contains("connect by certificate") == true)
        let template = try #require(Template("%D.pem"))
        plan.transport.certificates = CertificateTemplates(certificate: template, key: template)
        #expect(plan.problem == nil)
        plan.identities = .fleet([device, device])
        #expect(plan.problem == nil)
        plan.transport.tls = TLSClientConfiguration(certificateChainFile: "one.pem")
        plan.transport.certificates = nil
        #expect(plan.problem?.contains("one certificate is one device") == true)
        plan.identities = .fleet([device])
        #expect(plan.problem == nil)
        var introduction = Introduction(plan)
        var buffer = ByteBuffer()
        introduction.append(0, to: &buffer)
        let bytes = buffer.span.bytesArray
        let connect = try Connect(decoding: bytes.span.extracting(2..<bytes.count))
        let (clientID, userName) = (connect.clientID.text, connect.userName?.text)
        let hasPassword = connect.password != nil
        #expect(clientID == "pk.dk" && userName == nil && !hasPassword)
    }

    @Test("A fleet's file that is wrong is refused with the line that is")
    func fleetFile() throws {
        let good = Array("pk,dk,secret\np,a,s\r\np,b,s\n".utf8)
        #expect(try FleetFile.parse(good, "f").map(\.deviceKey) == [[97], [98]])
        let certified = try FleetFile.parse(Array("pk,dk\np,a\n".utf8), "f")
        #expect(certified.map(\.deviceKey) == [[97]] && certified[0].secret == nil)
        for (text, problem) in [
            (
                "dk,secret\n",
                "f: its first line must be pk,dk,secret, or pk,dk for devices with certificates"
            ),
            ("pk,dk\np,a\np\n", "f, line 3: must have a PK and a DK: pk,dk"),
            ("pk,dk\np,a,s\n", "f, line 2: must have a PK and a DK: pk,dk"),
            ("pk,dk,secret\n", "f names no device"),
            ("pk,dk,secret\np,a\n", "f, line 2: must have a PK, a DK and a secret: pk,dk,secret"),
            ("pk,dk,secret\np,a,\n", "f, line 2: must have a PK, a DK and a secret: pk,dk,secret"),
        ] {
            #expect(throws: FleetFileError(text: problem)) {
                _ = try FleetFile.parse(Array(text.utf8), "f")
            }
        }
    }

    @Test("What is written of a fleet is read back, by its owner only")
    func written() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("fleet.csv")
        try FleetFile.write([Self.device, Self.device], to: path)
        #expect(try FleetFile.read(path) == [Self.device, Self.device])
    }
}
