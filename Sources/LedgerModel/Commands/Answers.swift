package import Bytes
package import Encoding

/// What a command does with the answers that clients were given (rule A8).
public enum AnswerAction: Hashable, Sendable {
    /// What the client was answered to the command with that key of the same actor, in the bytes of
    /// the one who answers: a repetition is answered the same. The first one counts.
    case remember(key: String, answer: [UInt8])
}

extension AnswerAction: ActionPart {
    enum Tag: UInt16, RecordTag { case remember = 60 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .remember(let key, let answer): buffer.append(Tag.remember, key, answer)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .remember: try reader.make(Self.remember)
            }
    }

    var asked: AnswerAction {
        switch self {
        case .remember: self
        }
    }
}
