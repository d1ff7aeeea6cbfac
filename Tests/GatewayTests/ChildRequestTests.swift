import Ledger
import Reactor
import Testing

@testable import Gateway

@Suite struct ChildRequestTests {
    private static func request(_ text: String) -> ChildRequest? {
        ChildRequest(Array(text.utf8).span)
    }

    @Test("what a parent asks for is read, and members that are not known are passed over")
    func read() throws {
        let attach = try #require(
            Self.request(
                #"{"id":"A-1._z","clientId":"c","userName":"u","password":"p","#
                    + #""sessionExpirySeconds":60,"more":true}"#))
        #expect(attach.id == "A-1._z" && attach.clientID == Array("c".utf8))
        #expect(attach.userName == Array("u".utf8) && attach.password == Array("p".utf8))
        #expect(attach.sessionExpirySeconds == 60 && attach.child == nil)
        let detach = try #require(Self.request(#"{"pk":"lamp","dk":"a"}"#))
        #expect(detach.child.map { "\($0)" } == "lamp.a" && detach.id.isEmpty)
        #expect(Self.request("{}")?.child == nil && Self.request("{}") != nil)
    }

    @Test(
        "what is not of the form is no request",
        arguments: [
            "", "7", "[]", #"{"id":""}"#, #"{"id":"a b"}"#, #"{"id":7}"#, #"{"id":"\""}"#,
            #"{"clientId":null}"#, #"{"pk":"a/b"}"#, #"{"dk":""}"#,
            #"{"sessionExpirySeconds":-1}"#, #"{"sessionExpirySeconds":"60"}"#,
            #"{"sessionExpirySeconds":4294967296}"#, #"{"id":"a","id":"b"}"#,
        ])
    func malformed(text: String) { #expect(Self.request(text) == nil) }

    @Test("a request has an end: its bytes, and those of its name")
    func bounds() {
        #expect(Self.request(#"{"id":"\#(String(repeating: "a", count: 64))"}"#) != nil)
        #expect(Self.request(#"{"id":"\#(String(repeating: "a", count: 65))"}"#) == nil)
        let most = ChildRequest.maximumBytes - #"{"password":""}"#.utf8.count
        #expect(Self.request(#"{"password":"\#(String(repeating: "p", count: most))"}"#) != nil)
        #expect(Self.request(#"{"password":"\#(String(repeating: "p", count: most + 1))"}"#) == nil)
    }
}
