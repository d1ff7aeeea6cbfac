import Foundation
import Processes
import Support
import Testing

/// Variables and ports that are taken already.
@Suite("The program's surroundings", .waits)
struct EnvironmentTests {
    @Test("a Service called tollgate does not stop the start; a variable of nobody's is warned of")
    func serviceVariables() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(
            program,
            environment: [
                "TOLLGATE_PORT": "tcp://10.0.0.9:1883", "TOLLGATE_SERVICE_HOST": "10.0.0.9",
                "TOLLGATE_SERVICE_PORT": "1883", "TOLLGATE_SERVICE_PORT_MQTT": "1883",
                "TOLLGATE_PORT_1883_TCP": "tcp://10.0.0.9:1883",
                "TOLLGATE_PORT_1883_TCP_PROTO": "tcp", "TOLLGATE_PORT_1883_TCP_PORT": "1883",
                "TOLLGATE_PORT_1883_TCP_ADDR": "10.0.0.9",
                "TOLLGATE_ADMIN_PORT": "tcp://10.0.0.9:8080", "TOLLGATE_FLAVOUR": "vanilla",
            ])
        #expect(try serving.run(["account", "list"]).code == 0)
        #expect(serving.end() == 0)
        #expect(!serving.errors.contains("SERVICE") && !serving.errors.contains("_TCP"))
        let lines = serving.errors.split(separator: "\n").filter { $0.contains("TOLLGATE_") }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("warning TOLLGATE_FLAVOUR: there is no such key") == true)
    }

    @Test(
        "a second gateway on the same ports says so and ends, whatever its shards, data and address",
        arguments: [(1, 1), (2, 2), (1, 2), (2, 1)])
    func secondGateway(first: Int, second: Int) throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "shards=\(first)"])
        let port = try #require(serving.listener.split(separator: ":").last)
        let other = try Program()
        defer { other.remove() }
        for address in ["127.0.0.1", "0.0.0.0", "::"] {
            let result = try other.run([
                "serve", "--set", "shards=\(second)", "--set", "listeners.local.port=\(port)",
                "--set", "listeners.local.address=\(address)", "--set", "admin.port=0",
                "--set", "listeners.devices.tls=false", "--set", "listeners.devices.port=0",
            ])
            #expect(result.code == 1)
            #expect(
                result.errors.contains("tollgate: listener 'local' can't listen on ")
                    && result.errors.contains("another program does, perhaps another gateway"),
                "\(address): \(result.errors)")
        }
        // All connections are still the first one's.
        let probe = ["probe", "--url", serving.listener]
        for _ in 0..<10 { #expect(try serving.run(probe).code == 0) }
        #expect(serving.end() == 0)
    }

    @Test("the API's port is asked for first: a second gateway at it has opened nothing")
    func apiPort() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let port = try #require(serving.api.split(separator: ":").last)
        let other = try Program()
        defer { other.remove() }
        let result = try other.run(["serve", "--set", "admin.port=\(port)"])
        #expect(result.code == 1)
        #expect(
            result.errors
                == "tollgate: admin on 127.0.0.1:\(port): another program listens there, "
                + "perhaps another gateway\n")
        #expect(!FileManager.default.fileExists(atPath: "\(other.directory.path)/data"))
        #expect(serving.end() == 0)
        // Free again, it is listened at.
        let again = try Serving(program, ["--set", "admin.port=\(port)"])
        #expect(again.api == serving.api)
        #expect(try again.run(["account", "list"]).code == 0)
        #expect(again.end() == 0)
    }
}
