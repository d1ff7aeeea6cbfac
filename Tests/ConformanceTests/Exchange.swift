/// Bytes that a client sends, and all that must come back before the connection is closed.
struct Exchange {
    enum Answer: Equatable {
        /// Closed without a word.
        case closed

        /// CONNACK with that code, without Session Present, then closed.
        case connack(UInt8)

        /// DISCONNECT with that code, then closed.
        case disconnect(UInt8)
    }

    /// The statements and a few words.
    let rule: String
    let bytes: [UInt8]
    let answer: Answer

    init(_ rule: String, _ bytes: [UInt8], _ answer: Answer) {
        self.rule = rule
        self.bytes = bytes
        self.answer = answer
    }
}
