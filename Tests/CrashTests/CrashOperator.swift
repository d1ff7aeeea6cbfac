import Glibc
import Ledger
import Linux
import Randomness
import Support
import Synchronization
import TestFiles

/// An operator at the API: buys codes and assigns them, a write at a time, each under an idempotency key
/// of its own. What had no answer when the gateway was killed is sent again, as it was, to the next.
final class CrashOperator: Sendable {
    private enum Write: Sendable {
        case purchase(UInt64)
        case assignment(UInt64)
    }

    private struct State {
        /// Answered with 201.
        var bought: UInt64 = 0
        var assigned: UInt64 = 0
        var answered = 0

        /// The write that is under way, under the key of its number.
        var pending: Write?
        var complaints: [String] = []
    }

    private let account: AccountID
    private let product: ProductKey
    private let token: String
    private let state = Mutex(State())

    init(account: AccountID, product: ProductKey, token: String) {
        (self.account, self.product, self.token) = (account, product, token)
    }

    var answered: Int { state.withLock { $0.answered } }
    var complaints: [String] { state.withLock { $0.complaints } }

    /// What the account must have unassigned, and the product assigned, beside what was there before:
    /// exactly that when nothing is under way, else either with or without it.
    func findings(unassigned: UInt64, assigned: UInt64) -> [String] {
        state.withLock { state in
            func isRight(_ bought: UInt64, _ given: UInt64) -> Bool {
                unassigned == bought - given && assigned == given
            }
            if isRight(state.bought, state.assigned) { return [] }
            switch state.pending {
            case .purchase(let count) where isRight(state.bought + count, state.assigned): return []
            case .assignment(let count) where isRight(state.bought, state.assigned + count):
                return []
            case .none, .purchase, .assignment:
                return [
                    "\(state.bought) codes bought and \(state.assigned) assigned, as answered;"
                        + " the books have \(unassigned) unassigned and \(assigned) assigned"
                ]
            }
        }
    }

    /// Writes until the gateway is gone.
    func run(_ port: UInt16, seed: UInt64, _ witness: Witness) {
        var random = SplitMix64(seed: seed)
        while !witness.isOver {
            let write = next(&random)
            do {
                let (status, answer) = try send(write, number: answered, to: port)
                guard status == 201 else {
                    if status != 0 { witness.complain("the API answered \(status): \(answer)") }
                    continue
                }
                note(write)
            } catch {
                witness.complain("the API: \(error)")
            }
        }
    }

    /// Sends what is under way again, so that nothing is.
    func settle(_ port: UInt16) throws {
        guard let write = state.withLock({ $0.pending }) else { return }
        let (status, answer) = try send(write, number: answered, to: port)
        if status == 201 {
            note(write)
        } else {
            state.withLock { $0.complaints.append("sent again: \(status) \(answer)") }
        }
    }

    private func next(_ random: inout SplitMix64) -> Write {
        let count = UInt64.random(in: 1...5, using: &random)
        let isPurchase = Bool.random(using: &random)
        return state.withLock { state in
            if let pending = state.pending { return pending }
            let spare = state.bought - state.assigned
            let write: Write =
                isPurchase || spare < count ? .purchase(count) : .assignment(count)
            state.pending = write
            return write
        }
    }

    private func note(_ write: Write) {
        state.withLock { state in
            switch write {
            case .purchase(let count): state.bought += count
            case .assignment(let count): state.assigned += count
            }
            state.answered += 1
            state.pending = nil
        }
    }

    /// The status, 0 when the connection ended before one came, and all that was answered.
    private func send(_ write: Write, number: Int, to port: UInt16) throws -> (Int, String) {
        let (list, extra) =
            switch write {
            case .purchase: ("purchases", "")
            case .assignment: ("assignments", #","product":"\#(product)""#)
            }
        let quantity =
            switch write {
            case .purchase(let count), .assignment(let count): count
            }
        let body = #"{"package":"basic","quantity":\#(quantity)\#(extra)}"#
        let request = """
            POST /v1/accounts/\(account)/\(list) HTTP/1.1\r
            Host: localhost\r
            Authorization: Bearer \(token)\r
            Idempotency-Key: write-\(number)\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r
            \(body)
            """
        let answer = try exchange(Array(request.utf8), port)
        let words = answer.prefix { $0 != "\r\n" }.split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0, answer)
    }

    /// Sends bytes, and reads until the other side closes or is gone.
    private func exchange(_ bytes: [UInt8], _ port: UInt16) throws -> String {
        let descriptor = try SocketHandle.connect(to: SocketAddress(.loopbackIPv4, port: port))
        let number = descriptor.rawValue
        let flags = fcntl(number, F_GETFL)
        guard fcntl(number, F_SETFL, flags & ~O_NONBLOCK) == 0 else {
            throw Errno(rawValue: errno)
        }
        // Safe: each call stays inside the array it is given.
        guard unsafe Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) > 0 else {
            return ""
        }
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe recv(number, &piece, piece.count, 0)
            guard count > 0 else { break }
            answer += piece[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
