import Linux
import Testing

@Suite("Notify socket")
struct NotifySocketTests {
    @Test(
        "a name is a path from the root on, or @ and an abstract one, of at most 107 bytes",
        arguments: [
            "", "/", "@", "run/notify", "vsock:2:1234", "/" + String(repeating: "x", count: 107),
        ])
    func names(_ name: String) {
        #expect(throws: Errno.invalidArgument) { _ = try NotifySocket(name) }
    }

    @Test("a manager that is not there is an error of sending, not of opening")
    func absent() throws {
        let path = try NotifySocket("/nowhere/" + String(repeating: "x", count: 98))
        #expect(throws: Errno.noSuchFile) { try path.send("READY=1") }
        let abstract = try NotifySocket("@tollgate-nothing-listens-here")
        #expect(throws: Errno.connectionRefused) { try abstract.send("READY=1") }
    }
}
